package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/manager"
)

func newNode(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:     "node",
		Aliases: []string{"nodes", "pnode"},
		Short:   "The machines of the site (provider)",
	},
		newNodeList(a), newNodeShow(a), newNodeSet(a),
		newNodeDrain(a, "drain", "Place no further vnodes on a pnode", true),
		newNodeDrain(a, "undrain", "Place vnodes on a pnode again", false),
		newNodeToken(a),
	)
}

func newNodeList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the pnodes",
		Long:    withExit("List the pnodes of the site and what they offer.", exitsRefused),
		Example: "quarry node list --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Pnodes(cmd.Context())
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) { listNodes(w, all) })
		},
	}
}

func listNodes(w io.Writer, all []manager.PnodeInfo) {
	var rows [][]string
	for _, n := range all {
		rows = append(rows, []string{
			n.Name, n.State, fmt.Sprint(n.Facts.CPUs), size(n.Facts.MemoryMiB), size(n.Facts.DiskMiB),
			dash(n.Facts.Accelerator), yesNo(n.Facts.Uplink), dash(n.Settings.Rack), dash(strings.Join(n.Settings.Tags, ",")), fmt.Sprint(len(n.Vnodes)), stamp(n.LastSeen),
		})
	}
	printTable(w, []string{"NAME", "STATE", "CPUS", "MEMORY", "DISK", "ACCEL", "UPLINK", "RACK", "TAGS", "VNODES", "SEEN"}, rows)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func newNodeShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Show a pnode",
		Long:              withExit("Show what a pnode offers, what is placed on it, and what it complains of.", exitsRefused, exitsNotFound),
		Example:           "quarry node show p1 --context provider",
		Args:              args("NAME"),
		ValidArgsFunction: a.completePnodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			n, err := client.Pnode(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(n, func(w io.Writer) { showNode(w, n) })
		},
	}
}

func showNode(w io.Writer, n manager.PnodeInfo) {
	listNodes(w, []manager.PnodeInfo{n})
	fmt.Fprintf(w, "\nenrolled    %s\nhypervisor  %s\nversion     %s\nvnodes      %s\n",
		stamp(n.EnrolledAt), dash(n.Facts.Hypervisor), dash(n.Facts.Version), orNone(n.Vnodes))
	showSettings(w, n)
	if n.ClockAheadSeconds != 0 {
		fmt.Fprintf(w, "clock       %s\n", clockAhead("it is", n.ClockAheadSeconds))
	}
	if len(n.Errors) > 0 {
		fmt.Fprintf(w, "errors\n%s\n", indent(strings.Join(n.Errors, "\n"), "  "))
	}
}

// clockAhead says that a clock is off, "" if it is not.
func clockAhead(whose string, seconds float64) string {
	off := time.Duration(seconds * float64(time.Second))
	switch {
	case off > 0:
		return fmt.Sprintf("%s %s ahead: set it right", whose, off)
	case off < 0:
		return fmt.Sprintf("%s %s behind: set it right", whose, -off)
	}
	return ""
}

func newNodeDrain(a *app, verb, summary string, drain bool) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " NAME",
		Short:             summary,
		Long:              withExit(summary+". What runs there stays until its end.", exitsRefused, exitsNotFound),
		Example:           "quarry node " + verb + " p1 --context provider",
		Args:              args("NAME"),
		ValidArgsFunction: a.completePnodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.drain(cmd.Context(), args[0], drain)
		},
	}
}

func (a *app) drain(ctx context.Context, name string, drain bool) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	n, err := client.DrainPnode(ctx, name, drain)
	if err != nil {
		return err
	}
	return a.print(n, func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", n.Name, n.State) })
}

func newNodeToken(a *app) *cobra.Command {
	var expires string
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a one-time token with which a pnode enrols",
		Long: withExit(`Make a token with which the machine of that name enrols: once, and soon. It is
shown this one time. On the machine:

  quarry agent enroll --server URL --name NAME --token-file FILE --ca FILE`, exitsRefused),
		Example: "quarry node token p4 --context provider",
		Args:    args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := parseDuration(expires)
			if err != nil {
				return usage("--expires: %v", err)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			t, err := client.PnodeToken(cmd.Context(), args[0], d)
			if err != nil {
				return err
			}
			return a.print(t, func(w io.Writer) { fmt.Fprintln(w, t.Token) })
		},
	}
	cmd.Flags().StringVar(&expires, "expires", "1h", "how long the token is good for")
	return cmd
}

func (a *app) completePnodes(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := client.Pnodes(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var names []string
	for _, n := range all {
		names = append(names, n.Name+"\t"+n.State)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
