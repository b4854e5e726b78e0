// Package calendar decides whether a cluster fits on the site's pnodes over a
// window of time, when it first does, and where its vnodes go. Pure: the same
// input always gives the same placement. It promises that no pnode is ever
// held beyond its capacity at any second, and that a request is placed whole
// or not at all.
package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Size is an amount of what a vnode needs and a pnode has.
type Size struct {
	CPUs      int
	MemoryMiB int
	DiskMiB   int
}

func (s Size) plus(o Size) Size {
	return Size{s.CPUs + o.CPUs, s.MemoryMiB + o.MemoryMiB, s.DiskMiB + o.DiskMiB}
}

func (s Size) minus(o Size) Size {
	return Size{s.CPUs - o.CPUs, s.MemoryMiB - o.MemoryMiB, s.DiskMiB - o.DiskMiB}
}

// Within reports whether s fits into room.
func (s Size) Within(room Size) bool {
	return s.CPUs <= room.CPUs && s.MemoryMiB <= room.MemoryMiB && s.DiskMiB <= room.DiskMiB
}

func (s Size) String() string {
	return fmt.Sprintf("%d CPUs, %d MiB memory, %d MiB disk", s.CPUs, s.MemoryMiB, s.DiskMiB)
}

// Pnode is a machine as the calendar sees it.
type Pnode struct {
	Name     string
	Capacity Size
	Uplink   bool
	// Usable is false while the pnode is drained or lost.
	Usable bool
}

// Hold is what one vnode holds of one pnode over [From, To).
type Hold struct {
	Cluster  string // ID
	Vnode    string
	Pnode    string
	From, To time.Time
	Size     Size
}

// Item is one vnode to place.
type Item struct {
	Vnode  string
	Size   Size
	Uplink bool // needs a pnode with an uplink
}

// Request is a whole cluster to place over [From, To).
type Request struct {
	From, To time.Time
	Items    []Item
	// Pinned are vnodes of the same cluster that stay where they are; new
	// vnodes keep away from their pnodes where they can.
	Pinned map[string]string
}

// Placement maps vnode names to pnode names.
type Placement map[string]string

// Refusal says why a request does not fit.
type Refusal struct {
	// Reasons has one entry for each vnode that found no room.
	Reasons []string
	// Free is the room left on each usable pnode over the whole window.
	Free []Free
}

// Free is the room on one pnode over a whole window.
type Free struct {
	Pnode  string
	Uplink bool
	Room   Size
}

// Place puts every item of the request on a pnode, or none. Vnodes spread:
// each goes to the pnode with the fewest vnodes of this request, then to one
// without an uplink unless it needs one, then to the one with most memory
// left, then by name.
func Place(pnodes []Pnode, holds []Hold, req Request) (Placement, *Refusal) {
	room := roomOver(pnodes, holds, req.From, req.To)
	mine := map[string]int{}
	for _, p := range req.Pinned {
		mine[p]++
	}
	items := slices.Clone(req.Items)
	slices.SortStableFunc(items, func(a, b Item) int {
		if a.Uplink != b.Uplink {
			return cmp.Compare(boolInt(b.Uplink), boolInt(a.Uplink))
		}
		return cmp.Compare(b.Size.MemoryMiB, a.Size.MemoryMiB)
	})

	placed := Placement{}
	var refusal *Refusal
	for _, it := range items {
		best := pick(pnodes, room, mine, it)
		if best == "" {
			if refusal == nil {
				refusal = &Refusal{Free: freeList(pnodes, roomOver(pnodes, holds, req.From, req.To))}
			}
			refusal.Reasons = append(refusal.Reasons, reason(it, pnodes, room))
			continue
		}
		placed[it.Vnode] = best
		mine[best]++
		room[best] = room[best].minus(it.Size)
	}
	if refusal != nil {
		return nil, refusal
	}
	return placed, nil
}

// Earliest returns the first start in [notBefore, horizon] at which the
// request fits for its own length. Only instants at which something is given
// back can be the answer, so only those are tried. Place is greedy: for several
// vnodes a cleverer placement might fit earlier.
func Earliest(pnodes []Pnode, holds []Hold, req Request, notBefore, horizon time.Time) (time.Time, bool) {
	length := req.To.Sub(req.From)
	starts := []time.Time{notBefore}
	for _, h := range holds {
		if h.To.After(notBefore) && !h.To.After(horizon) {
			starts = append(starts, h.To)
		}
	}
	slices.SortFunc(starts, time.Time.Compare)
	starts = slices.CompactFunc(starts, time.Time.Equal)
	for _, at := range starts {
		try := req
		try.From, try.To = at, at.Add(length)
		if _, refused := Place(pnodes, holds, try); refused == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// roomOver returns what is free on each usable pnode at every second of the
// window: capacity less the highest sum of holds at any instant.
func roomOver(pnodes []Pnode, holds []Hold, from, to time.Time) map[string]Size {
	room := make(map[string]Size, len(pnodes))
	byPnode := map[string][]Hold{}
	for _, h := range holds {
		if h.From.Before(to) && from.Before(h.To) {
			byPnode[h.Pnode] = append(byPnode[h.Pnode], h)
		}
	}
	for _, p := range pnodes {
		if p.Usable {
			room[p.Name] = p.Capacity.minus(peak(byPnode[p.Name], from))
		}
	}
	return room
}

// peak is the highest use per resource at any instant from the start of the
// window on; use only rises where a hold begins.
func peak(holds []Hold, from time.Time) Size {
	instants := []time.Time{from}
	for _, h := range holds {
		if h.From.After(from) {
			instants = append(instants, h.From)
		}
	}
	var top Size
	for _, at := range instants {
		var sum Size
		for _, h := range holds {
			if !h.From.After(at) && at.Before(h.To) {
				sum = sum.plus(h.Size)
			}
		}
		top.CPUs = max(top.CPUs, sum.CPUs)
		top.MemoryMiB = max(top.MemoryMiB, sum.MemoryMiB)
		top.DiskMiB = max(top.DiskMiB, sum.DiskMiB)
	}
	return top
}

func pick(pnodes []Pnode, room map[string]Size, mine map[string]int, it Item) string {
	var fit []Pnode
	for _, p := range pnodes {
		free, usable := room[p.Name]
		if usable && (p.Uplink || !it.Uplink) && it.Size.Within(free) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return ""
	}
	return slices.MinFunc(fit, func(a, b Pnode) int {
		return cmp.Or(
			cmp.Compare(mine[a.Name], mine[b.Name]),
			cmp.Compare(boolInt(a.Uplink), boolInt(b.Uplink)),
			cmp.Compare(room[b.Name].MemoryMiB, room[a.Name].MemoryMiB),
			strings.Compare(a.Name, b.Name),
		)
	}).Name
}

func reason(it Item, pnodes []Pnode, room map[string]Size) string {
	what := "a pnode"
	if it.Uplink {
		what = "a pnode with an uplink"
	}
	var best *Pnode
	for i, p := range pnodes {
		free, usable := room[p.Name]
		if usable && (p.Uplink || !it.Uplink) && (best == nil || free.MemoryMiB > room[best.Name].MemoryMiB) {
			best = &pnodes[i]
		}
	}
	if best == nil {
		return fmt.Sprintf("%s needs %s and none is usable", it.Vnode, what)
	}
	return fmt.Sprintf("%s needs %s with %s; beside the rest of this cluster %s has the most room: %s",
		it.Vnode, what, it.Size, best.Name, room[best.Name])
}

func freeList(pnodes []Pnode, room map[string]Size) []Free {
	var list []Free
	for _, p := range pnodes {
		if r, usable := room[p.Name]; usable {
			list = append(list, Free{Pnode: p.Name, Uplink: p.Uplink, Room: r})
		}
	}
	return list
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
