package manager

import (
	"strings"
	"time"

	"quarry/internal/cluster"
)

// End and Cancel are operations of their own calls; a record names them, too.
const (
	EndNow Operation = "end"
	Cancel Operation = "cancel"
)

// askedBy reads from an event what was done to a cluster, by whomever.
func askedBy(e cluster.Event) (Change, bool) {
	d := e.Detail
	if d == nil {
		return Change{}, false
	}
	switch op := Operation(d.Operation); op {
	case Confirm, Release, EndNow, Cancel:
		return Change{Operation: op}, true
	case Extend, Shorten:
		return Change{Operation: op, End: d.End}, true
	case Move:
		return Change{Operation: op, Start: d.Start, End: d.End}, true
	case Grow:
		return Change{Operation: op, Appliance: d.Appliance, Count: d.Count}, true
	case Shrink:
		return Change{Operation: op, Nodes: d.Nodes}, true
	case "reclaim":
		return Change{Operation: EndNow}, true
	case "fail":
		return Change{Operation: Cancel}, true
	case "yield":
		if e.Type == "cancelled" {
			return Change{Operation: Cancel}, true
		}
		return Change{Operation: Shorten, End: d.End}, true
	}
	return Change{}, false
}

// askedOld reads as much from the types of an older release's events as these
// tell: that a cluster was given up.
func askedOld(e cluster.Event) (Change, bool) {
	return Change{Operation: Cancel}, e.Type == "cancelled" || e.Type == "failed"
}

// applianceOf is the appliance of a vnode by its name, like compute-3.
func applianceOf(vnode string) string {
	if i := strings.LastIndexByte(vnode, '-'); i > 0 {
		return vnode[:i]
	}
	return vnode
}

// askedSpec is what a cluster was booked with: what it is now, before all that
// was done to it since.
func askedSpec(c cluster.Cluster, first cluster.Event, asked []Asked) cluster.Spec {
	spec := c.Spec
	spec.SSHKeys, spec.Users = nil, nil
	spec.Nodes = append([]cluster.Group(nil), spec.Nodes...)
	add := func(appliance string, n int) {
		for i := range spec.Nodes {
			if spec.Nodes[i].Appliance == appliance {
				spec.Nodes[i].Count += n
			}
		}
	}
	moved := false
	for _, a := range asked {
		switch a.Operation {
		case Grow:
			add(a.Appliance, -a.Count)
		case Shrink:
			for _, name := range a.Nodes {
				add(applianceOf(name), 1)
			}
		case Extend, Shorten, Move:
			moved = true
		}
	}
	if moved && first.Detail != nil {
		start, end := first.Detail.Start, first.Detail.End
		spec.Start, spec.End, spec.Duration = start, end, end.Sub(start)
	}
	switch {
	case spec.StartMode == cluster.StartAt:
		spec.Duration = 0
	case spec.Duration > 0:
		spec.Start, spec.End = time.Time{}, time.Time{}
	default:
		spec.Start = time.Time{}
	}
	return spec
}
