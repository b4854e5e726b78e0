package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/cluster"
	"quarry/internal/manager"
)

// editOptions are the flags of the commands that change a cluster, as written.
type editOptions struct {
	by, end, start, length string
	appliance              string
	count                  int
	dryRun                 bool
}

const exitsNoRoom = "3  refused: not in its state, or no room; what there is room for is shown"

func newClusterExtend(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "extend NAME", "Move the end of a cluster later", `Give a cluster more time, also while it is in use: nothing changes inside it but
the end of its window. Where the time after its end belongs to others it is
refused, with who they are and what there is room for. A cluster in use can be
extended until 10 seconds before its end.`,
		"quarry cluster extend farm --by 30m\nquarry cluster extend farm --end 2030-05-01T18:00:00Z --dry-run")
	o.endFlags(cmd, "by how much, as in 30m")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ch, err := o.newEnd(manager.Extend)
		if err != nil {
			return err
		}
		return a.edit(cmd.Context(), args[0], ch, o.dryRun)
	}
	return cmd
}

func newClusterShorten(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "shorten NAME", "Move the end of a cluster earlier", `Give time back. The new end must be after the cluster's start and after now: to
end it at once there is "quarry cluster end".`,
		"quarry cluster shorten farm --by 1h\nquarry cluster shorten farm --end 2030-05-01T16:00:00Z")
	o.endFlags(cmd, "by how much, as in 30m")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ch, err := o.newEnd(manager.Shorten)
		if err != nil {
			return err
		}
		return a.edit(cmd.Context(), args[0], ch, o.dryRun)
	}
	return cmd
}

func newClusterMove(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "move NAME", "Give a cluster another window", `Give a cluster another window, before its preparation begins. Without --end and
--for it keeps its length. Its vnodes are placed anew as far as needed.`,
		"quarry cluster move farm --start 2030-05-02T08:00:00Z\nquarry cluster move farm --start +3h --for 2h")
	f := cmd.Flags()
	f.StringVar(&o.start, "start", "", "the new start: +8m or an instant")
	f.StringVar(&o.end, "end", "", "the new end, an instant as in 2026-01-31T09:00[Europe/Berlin]")
	f.StringVar(&o.length, "for", "", "the new length of the window, as in 2h")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ch, err := o.newWindow(a.now())
		if err != nil {
			return err
		}
		return a.edit(cmd.Context(), args[0], ch, o.dryRun)
	}
	return cmd
}

func newClusterGrow(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "grow NAME", "Add nodes to a cluster", `Add nodes of an appliance that the cluster has, of the same size and made from
the same packages as the others. In a cluster whose preparation has begun they
are made at once and join when they are up; nothing happens to the others but
that they get to know them. Names and addresses of the others stay.`,
		"quarry cluster grow farm --by 2\nquarry cluster grow pages --appliance web --by 1")
	cmd.Flags().StringVar(&o.appliance, "appliance", cluster.Compute, "of which nodes there are to be more")
	cmd.Flags().IntVar(&o.count, "by", 1, "how many more")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ch := manager.Change{Operation: manager.Grow, Appliance: o.appliance, Count: o.count}
		return a.edit(cmd.Context(), args[0], ch, o.dryRun)
	}
	must(cmd.RegisterFlagCompletionFunc("appliance", a.completeAppliances))
	return cmd
}

func newClusterShrink(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "shrink NAME [NODE...]", "Take nodes from a cluster", `Give nodes back: those that are named, or with --by those of an appliance that
came last. The others forget them, then they are shut down and their disks are
wiped: what was on them is lost. The gateway cannot be given back. Names and
addresses of the others stay.`,
		"quarry cluster shrink farm compute-3\nquarry cluster shrink farm --by 2")
	cmd.Use = "shrink NAME [NODE...]"
	cmd.Args = cobra.MinimumNArgs(1)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, given []string, start string) ([]string, cobra.ShellCompDirective) {
		if len(given) == 0 {
			return a.completeClusters(cmd, given, start)
		}
		return a.completeNodes(cmd, given, start)
	}
	cmd.Flags().StringVar(&o.appliance, "appliance", "", "of which nodes there are to be fewer (default compute)")
	cmd.Flags().IntVar(&o.count, "by", 0, "how many fewer")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 && !cmd.Flags().Changed("by") {
			return usage("say which nodes are to go, or --by how many")
		}
		ch := manager.Change{Operation: manager.Shrink, Nodes: args[1:], Appliance: o.appliance, Count: o.count}
		return a.edit(cmd.Context(), args[0], ch, o.dryRun)
	}
	must(cmd.RegisterFlagCompletionFunc("appliance", a.completeAppliances))
	return cmd
}

func newClusterConfirm(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "confirm NAME", "Make a held cluster a booked one", `Confirm a cluster that was made with --hold, before the hold is over. One that is
booked already stays as it is.`, "quarry cluster create farm --roll condor --compute 4 --start +3h --hold 15m\nquarry cluster confirm farm")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.edit(cmd.Context(), args[0], manager.Change{Operation: manager.Confirm}, o.dryRun)
	}
	return cmd
}

func newClusterRelease(a *app) *cobra.Command {
	var o editOptions
	cmd := a.editCommand(&o, "release NAME", "Give up a held cluster", `Give up a cluster that was made with --hold. A booked one is cancelled instead.`, "quarry cluster release farm")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.edit(cmd.Context(), args[0], manager.Change{Operation: manager.Release}, o.dryRun)
	}
	return cmd
}

// editCommand is what all commands have that change a cluster.
func (a *app) editCommand(o *editOptions, use, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: withExit(long, exitsNoRoom, exitsNotFound), Example: example,
		Args: args("NAME"), ValidArgsFunction: a.completeClusters,
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "say what would become of it, change nothing")
	return cmd
}

func (o *editOptions) endFlags(cmd *cobra.Command, by string) {
	cmd.Flags().StringVar(&o.by, "by", "", by)
	cmd.Flags().StringVar(&o.end, "end", "", "the new end, an instant as in 2026-01-31T09:00[Europe/Berlin]")
}

func (o editOptions) newEnd(op manager.Operation) (manager.Change, error) {
	if (o.by == "") == (o.end == "") {
		return manager.Change{}, usage("give either --by or --end")
	}
	ch := manager.Change{Operation: op}
	var err error
	if o.end != "" {
		if ch.End, err = parseInstant(o.end); err != nil {
			return ch, usage("--end: %v", err)
		}
		return ch, nil
	}
	if ch.By, err = parseDuration(o.by); err != nil {
		return ch, usage("--by: %v", err)
	}
	return ch, nil
}

func (o editOptions) newWindow(now time.Time) (manager.Change, error) {
	ch := manager.Change{Operation: manager.Move}
	if o.start == "" || o.end != "" && o.length != "" {
		return ch, usage("give --start, and at most one of --end and --for")
	}
	s, err := parseStart(o.start, now)
	if err != nil {
		return ch, usage("--start: %v", err)
	}
	if s.mode != cluster.StartAt {
		return ch, usage("--start %s: give an instant, or +8m from now", o.start)
	}
	ch.Start = s.at
	if o.end != "" {
		if ch.End, err = parseInstant(o.end); err != nil {
			return ch, usage("--end: %v", err)
		}
	}
	if o.length != "" {
		if ch.By, err = parseDuration(o.length); err != nil {
			return ch, usage("--for: %v", err)
		}
	}
	return ch, nil
}

// edit changes a cluster and says what became of it.
func (a *app) edit(ctx context.Context, name string, ch manager.Change, dryRun bool) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	c, err := client.ChangeCluster(ctx, name, ch, dryRun)
	if err != nil {
		return booker{context: a.context, cluster: name}.withCommands(err)
	}
	return a.print(c, func(w io.Writer) { sayChanged(w, c, ch, dryRun) })
}

func sayChanged(w io.Writer, c cluster.Cluster, ch manager.Change, dryRun bool) {
	verb := "is"
	if dryRun {
		verb = "would be"
	}
	fmt.Fprintf(w, "%s %s %s from %s to %s: %d nodes\n", c.Name, verb, c.State, stamp(c.Start), stamp(c.End), len(c.Nodes))
	var joining, leaving []string
	for _, n := range c.Nodes {
		switch {
		case n.Joining:
			joining = append(joining, n.Name)
		case n.Leaving:
			leaving = append(leaving, n.Name)
		}
	}
	if len(joining) > 0 {
		fmt.Fprintf(w, "Joining: %s\n", strings.Join(joining, ", "))
	}
	if len(leaving) > 0 {
		fmt.Fprintf(w, "Leaving: %s\n", strings.Join(leaving, ", "))
	}
}

// changeCommand is the command that does a change.
func (b booker) changeCommand(ch manager.Change) string {
	words := []string{"quarry cluster " + string(ch.Operation)}
	if b.context != "" {
		words = append(words, "--context "+quote(b.context))
	}
	words = append(words, b.cluster)
	for _, n := range ch.Nodes {
		words = append(words, quote(n))
	}
	if !ch.Start.IsZero() {
		words = append(words, "--start "+ch.Start.UTC().Format(time.RFC3339))
	}
	if !ch.End.IsZero() {
		words = append(words, "--end "+ch.End.UTC().Format(time.RFC3339))
	}
	if ch.Appliance != "" {
		words = append(words, "--appliance "+quote(ch.Appliance))
	}
	if ch.Count != 0 {
		words = append(words, fmt.Sprintf("--by %d", ch.Count))
	}
	return strings.Join(words, " ")
}

// completeAppliances completes the appliances of the cluster that was named.
func (a *app) completeAppliances(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.completeOf(cmd, given, func(c cluster.Cluster) (names []string) {
		for _, g := range c.Spec.Nodes {
			if g.Appliance != cluster.Gateway {
				names = append(names, g.Appliance)
			}
		}
		return names
	})
}
