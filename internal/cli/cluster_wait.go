package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

func newClusterWait(a *app) *cobra.Command {
	var what, timeout string
	cmd := &cobra.Command{
		Use:   "wait NAME",
		Short: "Wait until a cluster is ready, active or ended",
		Long: withExit(`Wait until a cluster is ready (every node reported in and passed its checks),
active (handed over, reachable from outside) or ended (nothing of it is left,
also after a failure). A manager that restarts meanwhile is waited for. Without
--timeout there is no end to the patience.`,
			"1  failed: the cluster will never get there, and why", exitsRefused, exitsNotFound, exitsTimeout),
		Example:           "quarry cluster wait farm --for active --timeout 15m",
		Args:              args("NAME"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.wait(cmd.Context(), args[0], what, timeout)
		},
	}
	cmd.Flags().StringVar(&what, "for", string(goalActive), "ready, active or ended")
	cmd.Flags().StringVar(&timeout, "timeout", "", "give up after this long, as in 10m")
	must(cmd.RegisterFlagCompletionFunc("for", cobra.FixedCompletions([]string{"ready", "active", "ended"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (a *app) wait(ctx context.Context, name, what, timeout string) error {
	g := goal(what)
	if !slices.Contains([]goal{goalReady, goalActive, goalEnded}, g) {
		return usage("--for %q is not known: write ready, active or ended", what)
	}
	if timeout != "" {
		d, err := parseDuration(timeout)
		if err != nil {
			return usage("--timeout: %v", err)
		}
		cause := &timeoutError{what: fmt.Sprintf("%s was not %s within %s", name, what, timeout)}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, d, cause)
		defer cancel()
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	c, err := a.poller(client, name).until(ctx, g)
	if err != nil {
		return err
	}
	return a.print(c, func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", c.Name, what) })
}
