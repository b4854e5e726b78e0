package calendar

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/fault"
)

// Calendar holds a site and its bookings. Its methods that only answer may be
// called at the same time; those that change it need it for themselves.
type Calendar struct {
	site     Site
	pnodes   []Pnode // in the order of the site
	index    map[string]int
	labels   map[string]mask
	usable   mask
	racks    []string
	lanes    *lanes
	kinds    []vec // what the different kinds of pnodes have
	pools    []*pool
	bookings map[string]*entry
	held     map[string]*entry              // those that expire
	tenants  map[string]map[string]struct{} // the IDs of each one's bookings
	yielding map[string]struct{}            // the IDs of best-effort bookings
	now      int64                          // what was before does not matter any more
	since    int64                          // and what was before this is not even known
}

// pool is a Pool with what is held of its units.
type pool struct {
	Pool
	index map[string]int
	lanes *lanes
}

// unit is what holding one unit of a pool takes of it: all.
var unit = vec{1}

// New makes the calendar of a site with nothing booked.
func New(site Site) (*Calendar, error) {
	if err := site.check(); err != nil {
		return nil, err
	}
	c := &Calendar{bookings: map[string]*entry{}, held: map[string]*entry{}, tenants: map[string]map[string]struct{}{}, yielding: map[string]struct{}{}, now: -1 << 62, since: -1 << 62}
	c.build(site)
	return c, nil
}

// build lays the site out anew and puts every booking back.
func (c *Calendar) build(site Site) {
	c.site = site
	c.pnodes = slices.SortedFunc(slices.Values(site.Pnodes), order)
	n := len(c.pnodes)
	c.index, c.labels, c.usable = make(map[string]int, n), map[string]mask{}, newMask(n)
	room := make([]vec, n)
	racks := map[string]bool{}
	for i, p := range c.pnodes {
		c.index[p.Name] = i
		room[i] = site.room(p)
		if p.usable() {
			c.usable.set(i)
		}
		for _, l := range p.labels() {
			if c.labels[l] == nil {
				c.labels[l] = newMask(n)
			}
			c.labels[l].set(i)
		}
		racks[p.Rack] = true
	}
	c.racks = slices.Sorted(maps.Keys(racks))
	c.lanes = newLanes(room, cutsFor(room))
	c.kinds = kindsOf(room)
	for i, p := range c.pnodes {
		for _, w := range p.Maintenance {
			c.lanes.shut(i, max(floorSecond(w.From), c.since), max(ceilSecond(w.To), c.since), 1)
		}
	}
	c.pools = nil
	for _, p := range site.Pools {
		c.pools = append(c.pools, newPool(p))
	}
	for _, e := range c.sorted() {
		c.adopt(e.Booking)
	}
}

func kindsOf(room []vec) []vec {
	return slices.Compact(slices.SortedFunc(slices.Values(room), func(a, b vec) int { return slices.Compare(a[:], b[:]) }))
}

func newPool(p Pool) *pool {
	room := make([]vec, len(p.Units))
	index := make(map[string]int, len(p.Units))
	for i, u := range p.Units {
		room[i], index[u] = unit, i
	}
	return &pool{Pool: p, index: index, lanes: newLanes(room, [3][]int64{{1}})}
}

func (c *Calendar) pool(name string) int {
	return slices.IndexFunc(c.pools, func(p *pool) bool { return p.Name == name })
}

// sorted lists the bookings by what is held first, then by ID.
func (c *Calendar) sorted() []*entry {
	return slices.SortedFunc(maps.Values(c.bookings), func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.from, b.from), strings.Compare(a.Request.ID, b.Request.ID))
	})
}

// Site returns what there is to book.
func (c *Calendar) Site() Site { return c.site }

// Len is how many bookings there are.
func (c *Calendar) Len() int { return len(c.bookings) }

// Bookings lists all bookings, by what is held first, then by ID.
func (c *Calendar) Bookings() []Booking {
	list := make([]Booking, 0, len(c.bookings))
	for _, e := range c.sorted() {
		list = append(list, e.Booking)
	}
	return list
}

// BookingsIn lists, in no order, the bookings that hold something in [from, to).
func (c *Calendar) BookingsIn(from, to time.Time) []Booking {
	var list []Booking
	for _, e := range c.bookings {
		if e.from < ceilSecond(to) && e.to > floorSecond(from) {
			list = append(list, e.Booking)
		}
	}
	return list
}

// Booking returns one booking.
func (c *Calendar) Booking(id string) (Booking, bool) {
	e, ok := c.bookings[id]
	if !ok {
		return Booking{}, false
	}
	return e.Booking, true
}

// put takes what a booking holds.
func (c *Calendar) put(e *entry) {
	c.bookings[e.Request.ID] = e
	c.enter(&e.Request)
	if !e.Expires.IsZero() {
		c.held[e.Request.ID] = e
	}
	c.apply(e, 1)
}

// take gives back what a booking holds.
func (c *Calendar) take(e *entry) {
	delete(c.bookings, e.Request.ID)
	c.leave(&e.Request)
	delete(c.held, e.Request.ID)
	c.apply(e, -1)
}

func (c *Calendar) apply(e *entry, sign int64) {
	from, to := max(e.from, c.since), max(e.to, c.since)
	if from >= to {
		return
	}
	e.vnodes(func(_ int, g *Group, pnode int) {
		if size := g.Size.vec(); pnode >= 0 {
			c.lanes.hold(pnode, from, to, vec{sign * size[0], sign * size[1], sign * size[2]})
		}
	})
	for i, units := range e.units {
		for _, u := range units {
			c.pools[i].lanes.hold(int(u), from, to, vec{sign})
		}
	}
}

// adopt takes a booking as it is, whether it fits or not. What is on pnodes
// or units that the site does not have holds nothing.
func (c *Calendar) adopt(b Booking) *entry {
	e := &entry{Booking: b, from: floorSecond(b.From), to: ceilSecond(b.To)}
	e.pnodes = make([]int32, len(b.Vnodes))
	for i, v := range b.Vnodes {
		e.pnodes[i] = -1
		if at, ok := c.index[v.Pnode]; ok {
			e.pnodes[i] = int32(at)
		}
	}
	e.units = make([][]int32, len(c.pools))
	for _, u := range b.Units {
		if p := c.pool(u.Pool); p >= 0 {
			if at, ok := c.pools[p].index[u.Unit]; ok {
				e.units[p] = append(e.units[p], int32(at))
			}
		}
	}
	c.put(e)
	return e
}

// Put takes a booking as it is, in place of one with the same ID: facts from
// the store, or a cluster that outstays its end. It may hold more than there
// is; nothing new is then placed there until that is over.
func (c *Calendar) Put(b Booking) error {
	if err := b.Request.Check(); err != nil {
		return err
	}
	if len(b.Vnodes) != b.Request.total() {
		return fault.New(fault.Invalid, "the booking is not complete", fault.Detail{Field: "vnodes", Message: fmt.Sprintf(
			"%d vnodes are placed and %d asked for", len(b.Vnodes), b.Request.total())})
	}
	if held := b.To.Sub(b.From); held > 3*longest {
		return fault.New(fault.Invalid, "the booking is not complete",
			fault.Detail{Field: "to", Message: fmt.Sprintf("it is held for %s, which is too long", held)})
	}
	if old, ok := c.bookings[b.Request.ID]; ok {
		c.take(old)
	}
	c.adopt(b)
	return nil
}

// Remove drops a booking if it is there.
func (c *Calendar) Remove(id string) {
	if e, ok := c.bookings[id]; ok {
		c.take(e)
	}
}

// Advance sets the time: what was before now stands in nobody's way, holds
// whose time is over are dropped and their IDs returned. Bookings stay until
// they are cancelled or removed, also those that are over. A clock may step
// back, by up to a day without loss.
func (c *Calendar) Advance(now time.Time) (expired []string) {
	at := floorSecond(now)
	c.now = max(at, c.since)
	if c.now-c.since >= keepPast+forgetEvery {
		c.since = c.now - keepPast
		c.lanes.forget(c.since)
		for _, p := range c.pools {
			p.lanes.forget(c.since)
		}
	}
	return c.expire(now)
}

// The past is kept for a day and dropped every hour, in seconds, so that a
// calendar does not grow with it.
const (
	keepPast    = 24 * 3600
	forgetEvery = 3600
)

// expire drops the holds whose time is over.
func (c *Calendar) expire(now time.Time) []string {
	var gone []string
	for id, e := range c.held {
		if !now.Before(e.Expires) {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for _, id := range gone {
		c.take(c.bookings[id])
	}
	return gone
}
