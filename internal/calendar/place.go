package calendar

import "slices"

// trial is one attempt to place a request over [from, to) on the calendar as
// it is.
type trial struct {
	c        *Calendar
	req      *Request
	from, to int64
	// stay are the pnodes of vnodes that stay where they are, by their place
	// among all vnodes; nil when none do.
	stay []int32
	// keep are the units of each pool that the cluster has already.
	keep [][]int32

	view   *view // of others' holds, nil to look at the timelines
	seen   *scratch
	placed []int32
	got    []int // vnodes placed of each group
	units  [][]int32
}

// free is what a pnode has left beside the rest of this trial.
func (t *trial) free(i int) vec {
	free := t.others(i)
	if s := t.seen.at(i); s != nil {
		free = free.minus(s.used)
	}
	return free
}

// others is what others leave of a pnode.
func (t *trial) others(i int) vec {
	if t.view != nil {
		return t.view.over(t.c.lanes, i)
	}
	return t.c.lanes.free(i, t.from, t.to)
}

// run places everything or as much as it can. It reports whether it is all.
func (t *trial) run() bool {
	t.seen = borrow(len(t.c.pnodes))
	ok := t.places()
	return t.takeUnits() && ok
}

// done gives the trial's scratch memory back; what it found stays.
func (t *trial) done() {
	if t.seen != nil {
		t.seen.giveBack()
		t.seen = nil
	}
}

// places puts the vnodes on pnodes, in one rack if that was asked for.
func (t *trial) places() bool {
	if t.req.Together == Anywhere || !slices.ContainsFunc(t.req.Groups, func(g Group) bool { return !g.needsUplink() }) {
		return t.anyOrder(nil)
	}
	t.reset()
	for _, rack := range t.c.rackOrder(t.req) {
		if t.staysIn(rack) && t.anyOrder(rack) {
			return true
		}
	}
	if t.req.Together == RequireRack {
		return false
	}
	return t.anyOrder(nil)
}

// staysIn reports whether the vnodes that stay are in a rack.
func (t *trial) staysIn(rack mask) bool {
	i := 0
	for g := range t.req.Groups {
		uplink := t.req.Groups[g].needsUplink()
		for range t.req.Groups[g].Count {
			if t.stay != nil && t.stay[i] >= 0 && !uplink && !rack.has(int(t.stay[i])) {
				return false
			}
			i++
		}
	}
	return true
}

// rackOrder lists the racks as sets of pnodes: in the order of the site to
// pack, those with most usable pnodes first to spread.
func (c *Calendar) rackOrder(req *Request) []mask {
	racks := make([]mask, 0, len(c.racks))
	for _, name := range c.racks {
		if m := c.labels["rack="+name]; m != nil {
			racks = append(racks, m)
		}
	}
	if req.Policy == Pack {
		return racks
	}
	slices.SortStableFunc(racks, func(a, b mask) int {
		return b.clone().and(c.usable).count() - a.clone().and(c.usable).count()
	})
	return racks
}

// anyOrder tries the groups with the neediest first, and where that does not
// place them all, in the other orders too: a group may have taken the room of
// one that has less to choose from.
func (t *trial) anyOrder(rack mask) bool {
	first := t.groupOrder()
	if t.inOrder(first, rack) {
		return true
	}
	if len(first) < 2 || len(first) > maxPermuted || t.hopeless(rack) {
		return false
	}
	found := false
	permute(slices.Clone(first), 0, func(order []int) bool {
		found = !slices.Equal(order, first) && t.inOrder(order, rack)
		return !found
	})
	if !found {
		t.inOrder(first, rack) // leave what the neediest first gives, for the reasons
	}
	return found
}

// hopeless reports whether a group that fell short would even alone: then no
// order helps, and the refusal is true whatever the policy.
func (t *trial) hopeless(rack mask) bool {
	for g := range t.req.Groups {
		group := &t.req.Groups[g]
		if t.got[g] == group.Count {
			continue
		}
		if t.alone(g, rack) < int64(group.Count) {
			return true
		}
	}
	return false
}

// outOfReach reports whether the grid alone tells that some group does not
// fit.
func (t *trial) outOfReach() bool {
	for g := range t.req.Groups {
		group := &t.req.Groups[g]
		var each int64
		for _, room := range t.c.kinds {
			each = max(each, group.atMost(group.Size.vec().times(room)))
		}
		if int64(t.candidates(g, nil).count())*each < int64(group.Count) {
			return true
		}
	}
	return false
}

// alone is how many vnodes of a group would fit beside nothing else of this
// cluster, counted up to those asked for.
func (t *trial) alone(g int, rack mask) (n int64) {
	group := &t.req.Groups[g]
	size := group.Size.vec()
	t.candidates(g, rack).each(0, func(i int) bool {
		n += group.atMost(size.times(t.others(i)))
		return n < int64(group.Count)
	})
	return n
}

// maxPermuted bounds the groups that are tried in every order.
const maxPermuted = 4

func permute(list []int, at int, try func([]int) bool) bool {
	if at == len(list)-1 {
		return try(list)
	}
	for i := at; i < len(list); i++ {
		list[at], list[i] = list[i], list[at]
		more := permute(list, at+1, try)
		list[at], list[i] = list[i], list[at]
		if !more {
			return false
		}
	}
	return true
}

// groupOrder puts those that require the uplink first, then those that
// require most, then the biggest.
func (t *trial) groupOrder() []int {
	list := make([]int, len(t.req.Groups))
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int {
		x, y := t.req.Groups[a], t.req.Groups[b]
		if x.needsUplink() != y.needsUplink() {
			if x.needsUplink() {
				return -1
			}
			return 1
		}
		if len(x.Require) != len(y.Require) {
			return len(y.Require) - len(x.Require)
		}
		return y.Size.MemoryMiB - x.Size.MemoryMiB
	})
	return list
}

func (t *trial) inOrder(order []int, rack mask) bool {
	t.reset()
	all := true
	for _, g := range order {
		all = t.group(g, rack) && all
	}
	return all
}

// reset forgets what was placed but for the vnodes that stay.
func (t *trial) reset() {
	if t.placed == nil {
		t.placed = make([]int32, t.req.total())
		t.got = make([]int, len(t.req.Groups))
	}
	t.seen.forget()
	i := 0
	for g, group := range t.req.Groups {
		t.got[g] = 0
		for range group.Count {
			t.placed[i] = -1
			if t.stay != nil && t.stay[i] >= 0 {
				t.put(g, i, int(t.stay[i]))
			}
			i++
		}
	}
}

// put places one vnode.
func (t *trial) put(g, vnode, pnode int) {
	t.placed[vnode] = int32(pnode)
	t.got[g]++
	n := t.seen.note(pnode)
	n.used = n.used.plus(t.req.Groups[g].Size.vec())
	n.mine++
	n.groups |= 1 << (g & 63)
}

// group places the vnodes of one group that do not stay.
func (t *trial) group(g int, rack mask) bool {
	group := &t.req.Groups[g]
	first := 0
	for _, before := range t.req.Groups[:g] {
		first += before.Count
	}
	var open []int
	for i := first; i < first+group.Count; i++ {
		if t.placed[i] < 0 {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return true
	}
	passes := t.c.passes(t.candidates(g, rack), group)
	if t.req.Policy == Pack {
		open = t.pack(g, open, passes)
	} else {
		open = t.spread(g, open, passes)
	}
	return len(open) == 0
}
