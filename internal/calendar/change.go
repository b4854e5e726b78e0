package calendar

import (
	"fmt"
	"slices"
	"time"

	"quarry/internal/fault"
)

// Change is what an operation made of a booking.
type Change struct {
	Before Booking `json:"before"`
	After  Booking `json:"after"`
	Moves  []Move  `json:"moves,omitempty"`
}

// Extend moves the end of a booking later.
func (c *Calendar) Extend(id string, end time.Time) (Change, error) {
	return c.change(id, "extended", func(e *entry, r *Request, l *fault.List) {
		if !end.After(r.End) {
			l.Add("end", fmt.Sprintf("%s is not after the end that is booked, %s: shorten it instead", stamp(end), stamp(r.End)))
		}
		r.End = end
	})
}

// Grow adds vnodes to the first group of an appliance.
func (c *Calendar) Grow(id, appliance string, more int) (Change, error) {
	return c.change(id, "grown", func(e *entry, r *Request, l *fault.List) {
		if more < 1 || more > maxVnodes {
			l.Add("count", fmt.Sprintf("%d is not between 1 and %d", more, maxVnodes))
			return
		}
		g := slices.IndexFunc(r.Groups, func(g Group) bool { return g.Appliance == appliance })
		if g < 0 {
			l.Add("appliance", fmt.Sprintf("the cluster has no nodes of appliance %q", appliance))
			return
		}
		r.Groups[g].grow(more)
	})
}

// grow adds vnodes with the first names that are free.
func (g *Group) grow(more int) {
	g.nameAll()
	taken := map[string]bool{}
	for _, n := range g.Names {
		taken[n] = true
	}
	for i := 0; more > 0; i++ {
		if name := fmt.Sprintf("%s-%d", g.Appliance, i); !taken[name] {
			g.Names = append(g.Names, name)
			more--
		}
	}
	g.Count = len(g.Names)
}

// nameAll writes the names down that follow from the count.
func (g *Group) nameAll() {
	if g.Names != nil {
		return
	}
	names := make([]string, g.Count)
	for i := range names {
		names[i] = g.vnodeName(i)
	}
	g.Names = names
}

// Move gives a booking that has not started another window.
func (c *Calendar) Move(id string, start, end time.Time) (Change, error) {
	return c.change(id, "moved", func(e *entry, r *Request, l *fault.List) {
		if e.Started {
			l.Add("start", "the cluster has started: only its end can move")
		}
		r.Start, r.End = start, end
	})
}

// Reprepare gives a booking that has not started another time to prepare in,
// so that it is ready by the same start.
func (c *Calendar) Reprepare(id string, prepare time.Duration) (Change, error) {
	return c.change(id, "prepared earlier", func(e *entry, r *Request, l *fault.List) {
		if e.Started {
			l.Add("prepare", "the cluster has started")
		}
		r.Prepare = prepare
	})
}

// Retime is Reprepare, and another time for wiping it too.
func (c *Calendar) Retime(id string, prepare, wipe time.Duration) (Change, error) {
	return c.change(id, "given other times", func(e *entry, r *Request, l *fault.List) {
		if e.Started {
			l.Add("prepare", "the cluster has started")
		}
		r.Prepare, r.Wipe = prepare, wipe
	})
}

// change replaces a booking by what edit makes of its request. Its vnodes stay
// where they are if they can; those of a cluster that has not started move if
// that is the only way. When it cannot be, nothing is changed.
func (c *Calendar) change(id, what string, edit func(*entry, *Request, *fault.List)) (Change, error) {
	old, err := c.find(id)
	if err != nil {
		return Change{}, err
	}
	req := old.Request.clone()
	var l fault.List
	edit(old, &req, &l)
	if err := l.Err(fault.Invalid, "the booking cannot be "+what); err != nil {
		return Change{}, err
	}
	if err := req.Check(); err != nil {
		return Change{}, err
	}
	return c.replace(old, req, old.Vnodes)
}

// replace books req in the place of old. Of stay, the vnodes on usable pnodes
// stay; of a started cluster all do.
func (c *Calendar) replace(old *entry, req Request, stay []Vnode) (Change, error) {
	c.take(old)
	next := c.again(old, req, stay)
	if next == nil {
		c.put(old)
		return Change{}, &Refusal{Request: req, Stay: stayOf(old, stay)}
	}
	next.Expires, next.Started = old.Expires, old.Started
	c.put(next)
	return Change{Before: old.Booking, After: next.Booking, Moves: moves(old.Plan, next.Plan)}, nil
}

func stayOf(old *entry, stay []Vnode) []Vnode {
	if old.Started {
		return stay
	}
	return nil
}

// again places a booking that was taken out: as it was, else, unless it has
// started, anew. nil when it cannot be placed.
func (c *Calendar) again(old *entry, req Request, stay []Vnode) *entry {
	t := c.attempt(&req)
	t.keep = old.units
	t.stay = c.staying(req, stay)
	if t.stays() {
		defer t.done()
		if t.run() {
			return t.entry()
		}
	}
	if old.Started {
		return nil
	}
	anew := c.attempt(&req)
	defer anew.done()
	if anew.run() {
		return anew.entry()
	}
	return nil
}

// staying lists, for each vnode of the request, the pnode where it stays, -1
// for those to be placed.
func (c *Calendar) staying(req Request, stay []Vnode) []int32 {
	at := make(map[string]int32, len(stay))
	for _, v := range stay {
		if i, ok := c.index[v.Pnode]; ok {
			at[v.Name] = int32(i)
		}
	}
	list := make([]int32, 0, req.total())
	for _, g := range req.Groups {
		for i := range g.Count {
			if p, ok := at[g.vnodeName(i)]; ok {
				list = append(list, p)
			} else {
				list = append(list, -1)
			}
		}
	}
	return list
}

// stays reports whether the vnodes that stay have the room for it.
func (t *trial) stays() bool {
	need := map[int]vec{}
	i := 0
	for _, g := range t.req.Groups {
		for range g.Count {
			if p := t.stay[i]; p >= 0 {
				need[int(p)] = need[int(p)].plus(g.Size.vec())
			}
			i++
		}
	}
	for p, size := range need {
		if !size.within(t.c.lanes.free(p, t.from, t.to)) {
			return false
		}
	}
	return true
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
