package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/fault"
)

// Choice is where a vnode is, and why there.
type Choice struct {
	Vnode string `json:"vnode"`
	Pnode string `json:"pnode"`
	// Because says what spoke for the pnode, what decided first.
	Because []string `json:"because"`
	// Eligible is how many usable pnodes have what the vnode requires.
	Eligible int `json:"eligible"`
	// Free is what the pnode has left at every second of what is held, beside
	// this cluster and all others.
	Free Size `json:"free"`
}

// Sooner is whether a booking could start before it does.
type Sooner struct {
	// From is the soonest start that was looked at.
	From time.Time `json:"from"`
	// Start is the first start at which it would fit, zero for none before its
	// own.
	Start time.Time `json:"start,omitzero"`
	// Reasons say what the site lacks at From; none when it has room there.
	Reasons []Reason `json:"reasons,omitempty"`
}

// Why says for each vnode of a booking why it is on its pnode.
func (c *Calendar) Why(id string) ([]Choice, error) {
	e, err := c.find(id)
	if err != nil {
		return nil, err
	}
	on := map[int]int{}
	e.vnodes(func(_ int, _ *Group, p int) { on[p]++ })
	var list []Choice
	e.vnodes(func(i int, g *Group, p int) {
		choice := Choice{Vnode: e.Vnodes[i].Name, Pnode: e.Vnodes[i].Pnode, Eligible: c.eligible(g).count()}
		if p >= 0 {
			choice.Because = c.because(e, g, p, on[p])
			choice.Free = c.lanes.free(p, e.from, e.to).most(vec{}).size()
		}
		list = append(list, choice)
	})
	return list, nil
}

func (c *Calendar) because(e *entry, g *Group, p, mine int) (why []string) {
	has := func(label string) bool { return c.labels[label] != nil && c.labels[label].has(p) }
	if len(g.Require) > 0 {
		why = append(why, "it has "+strings.Join(g.Require, ", ")+", which is required")
	}
	for _, label := range g.Prefer {
		if has(label) {
			why = append(why, "it has "+label+", which is preferred")
		} else {
			why = append(why, "it lacks "+label+", which is preferred: there was no room where that is")
		}
	}
	if e.Request.Together != Anywhere && !g.needsUplink() {
		if c.inOneRack(e) {
			why = append(why, "it is in rack "+c.pnodes[p].Rack+", like all others that need no uplink")
		} else {
			why = append(why, "no rack alone had room for all")
		}
	}
	if g.Apart {
		why = append(why, "no other "+g.Appliance+" of this cluster is on it: they are kept apart")
	}
	switch {
	case e.Request.Policy == Pack:
		why = append(why, "the policy pack fills one pnode after the other")
	case mine == 1:
		why = append(why, "the policy spread gives each pnode one vnode before any gets a second, and it had none of this cluster")
	default:
		why = append(why, fmt.Sprintf("the policy spread had no pnode left that could take one and had fewer than %d of this cluster", mine))
	}
	if !g.needsUplink() && c.pnodes[p].Uplink {
		why = append(why, "it has an uplink, which it does not need: those without one had no room")
	}
	return why
}

// Sooner looks for a start from notBefore on at which a booking that has not
// started would fit, and be within the limit, if it were not booked as it is. It
// changes the calendar for its own time and leaves it as it was: it needs it for
// itself.
func (c *Calendar) Sooner(limit Limit, id string, notBefore time.Time) (Sooner, error) {
	e, err := c.find(id)
	if err != nil {
		return Sooner{}, err
	}
	if e.Started {
		return Sooner{}, fault.New(fault.Refused, "it cannot start sooner", fault.Detail{Field: "id", Message: "it has started"})
	}
	s := Sooner{From: second(ceilSecond(notBefore))}
	if !s.From.Before(e.Request.Start) {
		return s, nil
	}
	c.take(e)
	defer c.put(e)
	req := e.Request.clone()
	req.NotBefore = time.Time{}
	req = req.at(s.From)
	t := c.attempt(&req)
	defer t.done()
	if !t.run() {
		s.Reasons = c.reasons(t)
	} else if allows(limit, req) {
		s.Start = s.From
		return s, nil
	}
	if found := c.earliestWithin(limit, nil, req, s.From, e.Request.Start.Add(-time.Second)); found != nil {
		defer found.done()
		s.Start = found.req.Start.UTC()
	}
	return s, nil
}

// Total is what a room has together.
func (r Room) Total() (sum Size) {
	for _, p := range r.Pnodes {
		sum = sum.Plus(p.Free)
	}
	return sum
}

// Pool is how many units of a pool are free; zero for one that is not there.
func (r Room) Pool(name string) PoolRoom {
	i := slices.IndexFunc(r.Pools, func(p PoolRoom) bool { return p.Pool == name })
	if i < 0 {
		return PoolRoom{Pool: name}
	}
	return r.Pools[i]
}
