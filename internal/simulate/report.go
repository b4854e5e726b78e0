package simulate

import (
	"fmt"
	"slices"
	"time"

	"quarry/internal/fault"
)

// Report is what a trace came to, once for each run.
type Report struct {
	Trace   string `json:"trace"`
	Entries int    `json:"entries"`
	// LeftOut counts jobs of another format that are no clusters here, by why.
	LeftOut map[string]int `json:"leftOut,omitempty"`
	Pnodes  int            `json:"pnodes"`
	Runs    []Summary      `json:"runs"`
}

// Summarize reckons up all runs of a trace.
func Summarize(t *Trace, outcomes []*Outcome) Report {
	r := Report{Trace: t.Name, Entries: len(t.Entries), LeftOut: t.LeftOut, Runs: []Summary{}}
	for _, o := range outcomes {
		r.Pnodes = len(o.Site.calendar().Pnodes)
		r.Runs = append(r.Runs, o.Summary())
	}
	return r
}

// Rows lays a report out as a table: one row for each measure, one column for
// each run.
func (r Report) Rows() [][]string {
	var rows [][]string
	row := func(label string, value func(Summary) string) {
		line := []string{label}
		for _, s := range r.Runs {
			line = append(line, value(s))
		}
		rows = append(rows, line)
	}
	share := func(f func(Utilisation) float64) func(Summary) string {
		return func(s Summary) string { return percent(f(s.Utilisation)) + " (" + percent(f(s.Compute)) + ")" }
	}
	row("time", func(s Summary) string { return s.To.Sub(s.From).Round(time.Second).String() })
	row("vCPUs booked", share(func(u Utilisation) float64 { return u.BookedCPUs }))
	row("vCPUs held", share(func(u Utilisation) float64 { return u.HeldCPUs }))
	row("memory booked", share(func(u Utilisation) float64 { return u.BookedMemory }))
	row("memory held", share(func(u Utilisation) float64 { return u.HeldMemory }))
	row("requests", func(s Summary) string { return fmt.Sprint(s.Requests) })
	row("refused", func(s Summary) string { return fmt.Sprintf("%d (%s)", s.Refused, percent(s.RefusedShare)) })
	for _, why := range r.reasons() {
		row("  for "+why, func(s Summary) string { return fmt.Sprint(s.ByReason[why]) })
	}
	row("changes refused", func(s Summary) string { return fmt.Sprint(s.ChangesRefused) })
	row("handed over", func(s Summary) string { return fmt.Sprint(s.Active) })
	row("at risk", func(s Summary) string { return fmt.Sprint(s.AtRisk) })
	row("late", func(s Summary) string { return fmt.Sprintf("%d (%d told before)", s.Late, s.ToldLate) })
	row("failed", func(s Summary) string { return fmt.Sprint(s.Failed) })
	row("cancelled", func(s Summary) string { return fmt.Sprint(s.Cancelled) })
	row("never ready", func(s Summary) string { return fmt.Sprint(s.NeverReady) })
	row("planned anew", func(s Summary) string { return fmt.Sprint(s.Replans) })
	row("gave room up", func(s Summary) string { return fmt.Sprint(s.Yields) })
	row("ended unused", func(s Summary) string { return fmt.Sprint(s.Reclaimed) })
	marks := []struct {
		name  string
		value func(Percentiles) float64
	}{
		{"median", func(p Percentiles) float64 { return p.P50 }},
		{"90 %", func(p Percentiles) float64 { return p.P90 }},
		{"99 %", func(p Percentiles) float64 { return p.P99 }},
		{"most", func(p Percentiles) float64 { return p.Max }},
	}
	for _, m := range marks {
		row("waiting, "+m.name, func(s Summary) string { return s.Waiting.show(m.value) })
	}
	for _, m := range marks {
		row("ready after start, "+m.name, func(s Summary) string { return s.Lateness.show(m.value) })
	}
	return rows
}

// reasons are those of all runs, the first run's most frequent ones first.
func (r Report) reasons() []string {
	var all []string
	for _, s := range r.Runs {
		for _, why := range s.Reasons() {
			if !slices.Contains(all, why) {
				all = append(all, why)
			}
		}
	}
	return all
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

func (p Percentiles) show(value func(Percentiles) float64) string {
	if p.Count == 0 {
		return "-"
	}
	return (time.Duration(value(p)) * time.Second).String()
}

// Override takes those of the given failures that say something.
func (f *Failures) Override(by Failures) error {
	setIf(&f.MTBF, by.MTBF)
	setIf(&f.MTTR, by.MTTR)
	setIf(&f.Boot, by.Boot)
	setIf(&f.Slow, by.Slow)
	setIf(&f.Times, by.Times)
	if f.Slow > 0 && f.Times == 0 {
		f.Times = 3
	}
	var l fault.List
	f.check(&l)
	return l.Err(fault.Invalid, "what goes wrong is not described properly")
}

func setIf[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}
