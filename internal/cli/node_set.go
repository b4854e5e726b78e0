package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// setOptions are the flags of node set, as they were written.
type setOptions struct {
	rack, note, overcommit  string
	tags, untags            []string
	maintenance, noMaintain []string
	changed                 func(flag string) bool
}

func newNodeSet(a *app) *cobra.Command {
	var o setOptions
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Set a pnode's rack, tags, maintenance windows and ratios",
		Long: withExit(`Set what the provider decides about a pnode. What is not named stays as it is.

Nothing is held on a pnode in a maintenance window: booked clusters that have
vnodes there then are planned anew on other pnodes, and told; where there is no
room elsewhere they are said to be at risk. A window over a cluster whose
preparation has begun is refused, because such a cluster does not move.

Tenants require or prefer tags and racks with quarry cluster create --require.

--overcommit gives away more of a resource than there is, in per cent of it:
cpus=400 lets four vnodes share a CPU. It counts instead of the site's ratio
(quarry site set --overcommit); 0 is the site's again.`, exitsRefused, exitsNotFound),
		Example: `quarry node set p1 --rack r1 --tag ssd,fast --untag old --context provider
quarry node set p1 --maintenance 2026-12-01T08:00Z/2h --note "new disks" --context provider
quarry node set p1 --no-maintenance all --overcommit cpus=400,memory=0 --context provider`,
		Args:              args("NAME"),
		ValidArgsFunction: a.completePnodes,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.changed = cmd.Flags().Changed
			return o.run(cmd.Context(), a, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.rack, "rack", "", `the rack it stands in; "" for none`)
	f.StringSliceVar(&o.tags, "tag", nil, "tags to add, separated by commas or repeated")
	f.StringSliceVar(&o.untags, "untag", nil, "tags to take away")
	f.StringArrayVar(&o.maintenance, "maintenance", nil, "a window to add, as BEGIN/LENGTH or BEGIN/END (repeatable)")
	f.StringArrayVar(&o.noMaintain, "no-maintenance", nil, "a window to take away by its begin, or all")
	f.StringVar(&o.overcommit, "overcommit", "", "ratios in per cent, as in cpus=400,memory=100,disk=0")
	f.StringVar(&o.note, "note", "", `a remark that is shown with it; "" for none`)
	return cmd
}

func (o setOptions) run(ctx context.Context, a *app, name string) error {
	var wrong fault.List
	add, begins := o.windows(&wrong)
	ratios := o.ratios(&wrong)
	if len(wrong.Details()) > 0 {
		return &usageError{title: "the settings are not described properly", details: wrong.Details()}
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	was, err := client.Pnode(ctx, name)
	if err != nil {
		return err
	}
	change, err := o.change(was.Settings, add, begins, ratios)
	if err != nil {
		return err
	}
	n, err := client.SetPnode(ctx, name, change, was.Version)
	if err != nil {
		return err
	}
	return a.print(n, func(w io.Writer) { showNode(w, n) })
}

// change is what the flags make of the settings that there are.
func (o setOptions) change(s calendar.Settings, add []calendar.Window, begins []time.Time, ratios map[string]int) (manager.PnodeChange, error) {
	var ch manager.PnodeChange
	if o.changed("rack") {
		ch.Rack = &o.rack
	}
	if o.changed("note") {
		ch.Note = &o.note
	}
	if len(o.tags)+len(o.untags) > 0 {
		tags := slices.DeleteFunc(slices.Clone(s.Tags), func(t string) bool { return slices.Contains(o.untags, t) || slices.Contains(o.tags, t) })
		tags = append(tags, slices.Compact(slices.Sorted(slices.Values(o.tags)))...)
		ch.Tags = &tags
	}
	if len(add)+len(o.noMaintain) > 0 {
		windows := slices.Clone(s.Maintenance)
		for _, at := range begins {
			i := slices.IndexFunc(windows, func(w calendar.Window) bool { return w.From.Equal(at) })
			if i < 0 {
				return ch, usage("--no-maintenance: no window begins at %s", stamp(at))
			}
			windows = slices.Delete(windows, i, i+1)
		}
		if slices.Contains(o.noMaintain, "all") {
			windows = nil
		}
		windows = append(windows, add...)
		if windows == nil {
			windows = []calendar.Window{}
		}
		ch.Maintenance = &windows
	}
	if o.changed("overcommit") {
		next := withRatios(s.Overcommit, ratios)
		ch.Overcommit = &next
	}
	return ch, nil
}

// windows are those to add, and when those begin that are taken away.
func (o setOptions) windows(wrong *fault.List) (add []calendar.Window, begins []time.Time) {
	for _, text := range o.maintenance {
		w, err := parseWindow(text)
		if err != nil {
			wrong.Add("--maintenance", err.Error())
		}
		add = append(add, w)
	}
	for _, text := range o.noMaintain {
		if text == "all" {
			continue
		}
		at, err := parseInstant(text)
		if err != nil {
			wrong.Add("--no-maintenance", err.Error())
		}
		begins = append(begins, at)
	}
	return add, begins
}

func (o setOptions) ratios(wrong *fault.List) map[string]int {
	if !o.changed("overcommit") {
		return nil
	}
	ratios, err := parseRatios(o.overcommit)
	if err != nil {
		wrong.Add("--overcommit", err.Error())
	}
	return ratios
}

// parseWindow reads BEGIN/LENGTH or BEGIN/END.
func parseWindow(text string) (calendar.Window, error) {
	wrong := fmt.Errorf("%q is not a window: write BEGIN/LENGTH or BEGIN/END, as in 2026-12-01T08:00Z/2h", text)
	begin, end, found := strings.Cut(text, "/")
	if strings.Contains(begin, "[") { // of a time zone, with a slash in it
		begin, end, found = strings.Cut(text, "]/")
		begin += "]"
	}
	from, err := parseInstant(begin)
	if !found || err != nil {
		return calendar.Window{}, wrong
	}
	if to, err := parseInstant(end); err == nil {
		return calendar.Window{From: from, To: to}, nil
	}
	length, err := parseDuration(end)
	if err != nil {
		return calendar.Window{}, wrong
	}
	return calendar.Window{From: from, To: from.Add(length)}, nil
}

// parseRatios reads "cpus=400,memory=100".
func parseRatios(text string) (map[string]int, error) {
	ratios := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		name, number, found := strings.Cut(part, "=")
		n, err := strconv.Atoi(number)
		if _, twice := ratios[name]; !found || err != nil || n < 0 || twice || !slices.Contains([]string{"cpus", "memory", "disk"}, name) {
			return nil, fmt.Errorf("%q in %q is not a ratio: write cpus, memory or disk, once each, with per cent, as in cpus=400", part, text)
		}
		ratios[name] = n
	}
	return ratios, nil
}

func withRatios(o calendar.Overcommit, ratios map[string]int) calendar.Overcommit {
	for name, to := range map[string]*int{"cpus": &o.CPUs, "memory": &o.Memory, "disk": &o.Disk} {
		if percent, given := ratios[name]; given {
			*to = percent
		}
	}
	return o
}

// showSettings writes what the provider decided about a pnode.
func showSettings(w io.Writer, n manager.PnodeInfo) {
	fmt.Fprintf(w, "gives away  %d CPUs, %s memory, %s disk\n", n.Offers.CPUs, size(n.Offers.MemoryMiB), size(n.Offers.DiskMiB))
	s := n.Settings
	if s.Overcommit != (calendar.Overcommit{}) {
		fmt.Fprintf(w, "overcommit  %s\n", showRatios(s.Overcommit, "the site's"))
	}
	for _, window := range s.Maintenance {
		fmt.Fprintf(w, "maintained  %s to %s\n", stamp(window.From), stamp(window.To))
	}
	if s.Note != "" {
		fmt.Fprintf(w, "note        %s\n", s.Note)
	}
}

func showRatios(o calendar.Overcommit, usual string) string {
	text := func(percent int) string {
		if percent == 0 {
			return usual
		}
		return fmt.Sprintf("%d%%", percent)
	}
	return fmt.Sprintf("cpus %s, memory %s, disk %s", text(o.CPUs), text(o.Memory), text(o.Disk))
}
