package calendar

import "hash/fnv"

// spreadOver is how many pnodes that fit the policy spread chooses among.
const spreadOver = 256

// pack fills one pnode after the other. It returns the vnodes left over.
func (t *trial) pack(g int, open []int, passes []mask) []int {
	group := &t.req.Groups[g]
	size := group.Size.vec()
	for _, m := range passes {
		m.each(0, func(i int) bool {
			fit := size.times(t.free(i))
			if group.Apart {
				fit = t.atMostOne(g, i, fit)
			}
			for ; fit > 0 && len(open) > 0; fit-- {
				t.put(g, open[0], i)
				open = open[1:]
			}
			return len(open) > 0
		})
		if len(open) == 0 {
			break
		}
	}
	return open
}

func (t *trial) atMostOne(g, pnode int, fit int64) int64 {
	if t.seen.has(pnode, g) {
		return 0
	}
	return min(fit, 1)
}

// seat is a pnode that can take one more vnode.
type seat struct {
	pnode, pass, mine int
	free              vec
	left              int64 // how many more of the group fit
}

// seats is a heap with the best seat on top.
type seats []seat

// before: fewest vnodes of this cluster, then best suited, then most memory
// left, then the order of the site.
func (a *seat) before(b *seat) bool {
	switch {
	case a.mine != b.mine:
		return a.mine < b.mine
	case a.pass != b.pass:
		return a.pass < b.pass
	case a.free[memory] != b.free[memory]:
		return a.free[memory] > b.free[memory]
	}
	return a.pnode < b.pnode
}

func (s seats) heapify() {
	for i := len(s)/2 - 1; i >= 0; i-- {
		s.sink(i)
	}
}

// sink moves seat i down to its place.
func (s seats) sink(i int) {
	for {
		best := 2*i + 1
		if best >= len(s) {
			return
		}
		if right := best + 1; right < len(s) && s[right].before(&s[best]) {
			best = right
		}
		if !s[best].before(&s[i]) {
			return
		}
		s[i], s[best] = s[best], s[i]
		i = best
	}
}

// spread gives each pnode one vnode before any gets a second. It returns the
// vnodes left over.
func (t *trial) spread(g int, open []int, passes []mask) []int {
	size := t.req.Groups[g].Size.vec()
	s := t.seats(g, passes, max(spreadOver, 2*len(open)))
	var room int64
	for _, x := range s {
		room += min(x.left, int64(len(open)))
	}
	if room < int64(len(open)) {
		s = t.seats(g, passes, len(t.c.pnodes))
	}
	s.heapify()
	for len(open) > 0 && len(s) > 0 {
		top := &s[0]
		t.put(g, open[0], top.pnode)
		open = open[1:]
		top.mine++
		top.left--
		top.free = top.free.minus(size)
		if top.left == 0 {
			s[0] = s[len(s)-1]
			s = s[:len(s)-1]
		}
		s.sink(0)
	}
	return open
}

// seats finds up to limit pnodes that can take a vnode of a group, from the
// cluster's own place in the order of the site on.
func (t *trial) seats(g int, passes []mask, limit int) seats {
	group := &t.req.Groups[g]
	size := group.Size.vec()
	start := 0
	if n := len(t.c.pnodes); n > spreadOver {
		start = int(seed(t.req) % uint32(n))
	}
	s := make(seats, 0, min(limit, len(t.c.pnodes)))
	for pass, m := range passes {
		m.each(start, func(i int) bool {
			if len(s) == limit {
				return false
			}
			free := t.free(i)
			left := size.times(free)
			if group.Apart {
				left = t.atMostOne(g, i, left)
			}
			if left > 0 {
				s = append(s, seat{pnode: i, pass: pass, mine: t.mineOn(i), free: free, left: left})
			}
			return true
		})
	}
	return s
}

func (t *trial) mineOn(pnode int) int {
	if n := t.seen.at(pnode); n != nil {
		return n.mine
	}
	return 0
}

// seed is the cluster's own place in the order of the site.
func seed(req *Request) uint32 {
	h := fnv.New32a()
	h.Write([]byte(req.Tenant + "/" + req.Name))
	return h.Sum32()
}

// takeUnits finds the units of pools that the cluster needs, the first free
// ones; those it has it keeps.
func (t *trial) takeUnits() bool {
	t.units = make([][]int32, len(t.c.pools))
	all := true
	for _, need := range t.req.Pools {
		p := t.c.pool(need.Pool)
		if p < 0 {
			all = all && need.Count == 0
			continue
		}
		var got []int32
		if t.keep != nil {
			for _, u := range t.keep[p] {
				if len(got) < need.Count && unit.within(t.c.pools[p].lanes.free(int(u), t.from, t.to)) {
					got = append(got, u)
				}
			}
			if len(got) < min(need.Count, len(t.keep[p])) {
				all = false // what a cluster has it cannot change
			}
		}
		t.units[p] = got
		if missing := need.Count - len(got); missing > 0 {
			t.units[p] = append(got, t.c.pools[p].find(t.from, t.to, missing, got)...)
		}
		all = all && len(t.units[p]) >= need.Count
	}
	return all
}

// find returns up to n units that are free over all of [from, to), but for
// those in not.
func (p *pool) find(from, to int64, n int, not []int32) []int32 {
	m := fullMask(len(p.Units))
	for _, u := range not {
		m.clear(int(u))
	}
	p.lanes.grid.mayHold(m, from, to, unit)
	var list []int32
	m.each(0, func(i int) bool {
		if len(list) < n && unit.within(p.lanes.free(i, from, to)) {
			list = append(list, int32(i))
		}
		return len(list) < n
	})
	return list
}
