package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"quarry/internal/api"
	"quarry/internal/cluster"
)

func newClusterEvents(a *app) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "events NAME",
		Short: "Show what happened to a cluster",
		Long: withExit(`Show what happened to a cluster, oldest first. With --follow what happens next
is shown as it happens, until you interrupt it; with -o json each event is then
a line of JSON.`, exitsRefused, exitsNotFound),
		Example:           "quarry cluster events farm\nquarry cluster events farm --follow",
		Args:              args("NAME"),
		ValidArgsFunction: a.completeClusters,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if follow {
				return a.follow(cmd.Context(), client, args[0])
			}
			events, err := client.Events(cmd.Context(), args[0], 0)
			if err != nil {
				return err
			}
			return a.print(events, func(w io.Writer) {
				for _, e := range events {
					sayEvent(w, e)
				}
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens next")
	return cmd
}

// follow prints events as they come, until the user interrupts it.
func (a *app) follow(ctx context.Context, client *api.Client, name string) error {
	for event, err := range client.Follow(ctx, name, 0) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.printEvent(event); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printEvent(e cluster.Event) error {
	switch a.output {
	case "json":
		return json.NewEncoder(a.out).Encode(e)
	case "yaml":
		fmt.Fprintln(a.out, "---")
		return printYAML(a.out, e)
	}
	sayEvent(a.out, e)
	return nil
}

func sayEvent(w io.Writer, e cluster.Event) {
	about := e.Type
	if e.Node != "" {
		about = e.Node
	}
	fmt.Fprintf(w, "%s  %-12s %s\n", stamp(e.Time), about, e.Message)
}
