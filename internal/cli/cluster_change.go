package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
)

func newClusterEnd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "end NAME",
		Short: "End a cluster now, before its window is over",
		Long: withExit(`End a cluster now. Its outside leg closes, its nodes stop, its disks are wiped,
its VLAN and its address return. The command returns once the end is ordered;
"quarry cluster wait NAME --for ended" waits until nothing is left.`, exitsRefused, exitsNotFound),
		Example:           "quarry cluster end farm",
		Args:              args("NAME"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), args[0], "ends now", (*api.Client).EndCluster)
		},
	}
}

func newClusterCancel(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "cancel NAME",
		Short:             "Cancel a cluster that has not started",
		Long:              withExit(`Cancel a booking before its start. What was prepared is torn down.`, exitsRefused, exitsNotFound),
		Example:           "quarry cluster cancel farm",
		Args:              args("NAME"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.change(cmd.Context(), args[0], "is cancelled", (*api.Client).CancelCluster)
		},
	}
}

// change does one thing to a cluster and says what became of it.
func (a *app) change(ctx context.Context, name, done string, do func(*api.Client, context.Context, string) (cluster.Cluster, error)) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	c, err := do(client, ctx, name)
	if err != nil {
		return err
	}
	return a.print(c, func(w io.Writer) { fmt.Fprintf(w, "%s %s (state %s)\n", c.Name, done, c.State) })
}
