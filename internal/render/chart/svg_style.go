package chart

import (
	"fmt"
	"strings"
)

// A palette is what colours a picture has besides those of the tenants.
type palette struct{ page, text, dim, grid, track, level, shut, now string }

var palettes = map[bool]palette{
	false: {page: "#ffffff", text: "#16181d", dim: "#5d6470", grid: "#dfe3e9", track: "#f2f4f7", level: "#4f83b8", shut: "#b3402a", now: "#c2410c"},
	true:  {page: "#14161b", text: "#eceef2", dim: "#9aa3b2", grid: "#2c313b", track: "#1d2027", level: "#5b93cc", shut: "#f0806a", now: "#ffb454"},
}

// style is the style sheet, light and dark. A page chooses one by data-theme;
// without it the reader's system does.
func (d *drawing) style() string {
	var b strings.Builder
	b.WriteString(baseStyle)
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
	rule("text.dim,"+scope+".tick,"+scope+".date", "fill:"+p.dim)
	rule("text.shut", "fill:"+p.shut)
	rule(".grid", "stroke:"+p.grid)
	rule(".grid.day", "stroke:"+p.dim)
	rule(".track", "fill:"+p.track)
	rule(".level", "fill:"+p.level)
	rule(".level.shut,"+scope+".hatch", "fill:"+p.shut)
	rule(".ink", "stroke:"+p.text+";fill:"+p.text)
	rule(".shutink", "stroke:"+p.shut)
	rule(".now path", "stroke:"+p.now)
	rule(".now .tip", "fill:"+p.now)
	for i := range len(d.tenants) + 1 {
		hue, full := ((i-1)*137+210)%360, 100
		if i == 0 {
			hue, full = 0, 0
		}
		fill, line := fmt.Sprintf("hsl(%d,%d%%,80%%)", hue, 70*full/100), fmt.Sprintf("hsl(%d,%d%%,36%%)", hue, 60*full/100)
		if dark {
			fill, line = fmt.Sprintf("hsl(%d,%d%%,28%%)", hue, 45*full/100), fmt.Sprintf("hsl(%d,%d%%,62%%)", hue, 60*full/100)
		}
		rule(fmt.Sprintf(".c%d .window", i), "fill:"+fill+";stroke:"+line)
		rule(fmt.Sprintf(".c%d .prepare,%s.c%[1]d .wipe", i, scope), "fill:"+p.page+";stroke:"+line)
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
