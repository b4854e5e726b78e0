package picture

import (
	"fmt"
	"strings"

	"quarry/internal/render/theme"
)

// tone is the colour of a roll.
type tone struct{ theme.Tone }

// tones gives every roll a colour of its own.
func tones(rolls []string) []tone {
	list := make([]tone, len(rolls))
	for i, name := range rolls {
		list[i] = tone{theme.ToneOf(i)}
		list[i].Grey = name == ""
	}
	return list
}

func (t tone) fill(dark bool) string {
	if dark {
		return t.CSS(45, 20)
	}
	return t.CSS(75, 91)
}

func (t tone) line(dark bool) string {
	if dark {
		return t.CSS(60, 62)
	}
	return t.CSS(60, 40)
}

// dot is the same colour as Graphviz takes it: three numbers from 0 to 1.
func (t tone) dot(saturation, value float64) string {
	if t.Grey {
		saturation = 0
	}
	return fmt.Sprintf("%.3f %.3f %.3f", float64(t.Hue)/360, saturation, value)
}

// edges are the colours of what joins nodes, on light and dark pages.
var edges = map[bool]string{false: "#8a93a3", true: "#717b8c"}

// style is the style sheet of the drawing.
func (d *drawing) style() string { return theme.Sheet(drawingStyle, d.colours) }

func (d *drawing) colours(b *strings.Builder, scope string, dark bool) {
	p, edge := theme.Of(dark), edges[dark]
	rule := func(selector, body string) { fmt.Fprintf(b, "%s%s{%s}\n", scope, selector, body) }
	rule(".page", "fill:"+p.Page)
	rule("text", "fill:"+p.Text)
	rule(".dim", "fill:"+p.Dim)
	rule(".line", "stroke:"+edge)
	rule(".shut .line", "stroke:"+p.Shut)
	rule(".e text", "fill:"+p.Dim)
	rule(".e.shut text", "fill:"+p.Shut)
	rule(".o .line", "stroke:"+p.Dim)
	rule(".lit .line", "stroke:"+p.Lit)
	rule(".tip", "fill:"+edge)
	rule(".tip.shut", "fill:"+p.Shut)
	rule(".tip.lit", "fill:"+p.Lit)
	for i, t := range tones(d.rolls) {
		rule(fmt.Sprintf(".r%d rect", i), fmt.Sprintf("fill:%s;stroke:%s", t.fill(dark), t.line(dark)))
	}
	for _, state := range []State{Out, Beyond} {
		rule(fmt.Sprintf(".n.%s rect", state), "fill:"+p.Page)
		rule(fmt.Sprintf(".n.%s text", state), "fill:"+p.Dim)
	}
	// What is lit comes last: it wins over the colour of a roll.
	rule(".n.lit rect", "stroke:"+p.Lit)
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
