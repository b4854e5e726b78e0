package picture

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// SVG draws the graph as one SVG document, with a legend. What is written
// about a node or an edge shows where the pointer rests on it.
func SVG(g Graph, o Options) []byte {
	d := newModel(g, o).draw()
	var b bytes.Buffer
	p := pen{Buffer: &b}
	legend := d.legend()
	height := d.height + legend.height
	p.f(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" role="img" aria-labelledby="title desc"%s>`+"\n",
		num(d.width), num(height), d.lighting())
	p.f("<title id=\"title\">%s</title>\n<desc id=\"desc\">%s</desc>\n<style>%s</style>\n", esc(d.title()), esc(d.describe()), d.style())
	p.f(`<rect class="page" width="100%%" height="100%%"/>` + "\n")
	p.body(d, o.Order, true)
	legend.draw(p, d)
	p.WriteString("</svg>\n")
	return b.Bytes()
}

// pen writes markup. Every text that goes through it is escaped by esc before.
type pen struct{ *bytes.Buffer }

func (p pen) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func esc(text string) string { return html.EscapeString(clean(text)) }

func num(v float64) string {
	return strings.TrimSuffix(strings.TrimSuffix(fmt.Sprintf("%.1f", v), "0"), ".")
}

func (d *drawing) lighting() string {
	if d.goal < 0 {
		return ""
	}
	return ` class="lighting"`
}

func (d *drawing) title() string {
	if d.Title != "" {
		return d.Title
	}
	return "Graph"
}

// describe says in words what the picture shows.
func (d *drawing) describe() string {
	count := map[State]int{}
	for _, n := range d.nodes {
		count[n.State]++
	}
	text := fmt.Sprintf("%d nodes: %d in the profile", len(d.nodes), count[In])
	for _, s := range []State{Out, Beyond} {
		if count[s] > 0 {
			text += fmt.Sprintf(", %d %s", count[s], s.text())
		}
	}
	text += fmt.Sprintf("; %d edges.", len(d.edges))
	if d.goal >= 0 {
		text += " " + d.wayText()
	}
	return text
}

// wayText is the way that is lit, in words.
func (d *drawing) wayText() string {
	way := d.way(d.goal)
	if len(way) == 0 && d.goal != d.root {
		return fmt.Sprintf("No way leads from %q to %q.", d.Root, d.nodes[d.goal].Name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The way to %q: %s", d.nodes[d.goal].Name, d.Root)
	for _, i := range way {
		e := d.edges[i]
		b.WriteString(" → ")
		if e.cond != "" {
			fmt.Fprintf(&b, "[%s %s] ", e.cond, e.holds())
		}
		b.WriteString(d.nodes[e.to].Name)
	}
	return b.String() + "."
}

func (e edge) holds() string {
	if e.open {
		return "holds"
	}
	return "does not hold"
}

// body draws edges first, so that they pass under the nodes.
func (p pen) body(d *drawing, order, titles bool) {
	p.WriteString(`<defs>`)
	for _, kind := range []string{"open", "shut", "lit"} {
		p.f(`<marker id="tip-%s" viewBox="0 0 8 8" refX="7.4" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path class="tip %[1]s" d="M0 .8 8 4 0 7.2z"/></marker>`, kind)
	}
	p.WriteString("</defs>\n")
	if order {
		p.WriteString("<g class=\"orders\">\n")
		for i, e := range d.order {
			p.constraint(d, i, e, titles)
		}
		p.WriteString("</g>\n")
	}
	p.WriteString("<g class=\"edges\">\n")
	for _, lit := range []bool{false, true} {
		for i := range d.edges {
			if d.litBy[i] == lit {
				p.edge(d, i, titles)
			}
		}
	}
	p.WriteString("</g>\n<g class=\"nodes\">\n")
	for i := range d.nodes {
		p.node(d, i, titles)
	}
	p.WriteString("</g>\n")
}

func (p pen) edge(d *drawing, i int, title bool) {
	e, l := d.edges[i], d.lines[i]
	class, tip := "e", "open"
	if !e.open {
		class, tip = class+" shut", "shut"
	}
	if l.direct {
		class += " direct"
	}
	if d.litBy[i] {
		class, tip = class+" lit", "lit"
	}
	path := d.path(i)
	p.f(`<g class="%s" id="e%d">`, class, i)
	if title {
		p.f(`<title>%s</title>`, esc(d.edgeText(i)))
	} else {
		p.f(`<path class="hit" d="%s"/>`, path)
	}
	p.f(`<path class="line" d="%s" marker-end="url(#tip-%s)"/>`, path, tip)
	if l.label != nil {
		p.f(`<text x="%s" y="%s">%s</text>`, num(l.label.x+l.label.w/2), num(l.label.y+labelHigh-3), esc(e.label()))
	}
	p.WriteString("</g>\n")
}

func (d *model) edgeText(i int) string {
	e := d.edges[i]
	text := d.nodes[e.from].Name + " → " + d.nodes[e.to].Name
	if e.cond != "" {
		text += fmt.Sprintf(", if %s (%s)", e.cond, e.holds())
	}
	if len(e.places) > 0 {
		text += " · " + strings.Join(e.places, ", ")
	}
	return text
}

func (p pen) node(d *drawing, i int, title bool) {
	n, b := d.nodes[i], d.boxes[i]
	class := fmt.Sprintf("n %s r%d", n.State.class(), d.roll(i))
	if d.lit[i] {
		class += " lit"
	}
	p.f(`<g class="%s" id="n%d"`, class, i)
	if !title {
		p.f(` tabindex="-1" role="button" aria-label="%s"`, esc(d.label(i)))
	}
	p.WriteString(">")
	if title {
		p.f(`<title>%s</title>`, esc(d.nodeText(i)))
	}
	p.f(`<rect x="%s" y="%s" width="%s" height="%s" rx="4"/>`, num(b.x), num(b.y), num(b.w), num(b.h))
	x := b.x + 8
	if n.Position > 0 {
		p.f(`<text class="dim" x="%s" y="%s" text-anchor="end">%d </text>`, num(x+18), num(b.y+15), n.Position)
		x += 26
	}
	p.f(`<text x="%s" y="%s">%s</text></g>`+"\n", num(x), num(b.y+15.2), esc(d.caption(i)))
}

// label is what a reader of the page hears: first what the box shows.
func (d *drawing) label(i int) string {
	text := d.nodeText(i)
	if n := d.nodes[i].Position; n > 0 {
		return fmt.Sprintf("%d %s", n, text)
	}
	return text
}

func (s State) class() State {
	if s == In || s == Out {
		return s
	}
	return Beyond
}

func (s State) text() string {
	return map[State]string{In: "in the profile", Out: "kept out by a condition", Beyond: "out of the root's reach"}[s.class()]
}

func (d *model) nodeText(i int) string {
	n := d.nodes[i]
	parts := []string{n.Name}
	if n.Roll != "" {
		parts = append(parts, "roll "+n.Roll)
	}
	if n.Position > 0 {
		parts = append(parts, fmt.Sprintf("number %d of the profile", n.Position))
	} else {
		parts = append(parts, n.State.text())
	}
	if n.Place != "" {
		parts = append(parts, n.Place)
	}
	return strings.Join(append(parts, n.Facts...), " · ")
}
