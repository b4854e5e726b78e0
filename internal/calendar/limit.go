package calendar

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Limit is what the tenant of a request may hold, whatever the site has room
// for. Times are in whole seconds.
type Limit interface {
	// First is the first start in [notBefore, until] at which the request would
	// be allowed for its own length; false when there is none. It is exact: no
	// start in between is allowed.
	First(req Request, notBefore, until time.Time) (time.Time, bool)
	// With is the limit once a request is booked as well.
	With(req Request) Limit
	// Longest is how long a window may be, 0 for any length.
	Longest() time.Duration
}

// Unlimited is the Limit of who may hold anything.
type Unlimited struct{}

// First allows any start.
func (Unlimited) First(_ Request, notBefore, until time.Time) (time.Time, bool) {
	return notBefore, !notBefore.After(until)
}

// With stays without limit.
func (Unlimited) With(Request) Limit { return Unlimited{} }

// Longest is any length.
func (Unlimited) Longest() time.Duration { return 0 }

// allows reports whether a request is allowed in its own window.
func allows(limit Limit, req Request) bool {
	start, ok := limit.First(req, req.Start, req.Start)
	return ok && start.Unix() <= ceilSecond(req.Start)
}

// EarliestWithin is Earliest for a tenant who may not hold everything.
func (c *Calendar) EarliestWithin(limit Limit, req Request, notBefore, horizon time.Time) (plan Plan, ok bool, err error) {
	if err := req.Check(); err != nil {
		return Plan{}, false, err
	}
	if _, taken := c.bookings[req.ID]; taken {
		return Plan{}, false, nil
	}
	t := c.earliestWithin(limit, nil, req, notBefore, horizon)
	if t == nil {
		return Plan{}, false, nil
	}
	defer t.done()
	return t.entry().Plan, true, nil
}

// earliestWithin asks the site and the limit in turn: each gives the first
// start that it allows, so that no start allowed by both is passed over.
func (c *Calendar) earliestWithin(limit Limit, v *view, req Request, notBefore, horizon time.Time) *trial {
	for {
		allowed, ok := limit.First(req, notBefore, horizon)
		if !ok {
			return nil
		}
		t := c.earliest(v, req, allowed, horizon)
		if t == nil {
			return nil
		}
		if allows(limit, *t.req) {
			return t
		}
		notBefore = t.req.Start
		t.done()
	}
}

// Of lists a tenant's bookings and holds, by what is held first, then by ID.
func (c *Calendar) Of(tenant string) []Booking {
	list := make([]Booking, 0, len(c.tenants[tenant]))
	for id := range c.tenants[tenant] {
		list = append(list, c.bookings[id].Booking)
	}
	slices.SortFunc(list, func(a, b Booking) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Request.ID, b.Request.ID))
	})
	return list
}

// enter and leave keep the indexes of a tenant's bookings and of those that yield.
func (c *Calendar) enter(r *Request) {
	if c.tenants[r.Tenant] == nil {
		c.tenants[r.Tenant] = map[string]struct{}{}
	}
	c.tenants[r.Tenant][r.ID] = struct{}{}
	if r.BestEffort {
		c.yielding[r.ID] = struct{}{}
	}
}

func (c *Calendar) leave(r *Request) {
	delete(c.tenants[r.Tenant], r.ID)
	delete(c.yielding, r.ID)
	if len(c.tenants[r.Tenant]) == 0 {
		delete(c.tenants, r.Tenant)
	}
}
