// Package chart draws what a site's calendar holds over a window of time: as
// text for a terminal and as SVG for pages. Pure: it draws a
// calendar.Overview and nothing else, the same always the same way, with
// instants in the reader's time zone.
package chart

import (
	"slices"
	"time"

	"quarry/internal/calendar"
)

// Part is one part of a chart.
type Part string

// The parts.
const (
	Site     Part = "site"    // use of the site's capacity and pools
	Pnodes   Part = "pnode"   // a row for each pnode
	Clusters Part = "cluster" // a row for each booking, with its phases
)

// Parts are all parts in their order.
func Parts() []Part { return []Part{Site, Pnodes, Clusters} }

// phase is what a booking does at an instant.
type phase int

const (
	nothing phase = iota
	prepare
	window
	wipe
)

// span is one phase of a booking, [from, to).
type span struct {
	phase    phase
	from, to time.Time
}

// spans cuts a booking into its phases; one that began late, or ended early,
// lacks some.
func spans(p calendar.Phases) []span {
	start := latest(p.From, earliest(p.Start, p.To))
	end := latest(start, earliest(p.End, p.To))
	all := []span{{prepare, p.From, start}, {window, start, end}, {wipe, end, p.To}}
	return slices.DeleteFunc(all, func(s span) bool { return !s.to.After(s.from) })
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// overlap is how long [a, b) and [c, d) are both.
func overlap(a, b, c, d time.Time) time.Duration { return max(0, earliest(b, d).Sub(latest(a, c))) }

// share is the part of what there is that is held, of the resource that is
// held most, from 0 to 1 and more where it is overbooked.
func share(held, of calendar.Size) float64 {
	return max(ratio(held.CPUs, of.CPUs), ratio(held.MemoryMiB, of.MemoryMiB), ratio(held.DiskMiB, of.DiskMiB))
}

func ratio(held, of int) float64 {
	switch {
	case held <= 0:
		return 0
	case of <= 0:
		return 1
	}
	return float64(held) / float64(of)
}

// level is what of a pnode is held from an instant on.
type level struct {
	at    time.Time
	share float64
}

// levels is how much of a pnode is held over time: a step at each change.
func levels(p calendar.PnodeOverview) []level {
	var turns []time.Time
	for _, s := range p.Stays {
		turns = append(turns, s.From, s.To)
	}
	slices.SortFunc(turns, time.Time.Compare)
	turns = slices.CompactFunc(turns, time.Time.Equal)
	var list []level
	for _, at := range turns {
		var sum calendar.Size
		for _, s := range p.Stays {
			if !at.Before(s.From) && at.Before(s.To) {
				sum = calendar.Size{CPUs: sum.CPUs + s.Size.CPUs, MemoryMiB: sum.MemoryMiB + s.Size.MemoryMiB, DiskMiB: sum.DiskMiB + s.Size.DiskMiB}
			}
		}
		list = append(list, level{at, share(sum, p.Capacity)})
	}
	return list
}

// peak is the highest level at any instant of [from, to).
func peak(list []level, from, to time.Time) float64 {
	top := 0.0
	for i, l := range list {
		ends := to
		if i+1 < len(list) {
			ends = list[i+1].at
		}
		if l.at.Before(to) && ends.After(from) {
			top = max(top, l.share)
		}
	}
	return top
}

// closed are the times in which nothing new may come to a pnode.
func closed(o calendar.Overview, p calendar.PnodeOverview) []calendar.Window {
	if p.Drained || p.Lost {
		return []calendar.Window{{From: o.From, To: o.To}}
	}
	return p.Maintenance
}

// state is a word about a pnode, "" for a usual one.
func state(p calendar.PnodeOverview) string {
	switch {
	case p.Lost:
		return "lost"
	case p.Drained:
		return "drained"
	}
	return ""
}

// ordered lists one's own bookings before those of others.
func ordered(list []calendar.BookingOverview) []calendar.BookingOverview {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b calendar.BookingOverview) int {
		switch {
		case a.Own == b.Own:
			return 0
		case a.Own:
			return -1
		}
		return 1
	})
	return list
}

// row is the use of one thing of the site.
type row struct {
	name string
	used []float64 // share in each slot
	text string    // the most of what there is
}

// siteRows are the site's resources and pools.
func siteRows(o calendar.Overview) []row {
	var cpus, memory, disk, shut row
	var top, topShut calendar.Size
	for _, u := range o.Use {
		cpus.used = append(cpus.used, ratio(u.Held.CPUs, o.Capacity.CPUs))
		memory.used = append(memory.used, ratio(u.Held.MemoryMiB, o.Capacity.MemoryMiB))
		disk.used = append(disk.used, ratio(u.Held.DiskMiB, o.Capacity.DiskMiB))
		shut.used = append(shut.used, share(u.Closed, o.Capacity))
		top, topShut = most(top, u.Held), most(topShut, u.Closed)
	}
	cpus.name, cpus.text = "CPUs", count(top.CPUs, o.Capacity.CPUs)
	memory.name, memory.text = "memory", amount(top.MemoryMiB)+"/"+amount(o.Capacity.MemoryMiB)
	disk.name, disk.text = "disk", amount(top.DiskMiB)+"/"+amount(o.Capacity.DiskMiB)
	rows := []row{cpus, memory, disk}
	if topShut != (calendar.Size{}) {
		shut.name, shut.text = "closed", count(topShut.CPUs, o.Capacity.CPUs)+" CPUs"
		rows = append(rows, shut)
	}
	for _, p := range o.Pools {
		r := row{name: p.Pool, text: count(slices.Max(append([]int{0}, p.Held...)), p.Of)}
		for _, n := range p.Held {
			r.used = append(r.used, ratio(n, p.Of))
		}
		rows = append(rows, r)
	}
	return rows
}

func most(a, b calendar.Size) calendar.Size {
	return calendar.Size{CPUs: max(a.CPUs, b.CPUs), MemoryMiB: max(a.MemoryMiB, b.MemoryMiB), DiskMiB: max(a.DiskMiB, b.DiskMiB)}
}
