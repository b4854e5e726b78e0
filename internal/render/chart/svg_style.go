package chart

import (
	"fmt"
	"strings"

	"quarry/internal/render/theme"
)

// A palette is what colours a chart has besides those of the tenants.
type palette struct {
	theme.Palette
	grid, track, level string
}

func paletteOf(dark bool) palette {
	p := palette{Palette: theme.Of(dark), grid: "#dfe3e9", track: "#f2f4f7", level: "#4f83b8"}
	if dark {
		p.grid, p.track, p.level = "#2c313b", "#1d2027", "#5b93cc"
	}
	return p
}

// style is the style sheet of the drawing.
func (d *drawing) style() string { return theme.Sheet(baseStyle, d.colours) }

func (d *drawing) colours(b *strings.Builder, scope string, dark bool) {
	p := paletteOf(dark)
	rule := func(selector, body string) { fmt.Fprintf(b, "%s%s{%s}\n", scope, selector, body) }
	rule(".page", "fill:"+p.Page)
	rule("text", "fill:"+p.Text)
	rule("text.dim,"+scope+".tick,"+scope+".date", "fill:"+p.Dim)
	rule("text.shut", "fill:"+p.Shut)
	rule(".grid", "stroke:"+p.grid)
	rule(".grid.day", "stroke:"+p.Dim)
	rule(".track", "fill:"+p.track)
	rule(".level", "fill:"+p.level)
	rule(".level.shut,"+scope+".hatch", "fill:"+p.Shut)
	rule(".ink", "stroke:"+p.Text+";fill:"+p.Text)
	rule(".shutink", "stroke:"+p.Shut)
	rule(".now path", "stroke:"+p.Lit)
	rule(".now .tip", "fill:"+p.Lit)
	for i := range len(d.tenants) + 1 {
		tone := theme.Tone{Grey: true} // what is nobody's
		if i > 0 {
			tone = theme.ToneOf(i - 1)
		}
		fill, line := tone.CSS(70, 80), tone.CSS(60, 36)
		if dark {
			fill, line = tone.CSS(45, 28), tone.CSS(60, 62)
		}
		rule(fmt.Sprintf(".c%d .window", i), "fill:"+fill+";stroke:"+line)
		rule(fmt.Sprintf(".c%d .prepare,%s.c%[1]d .wipe", i, scope), "fill:"+p.Page+";stroke:"+line)
	}
}

const baseStyle = `text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
text.big{font-size:15px;font-weight:600}
text.head{font-size:12px;font-weight:600}
text.end{text-anchor:end}
text.tick,text.date{text-anchor:middle;font-size:10px}
text.date{font-weight:600}
text.in{font-size:10px}
.grid{stroke-width:1;fill:none}
.closed{opacity:.75}
.now path{stroke-width:1.4;fill:none}
.now .tip{stroke:none}
.ink,.shutink{stroke-width:1.2}
`

// patterns tell the phases apart without colours.
const patterns = `<defs>
<pattern id="quarry-prepare" width="6" height="6" patternUnits="userSpaceOnUse"><path class="ink" opacity=".45" d="M-1 1l2-2M0 6l6-6M5 7l2-2"/></pattern>
<pattern id="quarry-wipe" width="5" height="5" patternUnits="userSpaceOnUse"><circle class="ink" opacity=".45" cx="2.5" cy="2.5" r=".6"/></pattern>
<pattern id="quarry-closed" width="6" height="6" patternUnits="userSpaceOnUse"><path class="shutink" opacity=".7" d="M0 0l6 6M6 0l-6 6"/></pattern>
</defs>
`
