package chart

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
)

func (d *drawing) part(p Part) {
	switch p {
	case Site:
		d.head("Site", len(siteRows(d.o)), 0)
		for _, r := range siteRows(d.o) {
			d.siteRow(r)
		}
	case Pnodes:
		d.head("Pnodes", len(d.o.Pnodes), d.o.PnodeCount)
		for _, p := range d.o.Pnodes {
			d.pnode(p)
		}
	case Clusters:
		d.head("Clusters", len(d.o.Bookings), d.o.BookingCount)
		for _, b := range ordered(d.o.Bookings) {
			d.booking(b)
		}
	}
}

func (d *drawing) head(text string, shown, all int) {
	if shown < all {
		text = fmt.Sprintf("%s: %d of %d, page %d of %d", text, shown, all, d.o.Page, d.o.Pages)
	} else if shown == 0 {
		text += ": none"
	}
	d.text("head", 16, d.y+20, text)
	d.y += headHeight
}

// siteRow draws the use of one resource as a surface under the line of what
// there is.
func (d *drawing) siteRow(r row) {
	high := siteHeight - 8
	base := d.y + high
	d.f(`<g><title>%s: at most %s</title>`, esc(r.name), esc(r.text))
	d.f(`<rect class="track" x="%s" y="%s" width="%s" height="%s"/>`, num(left), num(d.y), num(right-left), num(high))
	var list []level
	for i, v := range r.used {
		list = append(list, level{d.o.Use[i].At, v})
	}
	class := "level"
	if r.name == "closed" {
		class = "level shut"
	}
	d.f(`<path class="%s" d="%s"/></g>`+"\n", class, d.surface(list, base, high))
	d.text("label", 24, base-high/2+4, r.name)
	d.text("dim end", left-10, base-high/2+4, r.text)
	d.y += siteHeight
}

// surface is the path of a step function over the plot; what is over one is
// cut off.
func (d *drawing) surface(list []level, base, high float64) string {
	var b strings.Builder
	at := base
	fmt.Fprintf(&b, "M%s %s", num(left), num(base))
	for i, l := range list {
		y := base - min(l.share, 1)*high
		if y == at || i+1 < len(list) && !list[i+1].at.After(d.o.From) || !l.at.Before(d.o.To) {
			continue
		}
		fmt.Fprintf(&b, "H%sV%s", num(d.x(l.at)), num(y))
		at = y
	}
	fmt.Fprintf(&b, "H%sV%sz", num(right), num(base))
	return b.String()
}

func (d *drawing) pnode(p calendar.PnodeOverview) {
	base := d.y + barHeight
	words := []string{fmt.Sprintf("%s: %d CPUs, %s memory, %s disk", p.Pnode, p.Capacity.CPUs, amount(p.Capacity.MemoryMiB), amount(p.Capacity.DiskMiB))}
	for _, s := range p.Stays {
		words = append(words, fmt.Sprintf("%s: %d vnodes, %d CPUs, %s memory, %s to %s",
			s.Booking, s.Vnodes, s.Size.CPUs, amount(s.Size.MemoryMiB), d.clock(s.From), d.clock(s.To)))
	}
	d.f(`<g><title>%s</title>`, esc(strings.Join(words, "; ")))
	d.f(`<rect class="track" x="%s" y="%s" width="%s" height="%s"/>`, num(left), num(d.y), num(right-left), num(barHeight))
	for _, w := range closed(d.o, p) {
		from, to := latest(w.From, d.o.From), earliest(w.To, d.o.To)
		d.f(`<rect class="closed" x="%s" y="%s" width="%s" height="%s" fill="url(#quarry-closed)"/>`,
			num(d.x(from)), num(d.y), num(d.x(to)-d.x(from)), num(barHeight))
	}
	d.f(`<path class="level" d="%s"/></g>`+"\n", d.surface(levels(p), base, barHeight))
	d.text("label", 24, base-3, p.Pnode)
	if s := state(p); s != "" {
		d.text("shut end", left-10, base-3, s)
	}
	d.y += rowHeight
}

func (d *drawing) booking(b calendar.BookingOverview) {
	base := d.y + barHeight
	d.f(`<g class="c%d"><title>%s</title>`, d.colour(b), esc(d.bookingText(b)))
	for _, s := range spans(b.Phases) {
		from, to := latest(s.from, d.o.From), earliest(s.to, d.o.To)
		if !to.After(from) {
			continue
		}
		x, width := d.x(from), max(d.x(to)-d.x(from), 1)
		kind := map[phase]string{prepare: "prepare", window: "window", wipe: "wipe"}[s.phase]
		d.f(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, kind, num(x), num(d.y), num(width), num(barHeight))
		if s.phase != window {
			d.f(`<rect x="%s" y="%s" width="%s" height="%s" fill="url(#quarry-%s)"/>`, num(x), num(d.y), num(width), num(barHeight), kind)
		} else if text := fmt.Sprintf("%d vnodes", b.Vnodes); width > float64(len(text)+1)*charWidth {
			d.f(`<text class="in" x="%s" y="%s">%s</text>`, num(x+5), num(base-4), text)
		}
	}
	d.f("</g>\n")
	const fits = 21 // characters at the left of the plot
	name, room := b.Booking, fits-len(b.State)
	if len(name) > room {
		name = name[:max(room-1, 1)] + "…"
	}
	d.text("label", 24, base-3, name)
	d.text("dim end", left-10, base-3, b.State)
	d.y += rowHeight
}

// tenants are those whose clusters are shown by name, sorted.
func tenants(o calendar.Overview) []string {
	var list []string
	for _, b := range o.Bookings {
		if b.Own {
			list = append(list, tenantOf(b))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func tenantOf(b calendar.BookingOverview) string {
	tenant, _, qualified := strings.Cut(b.Booking, "/")
	if !qualified {
		return ""
	}
	return tenant
}

// colour is the class of a booking: 0 for others', one for each tenant.
func (d *drawing) colour(b calendar.BookingOverview) int {
	if !b.Own {
		return 0
	}
	return slices.Index(d.tenants, tenantOf(b)) + 1
}

func (d *drawing) legend() {
	d.y += 14
	x := left
	add := func(swatch, text string) {
		d.f(`<g transform="translate(%s %s)">%s</g>`+"\n", num(x), num(d.y), swatch)
		d.text("dim", x+22, d.y+10, text)
		x += 22 + float64(len(text)+3)*charWidth
	}
	if slices.Contains(d.Parts, Clusters) {
		const box = `<rect class="%s" width="16" height="12"/>`
		own := fmt.Sprintf(`<g class="c%d">`, min(1, len(d.tenants)))
		add(own+fmt.Sprintf(box, "prepare")+`<rect width="16" height="12" fill="url(#quarry-prepare)"/></g>`, "prepare")
		add(own+fmt.Sprintf(box, "window")+`</g>`, "window")
		add(own+fmt.Sprintf(box, "wipe")+`<rect width="16" height="12" fill="url(#quarry-wipe)"/></g>`, "wipe")
	}
	if len(d.Parts) > 1 || d.Parts[0] != Clusters {
		add(`<rect class="level" y="4" width="16" height="8"/>`, "held")
		add(`<rect class="closed" width="16" height="12" fill="url(#quarry-closed)"/>`, "closed")
	}
	if !d.o.Now.Before(d.o.From) && d.o.Now.Before(d.o.To) {
		add(`<g class="now"><path d="M8 0V12"/></g>`, "now "+d.o.Now.In(d.Zone).Format(time.TimeOnly)[:5])
	}
	d.y += 16
}
