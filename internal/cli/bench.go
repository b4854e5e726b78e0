package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/bench"
)

func newBench(a *app) *cobra.Command {
	return group(&cobra.Command{
		Use:   "bench",
		Short: "Measure parts of Quarry on this machine",
		Long: `Measure parts of Quarry on this machine, with the code that the manager runs.
No site is needed.`,
		Example: "quarry bench calendar --pnodes 10000 --held 0,1000,3000,10000 --durable",
	}, newBenchCalendar(a))
}

func newBenchCalendar(a *app) *cobra.Command {
	var b bench.Calendar
	var held []string
	var list bool
	cmd := &cobra.Command{
		Use:   "calendar",
		Short: "Measure how fast clusters are booked, and refused",
		Long: withExit(`Measure the calendar of a site with many pnodes, with so many bookings held.
Each booking is a gateway and 1 to 60 compute nodes, each with a pnode for
itself, for 1 to 15 hours; together they hold 70 % of the site.

  admit     clients book at the same time, each waiting until it is durable
  earliest  the first start of 1,000 nodes for 10 hours
  refuse    1,000 nodes and more for 10 hours: why not, and at least three
            alternatives, each placed on trial
  memory    resident memory of the process
  open      reading all of it from the store, as a manager does at its start

With --list nothing is measured: the requests are shown, for comparing with
something else (test/peers/slurm-calendar.sh does).

With --durable an admission is a transaction of a store on the disk under
--dir, as in the manager; without, it is in memory only.`),
		Example: `quarry bench calendar --pnodes 10000 --held 0,1000,3000,10000 --durable
quarry bench calendar --held 3000 --durable -o json`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			counts, err := parseCounts(held)
			if err != nil {
				return err
			}
			if b.Pnodes < 100 || b.Clients < 1 || b.Admissions < 1 || b.Questions < 1 {
				return usage("give at least 100 pnodes and one each of --clients, --admissions and --questions")
			}
			if list {
				return a.listRequests(b, counts)
			}
			results := []bench.CalendarResult{}
			for _, n := range counts {
				r, err := b.Run(cmd.Context(), n)
				if err != nil {
					return err
				}
				results = append(results, r)
			}
			return a.print(results, func(w io.Writer) { showCalendarBench(w, results) })
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.IntVar(&b.Pnodes, "pnodes", 10_000, "number of pnodes")
	f.StringSliceVar(&held, "held", []string{"0", "1000", "3000", "10000"}, "numbers of bookings held")
	f.IntVar(&b.Clients, "clients", 64, "how many book at the same time")
	f.BoolVar(&b.Durable, "durable", false, "commit each admission to a store on the disk")
	f.IntVar(&b.Admissions, "admissions", 2000, "how many admissions are measured")
	f.IntVar(&b.Questions, "questions", 300, "how many questions of each kind are measured")
	f.BoolVar(&list, "list", false, "show the requests instead")
	f.StringVar(&b.Dir, "dir", "", "folder for the store (default the one for temporary files)")
	return cmd
}

// listRequests shows what would be asked with so many held.
func (a *app) listRequests(b bench.Calendar, counts []int) error {
	if len(counts) != 1 {
		return usage("--list is for one number of --held")
	}
	requests := b.List(counts[0])
	return a.print(requests, func(w io.Writer) {
		var rows [][]string
		for _, r := range requests {
			rows = append(rows, []string{r.Kind, r.Name, strconv.FormatInt(r.Start, 10), strconv.FormatInt(r.Seconds, 10), strconv.Itoa(r.Nodes)})
		}
		printTable(w, []string{"KIND", "NAME", "START", "SECONDS", "NODES"}, rows)
	})
}

func parseCounts(texts []string) ([]int, error) {
	var counts []int
	for _, text := range texts {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 0 || n > 1_000_000 {
			return nil, usage("--held %q is no number of bookings between 0 and 1000000", text)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

func showCalendarBench(w io.Writer, results []bench.CalendarResult) {
	var rows [][]string
	for _, r := range results {
		rows = append(rows, []string{
			strconv.Itoa(r.Held), fmt.Sprintf("%.0f/s", r.AdmitPerSecond), fmt.Sprintf("%.1f ms", r.AdmitP99),
			fmt.Sprintf("%.1f ms", r.EarliestP99), fmt.Sprintf("%.1f ms", r.RefuseP99), fmt.Sprintf("%.0f MB", r.RSS), fmt.Sprintf("%.2f s", r.OpenSeconds),
		})
	}
	printTable(w, []string{"HELD", "ADMIT", "ADMIT P99", "EARLIEST P99", "REFUSE P99", "MEMORY", "OPEN"}, rows)
}
