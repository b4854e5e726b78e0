package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/manager"
	"quarry/internal/quota"
)

func newTenantShow(a *app) *cobra.Command {
	var defaults bool
	cmd := &cobra.Command{
		Use:   "show [NAME | --default]",
		Short: "Show what a tenant may hold, and what it holds",
		Long: withExit(`Show what a tenant may hold, and what it holds now and at most from now on. A
tenant sees its own without a NAME. Limits of the site's defaults are marked.`, exitsRefused, exitsNotFound),
		Example: `quarry tenant show
quarry tenant show chem --context provider`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if defaults {
				set, err := client.DefaultLimits(cmd.Context())
				if err != nil {
					return err
				}
				return a.print(set, func(w io.Writer) { showDefaults(w, set) })
			}
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			l, err := client.TenantLimits(cmd.Context(), name)
			if err != nil {
				return err
			}
			return a.print(l, func(w io.Writer) { showLimits(w, l) })
		},
		ValidArgsFunction: a.completeTenants,
	}
	cmd.Flags().BoolVar(&defaults, "default", false, "show the site's defaults")
	return cmd
}

// completeTenants completes the name of a tenant, to who may list them.
func (a *app) completeTenants(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	client, err := a.client()
	if err != nil || len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, _ := client.Tenants(cmd.Context())
	names := make([]string, 0, len(all))
	for _, t := range all {
		names = append(names, t.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func showDefaults(w io.Writer, l quota.Limits) {
	var rows [][]string
	for _, r := range limitRows(l, l.Or(quota.Limits{}), quota.Summary{}) {
		rows = append(rows, r[:2])
	}
	printTable(w, []string{"DEFAULT", "VALUE"}, rows)
}

func showLimits(w io.Writer, l manager.TenantLimits) {
	fmt.Fprintf(w, "tenant %s, priority %s, %d clusters booked or running\n\n", l.Tenant, l.Effective.Priority, l.Used.Clusters)
	printTable(w, []string{"LIMIT", "VALUE", "NOW", "PEAK", "PEAK SINCE"}, limitRows(l.Set, l.Effective, l.Used))
}

// limitRows are the limits, one a row, with what is used of them.
func limitRows(set, l quota.Limits, used quota.Summary) [][]string {
	count := func(n int64) string { return fmt.Sprint(n) }
	mib := func(n int64) string { return size(int(n)) }
	seconds := func(n int64) string { return short(time.Duration(n) * time.Second) }
	value := func(own, n int64, text func(int64) string) string {
		switch {
		case n == 0:
			return wordNone
		case own == 0:
			return text(n) + " (default)"
		}
		return text(n)
	}
	level := func(v quota.Level, text func(int64) string) []string {
		at := "-"
		if !v.PeakAt.IsZero() {
			at = stamp(v.PeakAt)
		}
		return []string{text(v.Now), text(v.Peak), at}
	}
	hours := func(n int64) string { return fmt.Sprintf("%d in %s", n, seconds(l.NodeHoursSeconds)) }
	spent, period := "-", "-"
	if !used.Period.IsZero() {
		spent, period = fmt.Sprintf("%.1f", used.NodeHours), stamp(used.Period)
	}
	rows := [][]string{
		append([]string{"max-cpus", value(set.MaxCPUs, l.MaxCPUs, count)}, level(used.CPUs, count)...),
		append([]string{"max-memory", value(set.MaxMemoryMiB, l.MaxMemoryMiB, mib)}, level(used.MemoryMiB, mib)...),
		append([]string{"max-addresses", value(set.MaxAddresses, l.MaxAddresses, count)}, level(used.Addresses, count)...),
		{"max-node-hours", value(set.MaxNodeHours, l.MaxNodeHours, hours), spent, "-", period},
	}
	for _, r := range []struct {
		name   string
		own, n int64
	}{
		{"horizon", set.HorizonSeconds, l.HorizonSeconds},
		{"longest", set.LongestSeconds, l.LongestSeconds},
		{"notice", set.NoticeSeconds, l.NoticeSeconds},
		{"unused-warn", set.UnusedWarnSeconds, l.UnusedWarnSeconds},
		{"unused-reclaim", set.UnusedReclaimSeconds, l.UnusedReclaimSeconds},
	} {
		rows = append(rows, []string{r.name, value(r.own, r.n, seconds), "-", "-", "-"})
	}
	return rows
}
