// Package clock tells a process the time of its site, which is not moved by a
// single machine's clock being set.
//
// A clock is described by its base: what it shows, less how long the process
// has run by a clock that nobody can set. The base of a clock that just runs
// stays the same; one that is set has another base from then on. So the clocks
// of other machines, heard at any time, can be compared with one's own.
package clock

import (
	"slices"
	"time"
)

// Tolerance is how far apart clocks may be that agree. It is more than a
// message takes and clocks drift, and less than a window lasts.
const Tolerance = time.Minute

// Judge decides the base of the site's time: held is what it was, own is the
// machine's own clock, and witnesses are others. A base on which more than half
// of the clocks agree is taken, the own one if that is among them. Without such
// a majority held stays: who is alone against one other is not believed. While
// held and own agree the site's time is the own clock's, so that what keeps that
// one true keeps the site's time true.
func Judge(held, own time.Time, witnesses []time.Time) time.Time {
	clocks := append(slices.Clone(witnesses), own)
	slices.SortFunc(clocks, time.Time.Compare)
	middle := clocks[len(clocks)/2] // any majority has it
	switch {
	case majority(held, clocks):
	case majority(own, clocks):
		return own
	case majority(middle, clocks):
		held = middle
	}
	if agree(held, own) {
		return own
	}
	return held
}

func agree(a, b time.Time) bool { return near(a, b, Tolerance) }

func near(a, b time.Time, within time.Duration) bool { return a.Sub(b).Abs() <= within }

// majority reports whether more than half of the clocks agree with a base.
func majority(base time.Time, clocks []time.Time) bool {
	count := 0
	for _, c := range clocks {
		if agree(base, c) {
			count++
		}
	}
	return 2*count > len(clocks)
}
