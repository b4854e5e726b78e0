package simulate

import (
	"fmt"
	"html"
	"math"
	"strings"
	"time"
)

// Measures of the drawing, in pixels.
const (
	svgWidth  = 960
	svgLeft   = 48
	svgRight  = 12
	svgPlot   = 140
	svgHead   = 34
	svgAxis   = 26
	svgPoints = 480
)

const svgStyle = `text{font:12px system-ui,sans-serif;fill:#16181d}.dim{fill:#5d6470}.grid{stroke:#8a93a3;stroke-width:.5;stroke-dasharray:2 3}
.held{fill:#c9d8ee}.booked{fill:#3f6fb5}.page{fill:#fff}
@media (prefers-color-scheme:dark){text{fill:#eceef2}.dim{fill:#9aa3b2}.page{fill:#14161b}.held{fill:#2b3d58}.booked{fill:#7ba7e6}}`

// SVG draws how much of the site's CPUs was in use over time, one panel for
// each run. It needs no script and no other file.
func SVG(title string, outcomes []*Outcome) []byte {
	height := svgHead + len(outcomes)*(svgPlot+svgHead+svgAxis)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img"><title>%s</title><style>%s</style>`,
		svgWidth, height, svgWidth, height, html.EscapeString("vCPUs in use: "+title), svgStyle)
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/><text x="%d" y="20" font-weight="bold">%s</text>`,
		svgWidth, height, svgLeft, html.EscapeString(title))
	fmt.Fprintf(&b, `<rect class="booked" x="%d" y="10" width="12" height="12"/><text class="dim" x="%d" y="20">booked</text><rect class="held" x="%d" y="10" width="12" height="12"/><text class="dim" x="%d" y="20">held to prepare and wipe</text>`,
		svgWidth-280, svgWidth-262, svgWidth-200, svgWidth-182)
	for i, o := range outcomes {
		o.panel(&b, svgHead+i*(svgPlot+svgHead+svgAxis))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// panel draws one run, its top at y.
func (o *Outcome) panel(b *strings.Builder, y int) {
	s := o.Summary()
	fmt.Fprintf(b, `<text x="%d" y="%d">%s</text><text class="dim" x="%d" y="%d" text-anchor="end">%s</text>`,
		svgLeft, y+20, html.EscapeString(o.Run.String()), svgWidth-svgRight, y+20,
		html.EscapeString(fmt.Sprintf("%s booked, %s held; %d of %d refused, %d late",
			percent(s.Utilisation.BookedCPUs), percent(s.Utilisation.HeldCPUs), s.Refused, s.Requests, s.Late)))
	top := y + svgHead
	curve := o.Curve(svgPoints)
	most := 1.0
	for _, p := range curve {
		most = max(most, math.Ceil(p.Held*10)/10) // more than all there is: overcommitment
	}
	for _, share := range []float64{0, 0.5, 1} {
		at := top + svgPlot - int(share*svgPlot)
		fmt.Fprintf(b, `<line class="grid" x1="%d" x2="%d" y1="%d" y2="%d"/><text class="dim" x="%d" y="%d" text-anchor="end">%.0f %%</text>`,
			svgLeft, svgWidth-svgRight, at, at, svgLeft-6, at+4, 100*share*most)
	}
	o.area(b, "held", top, curve, func(p Point) float64 { return p.Held / most })
	o.area(b, "booked", top, curve, func(p Point) float64 { return p.Booked / most })
	for i := range 5 {
		at := o.From.Add(o.To.Sub(o.From) / 4 * time.Duration(i))
		x := svgLeft + i*(svgWidth-svgLeft-svgRight)/4
		anchor := []string{"start", "middle", "middle", "middle", "end"}[i]
		fmt.Fprintf(b, `<text class="dim" x="%d" y="%d" text-anchor="%s">%s</text>`, x, top+svgPlot+16, anchor, at.Format("2006-01-02 15:04"))
	}
}

func (o *Outcome) area(b *strings.Builder, class string, top int, curve []Point, value func(Point) float64) {
	bottom := top + svgPlot
	step := float64(svgWidth-svgLeft-svgRight) / svgPoints
	fmt.Fprintf(b, `<path class="%s" d="M%d %d`, class, svgLeft, bottom)
	for _, p := range curve {
		fmt.Fprintf(b, "V%.1fh%.2f", float64(bottom)-value(p)*svgPlot, step)
	}
	fmt.Fprintf(b, `V%dZ"/>`, bottom)
}
