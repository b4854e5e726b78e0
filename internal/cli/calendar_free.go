package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// freeOptions are the flags of calendar free, as they were written.
type freeOptions struct {
	appliance    string
	cpus         int
	memory, disk string
	require      []string
	apart        bool
	bestEffort   bool
	from, length string
}

func newCalendarFree(a *app) *cobra.Command {
	var o freeOptions
	cmd := &cobra.Command{
		Use:   "free",
		Short: "Say what is free in a window",
		Long: withExit(`Say what is free for a cluster with a window, at every second that it would hold:
CPUs, memory and disk in all, and how many nodes of a size fit beside nothing else.
The usual time for preparation before the window and the wiping after it are part
of what it would hold. What best-effort clusters hold there and would yield to a
booking is told beside it; --best-effort asks for a cluster that nobody yields to.
The provider also sees what each pnode has free.`, exitsNoFit),
		Example: `quarry calendar free --appliance compute=8 --cpus 2 --memory 2G --from 2026-12-01T08:00Z --for 10h
quarry calendar free --from +1d --for 2h -o json`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), a) },
	}
	f := cmd.Flags()
	f.StringVar(&o.appliance, "appliance", "compute", "the nodes' appliance as NAME, or as NAME=N for N of them")
	f.IntVar(&o.cpus, "cpus", 0, "CPUs of a node")
	f.StringVar(&o.memory, "memory", "", "memory of a node, as in 512M")
	f.StringVar(&o.disk, "disk", "", "disk of a node, as in 4G")
	f.StringSliceVar(&o.require, "require", nil, "labels that their pnodes have, separated by commas or repeated")
	f.BoolVar(&o.apart, "apart", false, "no two of them on one pnode")
	f.BoolVar(&o.bestEffort, "best-effort", false, "for a best-effort cluster, to which nobody yields")
	f.StringVar(&o.from, "from", "now", "where the window begins: now, +2h, a day or an instant")
	f.StringVar(&o.length, "for", "1h", "length of the window")
	return cmd
}

func (o freeOptions) run(ctx context.Context, a *app) error {
	q, err := o.question(a.now())
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	free, err := client.Free(ctx, q)
	if err != nil {
		return err
	}
	if err := a.print(free, func(w io.Writer) { showFree(w, free) }); err != nil {
		return err
	}
	if !free.Enough {
		return exitStatus(exitRefused)
	}
	return nil
}

func (o freeOptions) question(now time.Time) (manager.FreeQuestion, error) {
	var wrong fault.List
	var q manager.FreeQuestion
	q.Vnode.Appliance = o.appliance
	if g, err := parseCount(o.appliance); err == nil {
		q.Vnode = g
	} else if !cluster.ValidName(o.appliance) {
		wrong.Add("--appliance", fmt.Sprintf("%q is neither NAME nor NAME=N, as in compute=8", o.appliance))
	}
	if o.cpus < 0 {
		wrong.Add("--cpus", fmt.Sprintf("%d is no number of CPUs: give 1 or more", o.cpus))
	}
	q.Vnode.CPUs = o.cpus
	q.Vnode.MemoryMiB = sizeOrZero(o.memory, "--memory", &wrong)
	q.Vnode.DiskMiB = sizeOrZero(o.disk, "--disk", &wrong)
	q.Vnode.Require, q.Vnode.Apart = o.require, o.apart
	q.BestEffort = o.bestEffort
	length, err := parseDuration(o.length)
	if err != nil {
		wrong.Add("--for", err.Error())
	}
	from, err := windowStart(o.from, now, length)
	if err != nil {
		wrong.Add("--from", err.Error())
	}
	if o.from != "now" && o.from != "" {
		q.From = from
	}
	q.To = from.Add(length)
	if len(wrong.Details()) > 0 {
		return q, &usageError{title: "the question is not described properly", details: wrong.Details()}
	}
	return q, nil
}

func showFree(w io.Writer, f manager.Free) {
	v := f.Vnode
	fmt.Fprintf(w, "For a window from %s to %s (%s), held from %s to %s:\n\n",
		stamp(f.From), stamp(f.To), short(f.To.Sub(f.From)), stamp(f.HeldFrom), stamp(f.HeldTo))
	fmt.Fprintf(w, "free    %d CPUs, %s memory, %s disk on %d pnodes\n", f.Total.CPUs, size(f.Total.MemoryMiB), size(f.Total.DiskMiB), f.Pnodes)
	for _, p := range f.Pools {
		fmt.Fprintf(w, "%-7s %d of %d\n", p.Pool, p.Free, p.Of)
	}
	fmt.Fprintf(w, "fit     %d %s with %d CPUs, %s memory, %s disk each", f.Fit, v.Appliance, v.CPUs, size(v.MemoryMiB), size(v.DiskMiB))
	if v.Count > 0 && !f.Enough {
		fmt.Fprintf(w, ": fewer than the %d asked for", v.Count)
	}
	fmt.Fprintln(w)
	if b := f.BestEffort; b != nil {
		fmt.Fprintf(w, "\nheld by best effort, yields to a booking:\n        %d CPUs, %s memory, %s disk", b.Total.CPUs, size(b.Total.MemoryMiB), size(b.Total.DiskMiB))
		for _, p := range b.Pools {
			if p.Free > 0 {
				fmt.Fprintf(w, ", %d %s", p.Free, p.Pool)
			}
		}
		fmt.Fprintf(w, "\nfit     %d %s once it has\n", b.Fit, v.Appliance)
	}
	if len(f.Room) == 0 {
		return
	}
	var rows [][]string
	for _, p := range f.Room {
		rows = append(rows, []string{p.Pnode, fmt.Sprint(p.Free.CPUs), size(p.Free.MemoryMiB), size(p.Free.DiskMiB), yesNo(p.Uplink)})
	}
	fmt.Fprintln(w)
	printTable(w, []string{"PNODE", "CPUS", "MEMORY", "DISK", "UPLINK"}, rows)
}
