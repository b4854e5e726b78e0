package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func (s Shortage) String() string {
	text := fmt.Sprintf("%s has %s left beside the rest of this cluster", s.Pnode, s.Free)
	switch {
	case s.Until.IsZero():
		return text + " and is too small for it at any time"
	case len(s.By) == 0:
		return text
	}
	var by []string
	for _, h := range s.By {
		by = append(by, h.String())
	}
	return fmt.Sprintf("%s until %s (%s)", text, stamp(s.Until), strings.Join(by, ", "))
}

// nearest describes the pnodes that lack least of a size.
func (c *Calendar) nearest(t *trial, size vec, pnodes []int) []Shortage {
	type candidate struct {
		pnode   int
		missing int64
	}
	var best []candidate
	for _, i := range pnodes {
		n := candidate{i, missing(size, t.free(i))}
		if len(best) == mostNearest && n.missing >= best[mostNearest-1].missing {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, n, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.missing, b.missing), cmp.Compare(a.pnode, b.pnode))
		})
		best = slices.Insert(best, at, n)
		best = best[:min(len(best), mostNearest)]
	}
	var list []Shortage
	for _, n := range best {
		list = append(list, c.shortage(t, size, n.pnode))
	}
	return list
}

func (c *Calendar) shortage(t *trial, size vec, i int) Shortage {
	free := t.free(i)
	s := Shortage{Pnode: c.pnodes[i].Name, Lacks: size.lacking(free), Needs: size.size(), Free: free.most(vec{}).size()}
	if beside := size.plus(t.seen.used(i)); beside.within(c.lanes.room[i]) {
		s.Until = second(c.freeFrom(i, t.from, t.to, beside))
		s.By = c.holders(t.req.Tenant, t.from, t.to, func(e *entry) vec { return e.sizeOn(i) })
	} else if size.within(c.lanes.room[i]) {
		s.Until = t.req.End // its own cluster fills it
	}
	return s
}

// missing weighs how far a size is from fitting, in thousandths of it.
func missing(size, free vec) int64 {
	var sum int64
	for r := range size {
		if lack := size[r] - free[r]; lack > 0 {
			sum += lack * 1000 / size[r]
		}
	}
	return sum
}

// freeFrom is when a pnode that at some second of [from, to) has less than
// size free lets go of it again, for the last such second.
func (c *Calendar) freeFrom(i int, from, to int64, size vec) int64 {
	line, room := c.lanes.line[i], c.lanes.room[i]
	until, busy := from, false
	for k := max(line.first(from), 0); k < len(line); k++ {
		s := line[k]
		if busy {
			until = s.at
		}
		if busy = s.closed > 0 || !size.within(room.minus(s.used)); !busy && s.at >= to {
			break
		}
		if busy && s.at >= to && until < to {
			break // what begins later is no reason
		}
	}
	return until
}

// sizeOn is what a booking holds of a pnode.
func (e *entry) sizeOn(pnode int) vec {
	var sum vec
	if !e.holds(pnode) {
		return sum
	}
	e.vnodes(func(_ int, g *Group, p int) {
		if p == pnode {
			sum = sum.plus(g.Size.vec())
		}
	})
	return sum
}

// holders lists who holds something over [from, to), the longest first.
func (c *Calendar) holders(tenant string, from, to int64, held func(*entry) vec) []Holder {
	var list []Holder
	for _, e := range c.bookings {
		if e.from >= to || from >= e.to {
			continue
		}
		size := held(e)
		if size == (vec{}) {
			continue
		}
		h := Holder{Size: size.size(), Until: second(e.to)}
		if e.Request.Tenant == tenant {
			h.Name = e.Request.Name
		}
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b Holder) int {
		return cmp.Or(b.Until.Compare(a.Until), strings.Compare(b.Name, a.Name), cmp.Compare(b.Size.MemoryMiB, a.Size.MemoryMiB),
			cmp.Compare(b.Size.CPUs, a.Size.CPUs), cmp.Compare(b.Size.DiskMiB, a.Size.DiskMiB))
	})
	return list[:min(len(list), mostHolders)]
}

// poolReason says why a pool falls short.
func (c *Calendar) poolReason(t *trial, need Need) (Reason, bool) {
	r := Reason{Pool: need.Pool, Asked: need.Count}
	p := c.pool(need.Pool)
	if p < 0 {
		r.Message = fmt.Sprintf("the site has no pool %q", need.Pool)
		return r, need.Count > 0
	}
	if r.Found = len(t.units[p]); r.Found >= need.Count {
		return r, false
	}
	r.By = c.holders(t.req.Tenant, t.from, t.to, func(e *entry) vec { return vec{int64(len(e.units[p]))} })
	for i := range r.By {
		r.By[i].Size = Size{}
	}
	r.Message = fmt.Sprintf("%d of %d units of pool %s are free: all %d are taken in that window",
		r.Found, r.Asked, need.Pool, len(c.pools[p].Units))
	if len(r.By) > 0 {
		r.Message += ", the last by " + r.By[len(r.By)-1].String()
	}
	return r, true
}
