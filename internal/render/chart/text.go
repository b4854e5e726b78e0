package chart

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"quarry/internal/calendar"
)

// Kind is what a piece of text stands for, so that it can be given a colour.
type Kind string

// The kinds.
const (
	Head    Kind = "head"
	Prepare Kind = "prepare"
	Window  Kind = "window"
	Wipe    Kind = "wipe"
	Level   Kind = "level"
	Full    Kind = "full" // a level with nothing left
	Closed  Kind = "closed"
	Now     Kind = "now"
	Dim     Kind = "dim"
)

// TextOptions say how a chart is written.
type TextOptions struct {
	Parts []Part // all if empty
	Width int    // columns, at least 40
	Zone  *time.Location
	ASCII bool
	// Paint gives text its colour; nil leaves it as it is.
	Paint func(Kind, string) string
}

// LeastWidth is the fewest columns that a chart can be drawn in.
const LeastWidth = 40

// glyphs are the characters of the cells.
type glyphs struct {
	phase                         map[phase]rune
	level                         []rune // least first, the last is full
	closed, now, rule, mark, here rune
	dots                          string
}

var (
	unicode = glyphs{
		phase: map[phase]rune{prepare: '░', window: '█', wipe: '▒'}, level: []rune("▁▂▃▄▅▆▇█"),
		closed: '×', now: '│', rule: '─', mark: '┬', here: '▼', dots: "…",
	}
	ascii = glyphs{
		phase: map[phase]rune{prepare: '-', window: '#', wipe: '~'}, level: []rune("123456789#"),
		closed: 'x', now: '|', rule: '-', mark: '+', here: 'v', dots: "~",
	}
)

// Columns is how many cells, and so how many slots of use, a chart of that
// width has.
func Columns(width int) int { return max(LeastWidth, width) - labelWidth(width) - 1 }

func labelWidth(width int) int { return min(30, max(LeastWidth, width)/3) }

// Text draws an overview for a terminal. No line is wider than the width.
func Text(o calendar.Overview, opt TextOptions) string {
	t := &text{o: o, TextOptions: opt, glyphs: unicode, label: labelWidth(opt.Width), columns: Columns(opt.Width)}
	if opt.ASCII {
		t.glyphs = ascii
	}
	if t.Zone == nil {
		t.Zone = time.UTC
	}
	if len(t.Parts) == 0 {
		t.Parts = Parts()
	}
	t.here = -1
	if !o.Now.Before(o.From) && o.Now.Before(o.To) {
		t.here = t.column(o.Now)
	}
	t.axis()
	for _, p := range t.Parts {
		t.part(p)
	}
	t.legend()
	return t.out.String()
}

type text struct {
	TextOptions
	glyphs
	o              calendar.Overview
	label, columns int
	here           int // the column of now, -1 for none
	out            strings.Builder
}

// cell is one character and what it stands for.
type cell struct {
	glyph rune
	kind  Kind
}

// column is where an instant is drawn.
func (t *text) column(at time.Time) int {
	n := int64(t.columns)
	// The last column whose beginning is not after at.
	c := int(int64(at.Sub(t.o.From)/time.Second) * n / int64(t.o.To.Sub(t.o.From)/time.Second))
	for c+1 < t.columns && !t.begin(c+1).After(at) {
		c++
	}
	return min(max(c, 0), t.columns-1)
}

// begin is where a column begins, to the second.
func (t *text) begin(column int) time.Time {
	whole := int64(t.o.To.Sub(t.o.From) / time.Second)
	return t.o.From.Add(time.Duration(whole*int64(column)/int64(t.columns)) * time.Second)
}

func (t *text) paint(k Kind, s string) string {
	if t.Paint == nil || s == "" || k == "" {
		return s
	}
	return t.Paint(k, s)
}

// line writes a label and cells, without blanks at the end.
func (t *text) line(label string, kind Kind, cells []cell) {
	for len(cells) > 0 && cells[len(cells)-1].glyph == ' ' {
		cells = cells[:len(cells)-1]
	}
	label = t.cut(label, t.label)
	if len(cells) > 0 {
		label += strings.Repeat(" ", t.label+1-utf8.RuneCountInString(label))
	}
	t.out.WriteString(t.paint(kind, label))
	for len(cells) > 0 {
		n := slices.IndexFunc(cells, func(c cell) bool { return c.kind != cells[0].kind })
		if n < 0 {
			n = len(cells)
		}
		run := make([]rune, n)
		for i, c := range cells[:n] {
			run[i] = c.glyph
		}
		t.out.WriteString(t.paint(cells[0].kind, string(run)))
		cells = cells[n:]
	}
	t.out.WriteByte('\n')
}

// cut shortens text to so many characters.
func (t *text) cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + t.dots
}

// plain is a line that has no cells.
func (t *text) plain(kind Kind, text string) {
	t.out.WriteString(t.paint(kind, t.cut(text, max(LeastWidth, t.Width))) + "\n")
}

func (t *text) blank() []cell {
	cells := make([]cell, t.columns)
	for i := range cells {
		cells[i].glyph = ' '
	}
	return cells
}

// row begins a row: blank but for the line of now.
func (t *text) row() []cell {
	cells := t.blank()
	if t.here >= 0 {
		cells[t.here] = cell{t.now, Now}
	}
	return cells
}

// axis writes which window it is, the dates, the times and the rule.
func (t *text) axis() {
	head := between(t.o.From, t.o.To, t.Zone)
	if more := ", a cell is " + about(t.begin(1).Sub(t.o.From)); len(head)+len(more) <= t.Width {
		head += more
	}
	if len(head) > t.Width {
		head = strings.Replace(head, " to ", "\n  to ", 1)
	}
	for line := range strings.Lines(head) {
		t.plain(Head, strings.TrimSuffix(line, "\n"))
	}
	dates, times, rule := t.blank(), t.blank(), t.blank()
	for i := range rule {
		rule[i] = cell{t.rule, Dim}
	}
	free := [2]int{} // from where on each line is free
	for _, k := range ticks(t.o.From, t.o.To, t.Zone, t.columns/6) {
		at := t.column(k.at)
		rule[at].glyph = t.mark
		free[0] = write(dates, at, free[0], k.date, Head)
		free[1] = write(times, at, free[1], k.label, "")
	}
	if t.here >= 0 {
		rule[t.here] = cell{t.glyphs.here, Now}
	}
	t.line("", "", dates)
	t.line("", "", times)
	t.line("", "", rule)
}

// write puts text into cells if it fits in what is free.
func write(cells []cell, at, free int, text string, kind Kind) int {
	n := utf8.RuneCountInString(text)
	if text == "" || at < free || at+n > len(cells) {
		return free
	}
	for i, r := range []rune(text) {
		cells[at+i] = cell{r, kind}
	}
	return at + n + 1
}
