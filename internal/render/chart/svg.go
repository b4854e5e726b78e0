package chart

import (
	"bytes"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"

	"quarry/internal/calendar"
)

// SVGOptions say how a picture is drawn.
type SVGOptions struct {
	Parts []Part // all if empty
	Zone  *time.Location
	// Title is the picture's own title; without it there is a usual one.
	Title string
}

// Measures of a picture, in pixels.
const (
	pictureWidth = 960.0
	left         = 184.0 // where the plot begins
	right        = 944.0
	siteHeight   = 30.0
	rowHeight    = 22.0
	barHeight    = 15.0
	headHeight   = 30.0
	charWidth    = 6.6 // of the font, for what has to fit into a bar
)

// SVG draws an overview as one picture that needs nothing else: it is light
// or dark as its reader's system is, has a title and a description for those
// who hear it, runs no script, and says more of each thing where the pointer
// rests on it.
func SVG(o calendar.Overview, opt SVGOptions) []byte {
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	if len(opt.Parts) == 0 {
		opt.Parts = Parts()
	}
	if opt.Title == "" {
		opt.Title = "What is held of the site"
	}
	d := &drawing{o: o, SVGOptions: opt, tenants: tenants(o)}
	d.y = 74
	for _, p := range opt.Parts {
		d.part(p)
	}
	bottom := d.y + 6
	d.now(bottom)
	d.legend()
	body := d.Bytes()

	var b bytes.Buffer
	height := num(d.y + 10)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%[1]s" height="%[2]s" role="img" aria-labelledby="quarry-title quarry-desc">`+"\n",
		num(pictureWidth), height)
	fmt.Fprintf(&b, "<title id=\"quarry-title\">%s</title>\n<desc id=\"quarry-desc\">%s</desc>\n<style>%s</style>\n%s",
		esc(opt.Title), esc(d.describe()), d.style(), patterns)
	fmt.Fprintf(&b, `<rect class="page" width="100%%" height="100%%"/>`+"\n")
	d.Buffer = bytes.Buffer{}
	d.axis(bottom)
	b.Write(d.Bytes())
	b.Write(body)
	b.WriteString("</svg>\n")
	return b.Bytes()
}

type drawing struct {
	bytes.Buffer
	SVGOptions
	o       calendar.Overview
	tenants []string
	y       float64
}

func (d *drawing) f(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// x is where an instant is drawn, within the plot.
func (d *drawing) x(at time.Time) float64 {
	share := at.Sub(d.o.From).Seconds() / d.o.To.Sub(d.o.From).Seconds()
	return left + min(max(share, 0), 1)*(right-left)
}

func num(v float64) string { return strconv.FormatFloat(float64(int(v*10+0.5))/10, 'f', -1, 64) }

// esc makes any text safe within markup.
func esc(text string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd")))
}

func (d *drawing) text(class string, x, y float64, text string) {
	d.f(`<text class="%s" x="%s" y="%s">%s</text>`+"\n", class, num(x), num(y), esc(text))
}

// axis draws the head and the marks of time, over which the rows come.
func (d *drawing) axis(bottom float64) {
	d.text("big", 16, 24, d.Title)
	d.text("dim end", right, 24, between(d.o.From, d.o.To, d.Zone))
	for _, t := range ticks(d.o.From, d.o.To, d.Zone, 13) {
		x := d.x(t.at)
		class := "grid"
		if t.date != "" && !t.at.Equal(d.o.From) {
			class = "grid day"
		}
		d.f(`<path class="%s" d="M%s 66V%s"/>`+"\n", class, num(x), num(bottom))
		d.text("tick", x, 60, t.label)
		if t.date != "" {
			d.text("date", x, 44, t.date)
		}
	}
}

// now draws the line of now, over everything.
func (d *drawing) now(bottom float64) {
	if d.o.Now.Before(d.o.From) || !d.o.Now.Before(d.o.To) {
		return
	}
	x := num(d.x(d.o.Now))
	d.f(`<g class="now"><title>now: %s</title><path d="M%s 66V%s"/><path class="tip" d="M%[2]s 71l-5-7h10z"/></g>`+"\n",
		esc(d.o.Now.In(d.Zone).Format("Mon 2 Jan 15:04 MST")), x, num(bottom))
}

// describe says in words what the picture shows.
func (d *drawing) describe() string {
	var top calendar.Size
	for _, u := range d.o.Use {
		top = most(top, u.Held)
	}
	text := fmt.Sprintf("%s. %d pnodes; at most %d of %d CPUs and %s of %s memory are held. %d clusters",
		between(d.o.From, d.o.To, d.Zone), d.o.PnodeCount, top.CPUs, d.o.Capacity.CPUs,
		amount(top.MemoryMiB), amount(d.o.Capacity.MemoryMiB), d.o.BookingCount)
	var list []string
	for _, b := range ordered(d.o.Bookings) {
		if len(list) == 20 {
			list = append(list, "and more")
			break
		}
		list = append(list, d.bookingText(b))
	}
	if len(list) > 0 {
		text += ": " + strings.Join(list, "; ")
	}
	return text + "."
}

func (d *drawing) bookingText(b calendar.BookingOverview) string {
	words := b.Booking
	switch {
	case !b.Expires.IsZero():
		words += " (held until " + d.clock(b.Expires) + ")"
	case b.State != "":
		words += " (" + b.State + ")"
	}
	return fmt.Sprintf("%s, %d vnodes on %d pnodes, %d CPUs and %s memory, %s to %s",
		words, b.Vnodes, b.Pnodes, b.Size.CPUs, amount(b.Size.MemoryMiB), d.clock(b.Start), d.clock(b.End))
}

func (d *drawing) clock(t time.Time) string { return t.In(d.Zone).Format("Mon 2 Jan 15:04") }
