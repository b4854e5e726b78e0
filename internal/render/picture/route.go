package picture

import (
	"math"
	"unicode/utf8"
)

// short is what is shown of a text.
func short(text string, letters int) string {
	text = clean(text)
	if utf8.RuneCountInString(text) <= letters {
		return text
	}
	return string([]rune(text)[:letters-1]) + "…"
}

// wide is how wide a text is.
func wide(text string) float64 {
	n := 0.0
	for _, r := range text {
		n++
		if r >= 0x1100 { // most of these take two places
			n++
		}
	}
	return n * letter
}

// caption is what stands in a node's box.
func (m *model) caption(n int) string {
	if name := short(m.nodes[n].Name, maxLetters); name != "" {
		return name
	}
	return "(no name)"
}

func (m *model) boxWidth(n int) float64 {
	w := wide(m.caption(n)) + 16
	if m.nodes[n].Position > 0 {
		w += 26
	}
	return w
}

// label is what an edge shows of its condition.
func (e edge) label() string { return short(e.cond, maxLabel) }

// place gives the items of a part their places on the page, from y down, and
// returns where the part ends.
func (d *drawing) place(l *layers, y float64) float64 {
	top, bottom := math.Inf(1), math.Inf(-1)
	for id := range l.items {
		top, bottom = min(top, l.items[id].y-l.high(id)/2), max(bottom, l.items[id].y+l.high(id)/2)
	}
	x := margin
	left, right := make([]float64, len(l.items)), make([]float64, len(l.items))
	for c, column := range l.columns {
		width := 0.0
		for _, id := range column {
			width = max(width, d.itemWidth(l.items[id]))
		}
		for _, id := range column {
			left[id], right[id] = x, x+width
			it := &l.items[id]
			it.y += y - top
			if it.node >= 0 {
				d.boxes[it.node] = box{x: x, y: it.y - nodeHeight/2, w: width, h: nodeHeight}
			}
		}
		x += width
		d.width = max(d.width, x)
		if c+1 < len(l.columns) {
			x += l.gap(c)
		}
	}
	for i, pass := range l.passes {
		for _, id := range pass {
			it := l.items[id]
			d.lines[i].spans = append(d.lines[i].spans, span{x1: left[id], x2: right[id], y: it.y})
			if it.label {
				d.lines[i].label = &box{x: left[id], y: it.y - labelHigh/2, w: right[id] - left[id], h: labelHigh}
			}
		}
	}
	return y + bottom - top
}

func (d *drawing) itemWidth(it item) float64 {
	switch {
	case it.node >= 0:
		return d.boxWidth(it.node)
	case it.label:
		return wide(d.edges[it.edge].label())*10/12 + 8
	}
	return 0
}

// gap is how far a column and the next are apart: far enough that the edges
// between them do not get steep.
func (l *layers) gap(c int) float64 {
	steep := 0.0
	for _, id := range l.columns[c] {
		for _, n := range l.items[id].right {
			steep = max(steep, math.Abs(l.items[n].y-l.items[id].y))
		}
	}
	return 26 + min(110, steep/9)
}

// rows places nodes that hang on nothing.
func (d *drawing) rows(nodes []int, y float64) float64 {
	edge := max(d.width, 900)
	x := margin
	for _, n := range nodes {
		w := d.boxWidth(n)
		if x > margin && x+w > edge {
			x, y = margin, y+nodeHeight+nodeGap
		}
		d.boxes[n] = box{x: x, y: y, w: w, h: nodeHeight}
		x += w + 2*nodeGap
		d.width = max(d.width, x)
	}
	return y + nodeHeight
}

// finish says of an edge what is left to say, and places those that have no
// place of their own.
func (d *drawing) finish(i int, e edge, turned bool) {
	l := &d.lines[i]
	l.back = turned
	if e.from == e.to {
		l.self = true
		return
	}
	if l.spans != nil {
		return
	}
	l.direct = true
	from, to := d.boxes[e.from], d.boxes[e.to]
	if turned {
		from, to = to, from
	}
	l.spans = []span{
		{x1: from.x, x2: from.x + from.w, y: from.y + from.h/2},
		{x1: to.x, x2: to.x + to.w, y: to.y + to.h/2},
	}
}
