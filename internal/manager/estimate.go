package manager

import (
	"slices"
	"time"
)

// history is how long earlier preparations took.
type history struct {
	build   []time.Duration // making one image
	prepare []time.Duration // from images at hand to every vnode ready
}

// Without any history the manager assumes a slow machine.
const (
	firstBuild   = time.Minute
	firstPrepare = 100 * time.Second
	leastPrepare = 45 * time.Second
	margin       = 20 * time.Second
)

// lead is how long before its start a cluster's preparation has to begin:
// the slowest of the recent preparations and half as much again, and the
// builds of the images that are missing, one after the other.
func (h history) lead(missingImages int) time.Duration {
	prepare, build := h.slowest()
	if len(h.prepare) > 0 {
		prepare = prepare * 3 / 2
	}
	if len(h.build) > 0 {
		build = build * 3 / 2
	}
	return (max(prepare, leastPrepare) + margin + time.Duration(missingImages)*build).Round(time.Second)
}

// remaining is how long it will take from now on, progress (in per cent) of
// the slowest vnode being done.
func (h history) remaining(missingImages, progress int) time.Duration {
	prepare, build := h.slowest()
	return prepare*time.Duration(100-progress)/100 + time.Duration(missingImages)*build
}

func (h history) slowest() (prepare, build time.Duration) {
	prepare, build = firstPrepare, firstBuild
	if len(h.prepare) > 0 {
		prepare = slices.Max(h.prepare)
	}
	if len(h.build) > 0 {
		build = slices.Max(h.build)
	}
	return prepare, build
}
