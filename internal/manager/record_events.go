package manager

import (
	"regexp"
	"strings"
	"time"

	"quarry/internal/cluster"
)

// End and Cancel are operations of their own calls; a record names them, too.
const (
	EndNow Operation = "end"
	Cancel Operation = "cancel"
)

// What the events say; a test reads what a manager wrote.
var (
	saysWindow = regexp.MustCompile(`^(?:confirmed: )?(?:booked|held) from (\S+) to ([^\s;]+);`)
	saysUntil  = regexp.MustCompile(`; given up at (\S+) unless it is confirmed`)
	saysMoved  = regexp.MustCompile(`^(extended|shortened|moved) by request: it was from \S+ to [^\s,]+, it is from (\S+) to (\S+)$`)
	saysYields = regexp.MustCompile(`this best-effort cluster ends at (\S+) instead of`)
	saysSilent = regexp.MustCompile(`^pnode (\S+) does not answer$`)
	saysHeard  = regexp.MustCompile(`^[\w-]+ on (\S+)$`)
)

// windowOf is the window that an event says was booked, and until when it is
// held.
func windowOf(e cluster.Event) (start, end, until time.Time, ok bool) {
	m := saysWindow.FindStringSubmatch(e.Message)
	if m == nil {
		return
	}
	if u := saysUntil.FindStringSubmatch(e.Message); u != nil {
		until = instant(u[1])
	}
	return instant(m[1]), instant(m[2]), until, true
}

func instant(text string) time.Time {
	t, _ := time.Parse(time.RFC3339, text) // the zero time for what a manager did not write
	return t.UTC()
}

// askedBy reads from an event what was done to a cluster.
func askedBy(c cluster.Cluster, e cluster.Event) (Change, bool) {
	text := e.Message
	switch e.Type {
	case "booked":
		return Change{Operation: Confirm}, strings.HasPrefix(text, "confirmed: ")
	case "failed":
		return Change{Operation: Cancel}, true
	case "cancelled":
		if text == "the hold was released" {
			return Change{Operation: Release}, true
		}
		return Change{Operation: Cancel}, !strings.HasPrefix(text, "the hold was not confirmed")
	case "changed":
		if text == "the window was ended by request" || strings.HasSuffix(text, ": its window is ended") {
			return Change{Operation: EndNow}, true
		}
	}
	if m := saysYields.FindStringSubmatch(text); m != nil {
		return Change{Operation: Shorten, End: instant(m[1])}, true
	}
	if m := saysMoved.FindStringSubmatch(text); m != nil {
		for op, word := range done {
			if word == m[1] && op == Move {
				return Change{Operation: op, Start: instant(m[2]), End: instant(m[3])}, true
			} else if word == m[1] {
				return Change{Operation: op, End: instant(m[3])}, true
			}
		}
	}
	if names, ok := strings.CutPrefix(text, "grown by request: "); ok {
		list := strings.Split(names, ", ")
		return Change{Operation: Grow, Appliance: applianceOf(list[0]), Count: len(list)}, true
	}
	if names, ok := strings.CutPrefix(text, "shrunk by request: "); ok {
		return Change{Operation: Shrink, Nodes: strings.Split(strings.TrimSuffix(names, " given back"), ", ")}, true
	}
	return Change{}, false
}

// applianceOf is the appliance of a vnode by its name, like compute-3.
func applianceOf(vnode string) string {
	if i := strings.LastIndexByte(vnode, '-'); i > 0 {
		return vnode[:i]
	}
	return vnode
}

// signOf reads from an event that a pnode fell silent or was heard.
func signOf(e cluster.Event) (pnode string, silent, ok bool) {
	if e.Type == "warning" {
		first, _, _ := strings.Cut(e.Message, ": placed on ")
		if m := saysSilent.FindStringSubmatch(first); m != nil {
			return m[1], true, true
		}
	}
	if e.Type == "node" {
		if m := saysHeard.FindStringSubmatch(e.Message); m != nil {
			return m[1], false, true
		}
	}
	return "", false, false
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
	start, end, _, known := windowOf(first)
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
	if moved && known {
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
