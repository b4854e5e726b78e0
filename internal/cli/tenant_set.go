package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/fault"
	"quarry/internal/quota"
)

// limitFlags are the flags of tenant set, as they were written.
type limitFlags struct {
	defaults                                bool
	cpus, memory, addresses, nodeHours      string
	horizon, longest, notice, warn, reclaim string
	priority                                string
}

// How a limit is lifted and how it is left to the site.
const (
	wordNone    = "none"
	wordDefault = "default"
)

func newTenantSet(a *app) *cobra.Command {
	var o limitFlags
	cmd := &cobra.Command{
		Use:   "set NAME | --default",
		Short: "Set what a tenant may hold (provider)",
		Long: withExit(`Set what a tenant may hold, or with --default what all may hold for whom nothing
else was set. Limits that are not named stay as they are; "none" lifts one,
"default" leaves it to the site's defaults. What is booked stays booked.

CPUs, memory and addresses are what all clusters of the tenant hold together at
any second; node-hours are vnodes times hours in each period, which for 168h is
a week from Monday on, in UTC. --priority says who is planned anew first when a
pnode is lost and whose best-effort clusters yield last. With --unused-warn, a
cluster that nobody is logged in to and that does nothing is told so after that
time, and with --unused-reclaim ended after that one.`, exitsRefused, exitsNotFound),
		Example: `quarry tenant set chem --max-cpus 64 --max-memory 256G --max-addresses 4 --max-node-hours 1000/168h
quarry tenant set chem --horizon 30d --longest 7d --notice 5m --priority high
quarry tenant set --default --max-cpus 16 --unused-warn 4h --unused-reclaim 12h`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.defaults == (len(args) == 1) {
				return usage("give the NAME of a tenant, or --default for the site's defaults")
			}
			by, err := o.change(cmd.Flags().Changed)
			if err != nil {
				return err
			}
			return o.run(cmd.Context(), a, args, by)
		},
		ValidArgsFunction: a.completeTenants,
	}
	f := cmd.Flags()
	f.BoolVar(&o.defaults, "default", false, "set the site's defaults")
	f.StringVar(&o.cpus, "max-cpus", "", "virtual CPUs at any second")
	f.StringVar(&o.memory, "max-memory", "", "memory at any second, as in 256G")
	f.StringVar(&o.addresses, "max-addresses", "", "addresses on the outside network at any second")
	f.StringVar(&o.nodeHours, "max-node-hours", "", "node-hours in each period, as in 1000/168h")
	f.StringVar(&o.horizon, "horizon", "", "how far ahead a cluster may start, as in 30d")
	f.StringVar(&o.longest, "longest", "", "how long a window may be, as in 7d")
	f.StringVar(&o.notice, "notice", "", "how far ahead a cluster must start, as in 5m")
	f.StringVar(&o.priority, "priority", "", "high, normal or low")
	f.StringVar(&o.warn, "unused-warn", "", "after how long an unused cluster is warned, as in 4h")
	f.StringVar(&o.reclaim, "unused-reclaim", "", "after how long an unused cluster is ended, as in 12h")
	must(cmd.RegisterFlagCompletionFunc("priority", cobra.FixedCompletions([]string{"high", "normal", "low", wordDefault}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func (o limitFlags) run(ctx context.Context, a *app, args []string, by quota.LimitsChange) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	if o.defaults {
		set, err := client.SetDefaultLimits(ctx, by)
		if err != nil {
			return err
		}
		return a.print(set, func(w io.Writer) { showDefaults(w, set) })
	}
	set, err := client.SetTenantLimits(ctx, args[0], by)
	if err != nil {
		return err
	}
	return a.print(set, func(w io.Writer) { showLimits(w, set) })
}

// change is what the flags change; all that is wrong with them is told at once.
func (o limitFlags) change(changed func(string) bool) (quota.LimitsChange, error) {
	var by quota.LimitsChange
	var wrong fault.List
	some := false
	for _, f := range []struct {
		flag, text string
		to         **int64
		read       func(string) (int64, error)
	}{
		{"max-cpus", o.cpus, &by.MaxCPUs, readCount},
		{"max-memory", o.memory, &by.MaxMemoryMiB, readMiB},
		{"max-addresses", o.addresses, &by.MaxAddresses, readCount},
		{"horizon", o.horizon, &by.HorizonSeconds, readSeconds},
		{"longest", o.longest, &by.LongestSeconds, readSeconds},
		{"notice", o.notice, &by.NoticeSeconds, readSeconds},
		{"unused-warn", o.warn, &by.UnusedWarnSeconds, readSeconds},
		{"unused-reclaim", o.reclaim, &by.UnusedReclaimSeconds, readSeconds},
	} {
		if !changed(f.flag) {
			continue
		}
		some = true
		n, err := readLimit(f.text, f.read)
		if err != nil {
			wrong.Add("--"+f.flag, err.Error())
		}
		*f.to = &n
	}
	if changed("max-node-hours") {
		some = true
		if err := o.readNodeHours(&by); err != nil {
			wrong.Add("--max-node-hours", err.Error())
		}
	}
	if changed("priority") {
		some = true
		p := quota.Priority(strings.TrimSuffix(o.priority, wordDefault))
		by.Priority = &p
	}
	if !some {
		wrong.Add("", "nothing to set: name at least one limit, as in --max-cpus 64")
	}
	if len(wrong.Details()) > 0 {
		return by, &usageError{title: "the limits are not described properly", details: wrong.Details()}
	}
	return by, nil
}

func readLimit(text string, read func(string) (int64, error)) (int64, error) {
	switch text {
	case wordNone:
		return quota.None, nil
	case wordDefault:
		return 0, nil
	}
	return read(text)
}

func readCount(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no number of 1 or more, nor %s or %s", text, wordNone, wordDefault)
	}
	return n, nil
}

func readMiB(text string) (int64, error) {
	n, err := parseSize(text)
	return int64(n), err
}

func readSeconds(text string) (int64, error) {
	d, err := parseDuration(text)
	if err == nil && d < time.Second {
		err = fmt.Errorf("%q is less than a second", text)
	}
	return int64(d / time.Second), err
}

// readNodeHours reads "1000/168h".
func (o limitFlags) readNodeHours(by *quota.LimitsChange) error {
	amount, period, found := strings.Cut(o.nodeHours, "/")
	n, err := readLimit(amount, readCount)
	if err != nil || found != (n > 0) {
		return fmt.Errorf("%q is not HOURS/PERIOD as in 1000/168h, nor %s or %s", o.nodeHours, wordNone, wordDefault)
	}
	by.MaxNodeHours = &n
	var seconds int64
	if found {
		if seconds, err = readSeconds(period); err != nil {
			return err
		}
	}
	by.NodeHoursSeconds = &seconds
	return nil
}
