package calendar

import (
	"cmp"
	"slices"
	"time"
)

// Earliest returns the plan with the first start in [notBefore, horizon] at
// which a request fits for its own length; ok is false when there is none.
//
// A request starts to fit only where something is given back, so time is
// walked in buckets of an hour. The grid says at once how many pnodes may hold
// a vnode of each group whatever the start within the bucket. Where that is
// enough, the instants of the bucket at which enough pnodes do are found
// exactly, and the request is placed at each until it fits.
//
// For one group of vnodes and the pools the answer is exact. Several groups
// compete for pnodes, and a placement that Book does not find is not offered.
func (c *Calendar) Earliest(req Request, notBefore, horizon time.Time) (plan Plan, ok bool, err error) {
	if err := req.Check(); err != nil {
		return Plan{}, false, err
	}
	if _, taken := c.bookings[req.ID]; taken {
		return Plan{}, false, nil
	}
	t := c.earliest(nil, req, notBefore, horizon)
	if t == nil {
		return Plan{}, false, nil
	}
	defer t.done()
	return t.entry().Plan, true, nil
}

// earliest places the request at the first window in which it fits, with a view
// that is used where it is of the same window, or nil; it returns nil for
// none.
func (c *Calendar) earliest(v *view, req Request, notBefore, horizon time.Time) *trial {
	first := second(ceilSecond(notBefore))
	if first.After(horizon) {
		return nil
	}
	moved := req.at(first)
	if t := c.try(&moved, v); t != nil {
		return t
	}
	if !c.everFits(&req) {
		return nil
	}
	if soonest := req.NotBefore.Add(req.Prepare); first.Before(soonest) {
		first = second(ceilSecond(soonest)) // all in between would be late as well
	}
	from, to := req.at(first).held()
	s := c.search(&req, to-from)
	shift := first.Unix() - from // a start is so much later than what is held
	for lo, last := from, floorSecond(horizon)-shift; lo <= last; {
		hi := min((floorDiv(lo, grains[0])+1)*grains[0], last+1)
		for _, at := range s.instants(lo, hi) {
			moved := req.at(second(at + shift))
			if t := c.try(&moved, v); t != nil {
				return t
			}
		}
		lo = hi
	}
	return nil
}

// everFits reports whether an empty site could hold the request.
func (c *Calendar) everFits(req *Request) bool {
	for g := range req.Groups {
		if c.capacity(&req.Groups[g]) < int64(req.Groups[g].Count) {
			return false
		}
	}
	for _, need := range req.Pools {
		if p := c.pool(need.Pool); need.Count > 0 && (p < 0 || len(c.pools[p].Units) < need.Count) {
			return false
		}
	}
	return true
}

// capacity is how many vnodes of a group the idle site holds.
func (c *Calendar) capacity(group *Group) (n int64) {
	c.eligible(group).each(0, func(i int) bool {
		n += group.atMost(group.Size.vec().times(c.lanes.room[i]))
		return true
	})
	return n
}

// atMost bounds how many vnodes of a group a pnode takes.
func (g *Group) atMost(n int64) int64 {
	if g.Apart {
		return min(n, 1)
	}
	return min(n, int64(g.Count))
}

// search finds instants at which each part of a request has enough room.
type search struct {
	length int64
	parts  []part
}

// part is a group of vnodes, or the units of one pool.
type part struct {
	lanes *lanes
	able  mask // those that could ever hold one
	size  vec
	need  int64
	limit int64 // per lane
	each  int64 // the most that any lane holds
}

func (c *Calendar) search(req *Request, length int64) search {
	s := search{length: length}
	for g := range req.Groups {
		group := &req.Groups[g]
		p := part{lanes: c.lanes, able: c.eligible(group), size: group.Size.vec(), need: int64(group.Count), limit: group.atMost(1 << 40)}
		p.bound()
		s.parts = append(s.parts, p)
	}
	for _, need := range req.Pools {
		if i := c.pool(need.Pool); i >= 0 && need.Count > 0 {
			pool := c.pools[i]
			p := part{lanes: pool.lanes, able: fullMask(len(pool.Units)), size: unit, need: int64(need.Count), limit: 1}
			p.bound()
			s.parts = append(s.parts, p)
		}
	}
	return s
}

// bound drops the lanes that are too small even when idle.
func (p *part) bound() {
	p.able.each(0, func(i int) bool {
		n := min(p.size.times(p.lanes.room[i]), p.limit)
		if n <= 0 {
			p.able.clear(i)
		}
		p.each = max(p.each, n)
		return true
	})
}

// instants lists the instants in [lo, hi), which lie in one bucket, at which
// every part may have enough room when it begins to hold there, and at which
// that is news.
func (s search) instants(lo, hi int64) []int64 {
	for _, p := range s.parts {
		if !p.may(lo, hi, s.length) {
			return nil
		}
	}
	var list []delta
	for i, p := range s.parts {
		for _, d := range p.sweep(lo, hi, s.length) {
			d.part = i
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b delta) int { return cmp.Compare(a.at, b.at) })
	have := make([]int64, len(s.parts))
	var at []int64
	for i := 0; i < len(list); {
		instant, more := list[i].at, false
		for ; i < len(list) && list[i].at == instant; i++ {
			have[list[i].part] += list[i].by
			more = more || list[i].by > 0
		}
		if more && s.enough(have) {
			at = append(at, instant)
		}
	}
	return at
}

func (s search) enough(have []int64) bool {
	for i, p := range s.parts {
		if have[i] < p.need {
			return false
		}
	}
	return true
}

// delta is how many more vnodes of a part fit from an instant on.
type delta struct {
	at   int64
	by   int64
	part int
}

// may reports whether enough lanes may have room, whenever in [lo, hi) it
// begins.
func (p *part) may(lo, hi, length int64) bool {
	m := p.able.clone()
	p.lanes.grid.mayHold(m, hi-1, lo+length, p.size)
	return int64(m.count())*p.each >= p.need
}

// sweep lists how the number of vnodes that fit changes over [lo, hi), the
// number at lo first.
func (p *part) sweep(lo, hi, length int64) []delta {
	m := p.able.clone()
	p.lanes.grid.mayHold(m, hi-1, lo+length, p.size)
	var sure mask
	base := int64(0)
	if p.each == 1 {
		sure = m.clone()
		p.lanes.grid.surelyHolds(sure, lo, hi-1+length, p.size)
		base = int64(sure.count())
		m.without(sure)
	}
	var list []delta
	m.each(0, func(i int) bool {
		n := int64(0)
		for _, at := range p.breaks(i, lo, hi, length) {
			now := min(p.size.times(p.lanes.free(i, at, at+length)), p.limit)
			if now == n {
				continue
			}
			if at == lo {
				base += now
			} else {
				list = append(list, delta{at: at, by: now - n})
			}
			n = now
		}
		return true
	})
	return append(list, delta{at: lo, by: base})
}

// breaks lists the instants in [lo, hi) at which what lane i has free over
// the length from there on may change.
func (p *part) breaks(i int, lo, hi, length int64) []int64 {
	at := []int64{lo}
	line := p.lanes.line[i]
	for _, ahead := range []int64{0, length - 1} {
		for k := line.first(lo+ahead) + 1; k < len(line) && line[k].at < hi+ahead; k++ {
			if line[k].at > lo+ahead {
				at = append(at, line[k].at-ahead)
			}
		}
	}
	slices.Sort(at)
	return slices.Compact(at)
}
