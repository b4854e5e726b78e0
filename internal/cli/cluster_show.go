package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
)

func newClusterShow(a *app) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a cluster: state, clock, nodes, conditions",
		Long: withExit(`Show a cluster: its state, its window and what is left of it, how early it was
ready or is expected to be, its gateway, and for each node the stage of its
preparation. Of a failed node the last lines of the failing script are shown.

With --watch the view is kept up to date until the cluster is active or over; on
something that is no terminal each change becomes a line.`, exitsRefused, exitsNotFound),
		Example:           "quarry cluster show farm\nquarry cluster show farm --watch\nquarry cluster show farm -o json",
		Args:              args("NAME"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if watch {
				if a.output != "table" {
					return usage("--watch is for people: leave out --output %s, or use \"quarry cluster events %s --follow\"", a.output, args[0])
				}
				return a.watch(cmd.Context(), client, args[0])
			}
			c, err := client.Cluster(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(c, func(w io.Writer) { showCluster(w, c, a.now()) })
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "keep the view up to date until the cluster is active or over")
	return cmd
}

// watch shows a cluster until it is active or over.
func (a *app) watch(ctx context.Context, client *api.Client, name string) error {
	screen := a.screen()
	p := a.poller(client, name)
	p.each = func(c cluster.Cluster) { screen.show(c, a.now()) }
	c, err := p.until(ctx, goalActive)
	screen.finish(c, a.now())
	return err
}
