package picture

import (
	"slices"
	"strings"
)

// way is the edges from the root to a node.
func (m *model) way(node int) []int {
	var way []int
	for m.via[node] >= 0 {
		way = append(way, m.via[node])
		node = m.edges[m.via[node]].from
	}
	slices.Reverse(way)
	return way
}

func (m *model) roll(node int) int {
	i, _ := slices.BinarySearch(m.rolls, m.nodes[node].Roll)
	return i
}

// path is the way of an edge as SVG draws it: level through columns, bent
// between them, with a hole where its condition stands.
func (d *drawing) path(i int) string {
	l := d.lines[i]
	if l.self {
		b := d.boxes[d.edges[i].from]
		x, y := b.x+b.w, b.y
		return "M" + num(x-20) + " " + num(y) + "C" + num(x-20) + " " + num(y-13) + " " + num(x-6) + " " + num(y-13) + " " + num(x-6) + " " + num(y)
	}
	spans := l.spans
	if l.back {
		spans = slices.Clone(spans)
		slices.Reverse(spans)
		for k, s := range spans {
			spans[k].x1, spans[k].x2 = s.x2, s.x1
		}
	}
	var b strings.Builder
	last := len(spans) - 1
	b.WriteString("M" + num(spans[0].x2) + " " + num(spans[0].y))
	for k := 1; k <= last; k++ {
		from, to := spans[k-1], spans[k]
		middle := (from.x2 + to.x1) / 2
		b.WriteString("C" + num(middle) + " " + num(from.y) + " " + num(middle) + " " + num(to.y) + " " + num(to.x1) + " " + num(to.y))
		if k == last {
			break
		}
		if l.label != nil && l.label.y+labelHigh/2 == to.y && min(to.x1, to.x2) == l.label.x {
			half := wide(d.edges[i].label())*10/12/2 + 3
			if to.x2 < to.x1 {
				half = -half
			}
			centre := (to.x1 + to.x2) / 2
			b.WriteString("L" + num(centre-half) + " " + num(to.y) + "M" + num(centre+half) + " " + num(to.y))
		}
		b.WriteString("L" + num(to.x2) + " " + num(to.y))
	}
	return b.String()
}

// constraint draws that one node comes before another: from the foot of the
// first to the head of the other.
func (p pen) constraint(d *drawing, i int, e edge, title bool) {
	a, b := d.boxes[e.from], d.boxes[e.to]
	x1, y1, x2, y2 := a.x+a.w/2, a.y+a.h, b.x+b.w/2, b.y
	if y2 < y1 {
		y1, y2 = a.y, b.y+b.h
	}
	p.f(`<g class="o" id="o%d">`, i)
	if title {
		text := d.nodes[e.from].Name + " comes before " + d.nodes[e.to].Name
		if len(e.places) > 0 {
			text += " · " + strings.Join(e.places, ", ")
		}
		p.f(`<title>%s</title>`, esc(text))
	}
	bend := (y2 - y1) / 3
	p.f(`<path class="line" d="M%s %sC%s %s %s %s %s %s" marker-end="url(#tip-open)"/></g>`+"\n",
		num(x1), num(y1), num(x1), num(y1+bend), num(x2), num(y2-bend), num(x2), num(y2))
}

// legend says what the colours and lines mean.
type legend struct {
	items  []legendItem
	height float64
}

type legendItem struct {
	box
	roll int // -1: a line
	kind string
	text string
}

func (d *drawing) legend() legend {
	var l legend
	x, y := margin, d.height
	place := func(roll int, kind, text string) {
		w := wide(text) + 40
		if x > margin && x+w > max(d.width, 900)-margin {
			x, y = margin, y+nodeHeight
		}
		l.items = append(l.items, legendItem{box: box{x: x, y: y, w: w, h: nodeHeight}, roll: roll, kind: kind, text: text})
		d.width = max(d.width, x+w+margin)
		x += w
	}
	for i, name := range d.rolls {
		if name == "" {
			name = "roll not known"
		}
		place(i, "n in", short(name, maxLetters))
	}
	place(-1, "e", "edge")
	place(-1, "e shut", "its condition does not hold")
	for i := range d.nodes {
		if d.nodes[i].State == Out {
			place(0, "n out", "node that is kept out")
			break
		}
	}
	l.height = y + nodeHeight + margin - d.height
	return l
}

func (l legend) draw(p pen, d *drawing) {
	p.WriteString("<g class=\"legend\">\n")
	for _, it := range l.items {
		if it.roll < 0 {
			p.f(`<g class="%s"><path class="line" d="M%s %sh24"/></g>`, it.kind, num(it.x), num(it.y+11))
		} else {
			p.f(`<g class="%s r%d"><rect x="%s" y="%s" width="24" height="14" rx="3"/></g>`, it.kind, it.roll, num(it.x), num(it.y+4))
		}
		p.f(`<text class="dim" x="%s" y="%s">%s</text>`+"\n", num(it.x+30), num(it.y+15), esc(it.text))
	}
	p.WriteString("</g>\n")
}
