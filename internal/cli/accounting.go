package cli

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"quarry/internal/accounting"
	"quarry/internal/manager"
)

type accountingOptions struct {
	from, to, tenant string
	by               []string
}

func newAccounting(a *app) *cobra.Command {
	var o accountingOptions
	cmd := group(&cobra.Command{
		Use:   "accounting",
		Short: "Add up what clusters held: vCPU-seconds, GiB-seconds, address-seconds",
		Long: withExit(`Add up what clusters held, from their events, to the second: vCPUs, memory and
outside addresses, each times the seconds for which it was held. Tenants see
their own, the provider sees all.

  window   from the hand-over to the end of the window: what a tenant had
  prepare  before it, from the beginning of the preparation: what it cost

A cluster that is late is prepared until it is handed over. Wiping does not
count. What is not over yet counts until now.

The window is [--from, --to): instants, or days, which are UTC. --by says what
has rows of its own beside the tenants: --by cluster, --by day, or both.`, exitsRefused, exitsNotFound),
		Example: `quarry accounting --from 2026-01-01 --to 2026-02-01
quarry accounting --by cluster,day -o csv > january.csv
quarry accounting --tenant chem --by day --context provider`,
	}, newAccountingAudit(a))
	unknown := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknown(cmd, args)
		}
		return a.accounting(cmd.Context(), o)
	}
	alsoOutputs(cmd, "csv")
	addWindow(cmd, &o.from, &o.to)
	f := cmd.Flags()
	f.StringVar(&o.tenant, "tenant", "", "only that tenant's (provider)")
	f.StringSliceVar(&o.by, "by", []string{"tenant"}, "what has rows of its own: tenant, cluster, day")
	must(cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"tenant", "cluster", "day"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

func addWindow(cmd *cobra.Command, from, to *string) {
	cmd.Flags().StringVar(from, "from", "", "an instant, or a day (the first of this month)")
	cmd.Flags().StringVar(to, "to", "", "an instant, or a day, which is not counted any more (now)")
}

// past reads --from and --to.
func past(from, to string, now time.Time) (begin, end time.Time, err error) {
	begin = time.Date(now.UTC().Year(), now.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
	if from != "" {
		if begin, err = instantOrDay("--from", from, time.UTC); err != nil {
			return begin, end, err
		}
	}
	if to != "" {
		end, err = instantOrDay("--to", to, time.UTC)
	}
	return begin, end, err
}

func (a *app) accounting(ctx context.Context, o accountingOptions) error {
	if _, err := accounting.ParseBy(o.by); err != nil {
		return usage("--by: %v", err)
	}
	from, to, err := past(o.from, o.to, a.now())
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	r, err := client.Accounting(ctx, o.tenant, from, to, o.by)
	if err != nil {
		return err
	}
	if a.output == "csv" {
		return accountsCSV(a.out, r)
	}
	return a.print(r, func(w io.Writer) { showAccounts(w, r) })
}

func showAccounts(w io.Writer, r accounting.Accounts) {
	by := accounting.By{}
	for _, row := range r.Rows {
		by.Cluster, by.Day = by.Cluster || row.Cluster != "", by.Day || row.Day != ""
	}
	head := []string{"TENANT"}
	if by.Cluster {
		head = append(head, "CLUSTER")
	}
	if by.Day {
		head = append([]string{"DAY"}, head...)
	}
	head = append(head, "VCPU-S", "GIB-S", "ADDRESS-S", "PREPARE VCPU-S", "PREPARE GIB-S", "PREPARE ADDRESS-S")
	var rows [][]string
	line := func(row accounting.Account) {
		cells := []string{row.Tenant}
		if by.Cluster {
			cells = append(cells, row.Cluster)
		}
		if by.Day {
			cells = append([]string{row.Day}, cells...)
		}
		rows = append(rows, append(append(cells, useCells(row.Window)...), useCells(row.Prepare)...))
	}
	for _, row := range r.Rows {
		line(row)
	}
	total := r.Total
	if total.Tenant = "total"; by.Day {
		total.Tenant, total.Day = "", "total"
	}
	line(total)
	fmt.Fprintf(w, "%s to %s\n", stamp(r.From), stamp(r.To))
	printTable(w, head, rows)
}

func useCells(u accounting.Used) []string {
	return []string{strconv.FormatInt(u.VCPUSeconds, 10), gib(u), strconv.FormatInt(u.AddressSeconds, 10)}
}

// gib is exact: 1/1024 has ten decimals.
func gib(u accounting.Used) string {
	whole, rest := u.MiBSeconds/1024, u.MiBSeconds%1024
	if rest == 0 {
		return strconv.FormatInt(whole, 10)
	}
	return strconv.FormatInt(whole, 10) + strconv.FormatFloat(float64(rest)/1024, 'f', -1, 64)[1:]
}

func accountsCSV(w io.Writer, r accounting.Accounts) error {
	out := csv.NewWriter(w)
	lines := [][]string{{
		"day", "tenant", "cluster", "cluster_id", "vcpu_seconds", "gib_seconds", "address_seconds",
		"prepare_vcpu_seconds", "prepare_gib_seconds", "prepare_address_seconds",
	}}
	for _, row := range r.Rows {
		lines = append(lines, append(append([]string{row.Day, row.Tenant, row.Cluster, row.ClusterID}, useCells(row.Window)...), useCells(row.Prepare)...))
	}
	return out.WriteAll(lines)
}

func newAccountingAudit(a *app) *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Compare the accounts with the clusters' own records (provider)",
		Long: withExit(`Compare, for every cluster that may have held something in the window, what its
events say with its own record: what it holds now, when it was handed over, when
its window ended; one that never grew or shrank is added up from its record
alone, too. A difference is a failure.`, exitsRefused),
		Example: "quarry accounting audit --from 2026-01-01 --context provider",
		Args:    args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			begin, end, err := past(from, to, a.now())
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			audit, err := client.AuditAccounting(cmd.Context(), begin, end)
			if err != nil {
				return err
			}
			if err := a.print(audit, func(w io.Writer) { showAudit(w, audit) }); err != nil {
				return err
			}
			if n := len(audit.Findings); n > 0 {
				return fmt.Errorf("the accounts differ from the records in %d places", n)
			}
			return nil
		},
	}
	addWindow(cmd, &from, &to)
	return cmd
}

func showAudit(w io.Writer, audit manager.Audit) {
	if len(audit.Findings) == 0 {
		fmt.Fprintf(w, "%d clusters from %s to %s: the accounts are what their records say\n", audit.Clusters, stamp(audit.From), stamp(audit.To))
		return
	}
	var rows [][]string
	for _, f := range audit.Findings {
		rows = append(rows, []string{f.Tenant + "/" + f.Cluster, f.ClusterID, f.Message})
	}
	printTable(w, []string{"CLUSTER", "ID", "DIFFERENCE"}, rows)
}
