package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// Replan is what became of a booking when its pnodes changed.
type Replan struct {
	ID     string `json:"id"`
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	// Why says what happened to which of its pnodes.
	Why []string `json:"why"`
	// Moves are the vnodes that are planned elsewhere now.
	Moves []Move `json:"moves,omitempty"`
	// Stuck are the vnodes that stay on a pnode that cannot keep them: because
	// the cluster has started, or because there is no room elsewhere.
	Stuck []string `json:"stuck,omitempty"`
	// Refusal says why there is no room elsewhere.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// SetPnodes replaces the site's pnodes by a new list. What is held stays held
// where it is, also on a pnode that is not there any more: Replan moves it.
func (c *Calendar) SetPnodes(pnodes []Pnode) error {
	site := c.site
	site.Pnodes = pnodes
	if err := site.check(); err != nil {
		return err
	}
	if !c.sameOrder(pnodes) {
		c.build(site)
		return nil
	}
	c.site = site
	for _, p := range pnodes {
		if i := c.index[p.Name]; !p.Equal(c.pnodes[i]) {
			c.setPnode(i, p)
		}
	}
	return nil
}

// sameOrder reports whether the pnodes are the ones that there are, with the
// labels that they have, so that the site need not be laid out anew.
func (c *Calendar) sameOrder(pnodes []Pnode) bool {
	if len(pnodes) != len(c.pnodes) {
		return false
	}
	for _, p := range pnodes {
		i, ok := c.index[p.Name]
		if !ok || !slices.Equal(p.labels(), c.pnodes[i].labels()) {
			return false
		}
	}
	return true
}

// setPnode changes what a pnode has and whether it can be used.
func (c *Calendar) setPnode(i int, p Pnode) {
	for _, w := range c.pnodes[i].Maintenance {
		c.lanes.shut(i, max(floorSecond(w.From), c.since), max(ceilSecond(w.To), c.since), -1)
	}
	c.pnodes[i] = p
	c.usable.clear(i)
	if p.usable() {
		c.usable.set(i)
	}
	if room := c.site.room(p); room != c.lanes.room[i] {
		c.lanes.room[i] = room
		if line := c.lanes.line[i]; len(line) > 0 {
			c.lanes.note(i, line[0].at, line[len(line)-1].at)
		}
		c.kinds = kindsOf(c.lanes.room)
	}
	for _, w := range p.Maintenance {
		c.lanes.shut(i, max(floorSecond(w.From), c.since), max(ceilSecond(w.To), c.since), 1)
	}
}

// Replan plans every booking anew that cannot stay where it is, the soonest
// first, and tells each what changed; those that stay unharmed are not named.
func (c *Calendar) Replan() []Replan {
	var list []Replan
	for _, e := range c.byStart() {
		if e.to <= c.now || !c.harmed(e) {
			continue
		}
		list = append(list, c.rescue(e))
	}
	return list
}

// Rescue plans one booking anew as Replan does; ok is false when it can stay
// where it is.
func (c *Calendar) Rescue(id string) (r Replan, ok bool) {
	e := c.bookings[id]
	if e == nil || e.to <= c.now || !c.harmed(e) {
		return Replan{}, false
	}
	return c.rescue(e), true
}

// byStart lists the bookings with the started ones first, then the soonest.
func (c *Calendar) byStart() []*entry {
	list := c.sorted()
	slices.SortStableFunc(list, func(a, b *entry) int {
		if a.Started != b.Started {
			if a.Started {
				return -1
			}
			return 1
		}
		return cmp.Or(a.Request.Start.Compare(b.Request.Start), strings.Compare(a.Request.ID, b.Request.ID))
	})
	return list
}

// harmed reports whether a booking has a vnode where it cannot stay.
func (c *Calendar) harmed(e *entry) bool { return len(c.harms(e)) > 0 }

// trouble says what keeps a pnode from keeping a group's vnode over [from, to).
func (c *Calendar) trouble(g *Group, p int, from, to int64) (HarmKind, string) {
	if p < 0 {
		return HarmGone, "is no longer part of the site"
	}
	name := c.pnodes[p].Name
	switch {
	case c.pnodes[p].Lost:
		return HarmLost, fmt.Sprintf("pnode %s does not answer", name)
	case c.pnodes[p].Drained:
		return HarmDrained, fmt.Sprintf("pnode %s is drained", name)
	}
	for _, l := range g.Require {
		if c.labels[l] == nil || !c.labels[l].has(p) {
			return HarmLabel, fmt.Sprintf("pnode %s lacks %s", name, l)
		}
	}
	free := c.lanes.free(p, from, to)
	switch {
	case free == nothing:
		return HarmMaintenance, fmt.Sprintf("pnode %s is in maintenance then", name)
	case !(vec{}).within(free):
		return HarmCapacity, fmt.Sprintf("pnode %s has too little of %s", name, strings.Join((vec{}).lacking(free), " and "))
	}
	return "", ""
}

// rescue plans the vnodes of one booking elsewhere that cannot stay.
func (c *Calendar) rescue(e *entry) Replan {
	r := Replan{ID: e.Request.ID, Tenant: e.Request.Tenant, Name: e.Request.Name}
	var stuck []string
	for _, h := range c.harms(e) {
		stuck = append(stuck, h.Vnode)
		if !slices.Contains(r.Why, h.Why) {
			r.Why = append(r.Why, h.Why)
		}
	}
	stay := slices.DeleteFunc(slices.Clone(e.Vnodes), func(v Vnode) bool { return slices.Contains(stuck, v.Name) })
	if e.Started {
		r.Stuck = stuck
		return r
	}
	change, err := c.replace(e, e.Request, stay)
	if err != nil {
		r.Stuck = stuck
		r.Refusal, _ = err.(*Refusal)
		return r
	}
	r.Moves = change.Moves
	return r
}

// Relocate plans the named vnodes of a booking elsewhere than on pnodes that
// cannot take anything new; all others stay where they are.
func (c *Calendar) Relocate(id string, vnodes []string) (Change, error) {
	old, err := c.find(id)
	if err != nil {
		return Change{}, err
	}
	if old.Started {
		return Change{}, fault.New(fault.Refused, "the vnodes cannot be moved", fault.Detail{Field: "id", Message: "the cluster has started"})
	}
	stay := slices.DeleteFunc(slices.Clone(old.Vnodes), func(v Vnode) bool { return slices.Contains(vnodes, v.Name) })
	c.take(old)
	t := c.attempt(&old.Request)
	t.keep, t.stay = old.units, c.staying(old.Request, stay)
	defer t.done()
	if !t.run() {
		c.put(old)
		return Change{}, &Refusal{Request: old.Request, Stay: stay}
	}
	next := t.entry()
	next.Expires = old.Expires
	c.put(next)
	return Change{Before: old.Booking, After: next.Booking, Moves: moves(old.Plan, next.Plan)}, nil
}
