package chart

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"quarry/internal/calendar"
)

func (t *text) part(p Part) {
	switch p {
	case Site:
		t.plain(Head, "site")
		for _, r := range siteRows(t.o) {
			t.siteRow(r)
		}
	case Pnodes:
		t.plain(Head, t.head("pnodes", len(t.o.Pnodes), t.o.PnodeCount))
		for _, p := range t.o.Pnodes {
			t.pnode(p)
		}
	case Clusters:
		t.plain(Head, t.head("clusters", len(t.o.Bookings), t.o.BookingCount))
		for _, b := range ordered(t.o.Bookings) {
			t.booking(b)
		}
	}
}

// head says how many of how many are shown.
func (t *text) head(what string, shown, all int) string {
	switch {
	case all == 0:
		return what + ": none"
	case shown < all:
		return fmt.Sprintf("%s: %d of %d, page %d of %d", what, shown, all, t.o.Page, t.o.Pages)
	}
	return what
}

// siteRow draws the use of one resource; what there is is at the right of its label.
func (t *text) siteRow(r row) {
	gap := max(1, t.label-len(r.name)-len(r.text)-1)
	cells := t.row()
	for i := range cells {
		// Slots and columns need not be the same number: the most counts.
		lo, hi := i*len(r.used)/t.columns, ((i+1)*len(r.used)+t.columns-1)/t.columns
		top := 0.0
		for _, v := range r.used[lo:hi] {
			top = max(top, v)
		}
		t.fill(cells, i, top)
	}
	t.line(" "+r.name+strings.Repeat(" ", gap)+r.text, "", cells)
}

// fill draws a level into a cell unless it is nothing.
func (t *text) fill(cells []cell, i int, share float64) {
	switch last := len(t.level) - 1; {
	case share <= 0:
	case share >= 1:
		cells[i] = cell{t.level[last], Full}
	default:
		cells[i] = cell{t.level[int(share*float64(last))], Level}
	}
}

func (t *text) pnode(p calendar.PnodeOverview) {
	cells := t.row()
	for _, w := range closed(t.o, p) {
		for i := range cells {
			if begin, end := t.begin(i), t.begin(i+1); overlap(begin, end, w.From, w.To)*2 >= end.Sub(begin) {
				cells[i] = cell{t.closed, Closed}
			}
		}
	}
	list := levels(p)
	for i := range cells {
		t.fill(cells, i, peak(list, t.begin(i), t.begin(i+1)))
	}
	label := " " + p.Pnode
	if s := state(p); s != "" {
		label += " " + s
	}
	if p.More > 0 {
		label += fmt.Sprintf(" +%d", p.More)
	}
	t.line(label, "", cells)
}

// booking draws each phase where it has most of a cell; of one that has most
// of none, the cell where it is longest.
func (t *text) booking(b calendar.BookingOverview) {
	cells := t.row()
	best, longest, drawn := 0, time.Duration(0), false
	for i := range cells {
		begin, end := t.begin(i), t.begin(i+1)
		what, held := t.most(b, begin, end)
		if held > longest {
			best, longest = i, held
		}
		if held*2 >= end.Sub(begin) {
			cells[i], drawn = what, true
		}
	}
	if !drawn && longest > 0 {
		cells[best], _ = t.most(b, t.begin(best), t.begin(best+1))
	}
	label := " " + b.Booking
	switch {
	case !b.Expires.IsZero():
		label += " held"
	case b.State != "":
		label += " " + b.State
	}
	kind := Kind("")
	if !b.Own {
		kind = Dim
	}
	t.line(label, kind, cells)
}

// most is the phase that a booking has longest in [begin, end), and how long
// it holds anything there.
func (t *text) most(b calendar.BookingOverview, begin, end time.Time) (c cell, held time.Duration) {
	var longest time.Duration
	for _, s := range spans(b.Phases) {
		d := overlap(begin, end, s.from, s.to)
		held += d
		if d > longest {
			longest = d
			c = cell{t.phase[s.phase], map[phase]Kind{prepare: Prepare, window: Window, wipe: Wipe}[s.phase]}
		}
	}
	return c, held
}

// legend says what the characters mean, in as many lines as it needs.
func (t *text) legend() {
	type entry struct {
		kind           Kind
		glyph, meaning string
	}
	var list []entry
	for _, p := range t.Parts {
		if p == Clusters {
			list = append(list, entry{Prepare, string(t.phase[prepare]), "prepare"},
				entry{Window, string(t.phase[window]), "window"}, entry{Wipe, string(t.phase[wipe]), "wipe"})
		}
	}
	if len(t.Parts) > 1 || t.Parts[0] != Clusters {
		list = append(list, entry{Level, string(t.level), "held"}, entry{Closed, string(t.closed), "closed"})
	}
	if t.here >= 0 {
		list = append(list, entry{Now, string(t.now), "now"})
	}
	used := 0
	for i, e := range list {
		n := utf8.RuneCountInString(e.glyph + " " + e.meaning)
		switch {
		case i == 0:
		case used+2+n > max(LeastWidth, t.Width):
			t.out.WriteByte('\n')
			used = 0
		default:
			t.out.WriteString("  ")
			used += 2
		}
		t.out.WriteString(t.paint(e.kind, e.glyph) + " " + e.meaning)
		used += n
	}
	t.out.WriteByte('\n')
}
