package calendar

import (
	"fmt"
	"time"

	"quarry/internal/fault"
)

// Fits decides a request without booking it: the plan that Book would make,
// or a *Refusal.
func (c *Calendar) Fits(req Request) (Plan, error) {
	e, err := c.decide(req)
	if err != nil {
		return Plan{}, err
	}
	return e.Plan, nil
}

// Book places a request whole, or refuses it and changes nothing. The
// *Refusal names no reasons yet: Explain finds them.
func (c *Calendar) Book(req Request) (Plan, error) {
	e, err := c.decide(req)
	if err != nil {
		return Plan{}, err
	}
	c.put(e)
	return e.Plan, nil
}

// Hold books a request until expires only: Confirm makes it a booking,
// Release gives it up, and Advance drops it once its time is over.
func (c *Calendar) Hold(req Request, now, expires time.Time) (Plan, error) {
	if !expires.After(now) {
		return Plan{}, fault.New(fault.Invalid, "nothing can be held", fault.Detail{Field: "expires", Message: fmt.Sprintf(
			"%s is not after now, %s", expires.Format(time.RFC3339), now.Format(time.RFC3339))})
	}
	e, err := c.decide(req)
	if err != nil {
		return Plan{}, err
	}
	e.Expires = expires.UTC()
	c.put(e)
	return e.Plan, nil
}

// Confirm makes a hold a booking. One that is a booking already stays one.
func (c *Calendar) Confirm(id string, now time.Time) (Plan, error) {
	e, err := c.find(id)
	if err != nil {
		return Plan{}, err
	}
	if e.Expires.IsZero() {
		return e.Plan, nil
	}
	if !now.Before(e.Expires) {
		return Plan{}, fault.New(fault.Refused, "the hold cannot be confirmed", fault.Detail{Field: "id", Message: fmt.Sprintf(
			"it expired at %s: book it anew", e.Expires.Format(time.RFC3339))})
	}
	next := *e
	next.Expires = time.Time{}
	c.bookings[id] = &next
	delete(c.held, id)
	return e.Plan, nil
}

// Release gives a hold up. A booking is no hold: it is cancelled.
func (c *Calendar) Release(id string) error {
	e, err := c.find(id)
	if err != nil {
		return err
	}
	if e.Expires.IsZero() {
		return fault.New(fault.Refused, "nothing is released", fault.Detail{Field: "id", Message: fmt.Sprintf(
			"%q is a booking and no hold: cancel it", id)})
	}
	c.take(e)
	return nil
}

// Cancel gives back all that a booking holds.
func (c *Calendar) Cancel(id string) error {
	e, err := c.find(id)
	if err != nil {
		return err
	}
	c.take(e)
	return nil
}

// Begin notes that a cluster has started: its vnodes do not move any more.
func (c *Calendar) Begin(id string) error {
	e, err := c.find(id)
	if err != nil {
		return err
	}
	next := *e
	next.Started = true
	c.bookings[id] = &next
	if !next.Expires.IsZero() {
		c.held[id] = &next
	}
	return nil
}

func (c *Calendar) find(id string) (*entry, error) {
	e, ok := c.bookings[id]
	if !ok {
		return nil, fault.New(fault.NotFound, "no such booking",
			fault.Detail{Field: "id", Message: fmt.Sprintf("there is no booking %q", id)})
	}
	return e, nil
}

// decide places a new request.
func (c *Calendar) decide(req Request) (*entry, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	if _, taken := c.bookings[req.ID]; taken {
		return nil, fault.New(fault.Conflict, "the booking exists already",
			fault.Detail{Field: "id", Message: fmt.Sprintf("there is a booking %q: choose another id", req.ID)})
	}
	t := c.attempt(&req)
	defer t.done()
	if !t.run() {
		return nil, &Refusal{Request: req}
	}
	return t.entry(), nil
}

func (c *Calendar) attempt(req *Request) *trial {
	from, to := req.held()
	return &trial{c: c, req: req, from: max(from, c.now), to: to}
}

// try returns a trial that placed a request, to be done with, or nil. The view
// is used if it is of the same window.
func (c *Calendar) try(req *Request, v *view) *trial {
	t := c.attempt(req)
	if v != nil && v.from == t.from && v.to == t.to {
		t.view = v
	}
	if t.outOfReach() {
		return nil
	}
	if t.run() {
		return t
	}
	t.done()
	return nil
}

// entry is what a trial that placed everything found.
func (t *trial) entry() *entry {
	req := t.req.clone()
	req.Start, req.End = req.Start.UTC(), req.End.UTC()
	e := &entry{from: t.from, to: t.to, pnodes: t.placed, units: t.units}
	e.Plan = Plan{Request: req, From: second(t.from), To: second(t.to), Vnodes: make([]Vnode, 0, len(t.placed))}
	i := 0
	for _, g := range req.Groups {
		for n := range g.Count {
			e.Vnodes = append(e.Vnodes, Vnode{Name: g.vnodeName(n), Pnode: t.c.pnodes[t.placed[i]].Name})
			i++
		}
	}
	for p, units := range t.units {
		for _, u := range units {
			e.Units = append(e.Units, Unit{Pool: t.c.pools[p].Name, Unit: t.c.pools[p].Units[u]})
		}
	}
	return e
}
