package picture

import (
	"fmt"
	"strings"
)

// tone is the colour of a roll: a hue, and how much of it there is.
type tone struct{ hue, full int }

// tones gives every roll a colour of its own, neighbours far apart.
func tones(rolls []string) []tone {
	list := make([]tone, len(rolls))
	for i, name := range rolls {
		list[i] = tone{hue: (i*137 + 210) % 360, full: 100}
		if name == "" {
			list[i].full = 0
		}
	}
	return list
}

func (t tone) fill(dark bool) string {
	if dark {
		return fmt.Sprintf("hsl(%d,%d%%,20%%)", t.hue, 45*t.full/100)
	}
	return fmt.Sprintf("hsl(%d,%d%%,91%%)", t.hue, 75*t.full/100)
}

func (t tone) line(dark bool) string {
	if dark {
		return fmt.Sprintf("hsl(%d,%d%%,62%%)", t.hue, 60*t.full/100)
	}
	return fmt.Sprintf("hsl(%d,%d%%,40%%)", t.hue, 60*t.full/100)
}

// dot is the same colour as Graphviz takes it: three numbers from 0 to 1.
func (t tone) dot(saturation, value float64) string {
	return fmt.Sprintf("%.3f %.3f %.3f", float64(t.hue)/360, saturation*float64(t.full)/100, value)
}

// A palette is what colours there are besides those of the rolls.
type palette struct{ page, text, dim, edge, shut, lit string }

var palettes = map[bool]palette{
	false: {page: "#ffffff", text: "#16181d", dim: "#5d6470", edge: "#8a93a3", shut: "#b3402a", lit: "#c2410c"},
	true:  {page: "#14161b", text: "#eceef2", dim: "#9aa3b2", edge: "#717b8c", shut: "#f0806a", lit: "#ffb454"},
}

// style is the style sheet of the drawing, light and dark. A page chooses one
// by data-theme; without it the reader's system does.
func (d *drawing) style() string {
	var b strings.Builder
	b.WriteString(drawingStyle)
	d.colours(&b, "", false)
	b.WriteString("@media (prefers-color-scheme:dark){\n")
	d.colours(&b, `:root:not([data-theme="light"]) `, true)
	b.WriteString("}\n")
	d.colours(&b, `:root[data-theme="dark"] `, true)
	return b.String()
}

func (d *drawing) colours(b *strings.Builder, scope string, dark bool) {
	p := palettes[dark]
	rule := func(selector, body string) { fmt.Fprintf(b, "%s%s{%s}\n", scope, selector, body) }
	rule(".page", "fill:"+p.page)
	rule("text", "fill:"+p.text)
	rule(".dim", "fill:"+p.dim)
	rule(".line", "stroke:"+p.edge)
	rule(".shut .line", "stroke:"+p.shut)
	rule(".e text", "fill:"+p.dim)
	rule(".e.shut text", "fill:"+p.shut)
	rule(".o .line", "stroke:"+p.dim)
	rule(".lit .line", "stroke:"+p.lit)
	rule(".tip", "fill:"+p.edge)
	rule(".tip.shut", "fill:"+p.shut)
	rule(".tip.lit", "fill:"+p.lit)
	for i, t := range tones(d.rolls) {
		rule(fmt.Sprintf(".r%d rect", i), fmt.Sprintf("fill:%s;stroke:%s", t.fill(dark), t.line(dark)))
	}
	for _, state := range []State{Out, Beyond} {
		rule(fmt.Sprintf(".n.%s rect", state), "fill:"+p.page)
		rule(fmt.Sprintf(".n.%s text", state), "fill:"+p.dim)
	}
	// What is lit comes last: it wins over the colour of a roll.
	rule(".n.lit rect", "stroke:"+p.lit)
}

const drawingStyle = `text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.n rect{stroke-width:1.2}
.n.out rect,.n.beyond rect{stroke-dasharray:4 3}
.n.out text,.n.beyond text{font-style:italic}
.dim{font-size:10px}
.e text{font-size:10px;text-anchor:middle}
.line{fill:none;stroke-width:1.1}
.shut .line{stroke-dasharray:5 4}
.direct .line{stroke-opacity:.5}
.o .line{stroke-dasharray:1 4;stroke-linecap:round}
.hit{fill:none;stroke:transparent;stroke-width:11;pointer-events:stroke}
.lit .line{stroke-width:3}
.n.lit rect{stroke-width:3}
.lighting .e:not(.lit){opacity:.4}
.lighting .n:not(.lit){opacity:.6}
`
