package calendar

import (
	"cmp"
	"slices"
)

// turn is a change of what is held, closed, or held of a pool.
type turn struct {
	at           int64
	held, closed vec
	pool, units  int
}

// use fills in the use over time: every change is swept once, and each slot
// keeps the most that it saw.
func (s *surveyor) use(o *Overview) {
	turns := s.turns()
	slices.SortFunc(turns, func(a, b turn) int { return cmp.Compare(a.at, b.at) })
	n := int(min(int64(s.look.Slots), s.to-s.from))
	for _, p := range s.site.Pools {
		o.Pools = append(o.Pools, PoolUse{Pool: p.Name, Of: len(p.Units), Held: make([]int, n)})
	}
	var held, closed vec
	units := make([]int, len(s.site.Pools))
	next := 0
	apply := func(until int64) {
		for next < len(turns) && turns[next].at <= until {
			at := turns[next].at
			for ; next < len(turns) && turns[next].at == at; next++ {
				t := turns[next]
				held, closed = held.plus(t.held), closed.plus(t.closed)
				if t.units != 0 {
					units[t.pool] += t.units
				}
			}
		}
	}
	for i := range n {
		begin, end := s.slot(i, n), s.slot(i+1, n)
		apply(begin)
		top, shut, most := held, closed, slices.Clone(units)
		for next < len(turns) && turns[next].at < end {
			apply(turns[next].at)
			top, shut = top.most(held), shut.most(closed)
			for p := range units {
				most[p] = max(most[p], units[p])
			}
		}
		o.Use = append(o.Use, Use{At: second(begin), Held: top.size(), Closed: shut.size()})
		for p := range most {
			o.Pools[p].Held[i] = most[p]
		}
	}
}

// slot is where slot i of n begins.
func (s *surveyor) slot(i, n int) int64 { return s.from + (s.to-s.from)*int64(i)/int64(n) }

// turns lists the changes within the window; what was before it is as if it
// began with it.
func (s *surveyor) turns() []turn {
	turns := make([]turn, 0, 6*len(s.bookings)) // with a unit of two pools each
	lines := s.closable()
	pools := map[string]int{}
	for i, p := range s.site.Pools {
		pools[p.Name] = i
	}
	for _, b := range s.bookings {
		from, to := max(b.from, s.from), min(b.to, s.to)
		var sum vec
		b.each(func(_ int, v vec, pnode int) {
			sum = sum.plus(v)
			if line := lines[pnode]; line != nil {
				line.add(from, to, v, 0)
			}
		})
		turns = append(turns, turn{at: from, held: sum}, turn{at: to, held: vec{}.minus(sum)})
		for _, u := range b.Units {
			if p, ok := pools[u.Pool]; ok {
				turns = append(turns, turn{at: from, pool: p, units: 1}, turn{at: to, pool: p, units: -1})
			}
		}
	}
	for pnode, line := range lines {
		if line == nil {
			continue
		}
		turns = append(turns, s.closing(pnode, *line)...)
	}
	return turns
}

// closable are the timelines of the pnodes, nil for those that are never closed.
func (s *surveyor) closable() []*timeline {
	lines := make([]*timeline, len(s.pnodes))
	for i, p := range s.pnodes {
		line := &timeline{}
		if !p.usable() {
			line.add(s.from, s.to, vec{}, 1)
		}
		for _, w := range p.Maintenance {
			line.add(max(floorSecond(w.From), s.from), min(ceilSecond(w.To), s.to), vec{}, 1)
		}
		if len(*line) > 0 {
			lines[i] = line
		}
	}
	return lines
}

// closing is what a pnode has free and cannot give, as it changes.
func (s *surveyor) closing(pnode int, line timeline) []turn {
	var turns []turn
	var before vec
	for _, step := range line {
		var now vec
		if step.closed > 0 {
			now = s.room[pnode].minus(step.used).most(vec{})
		}
		if now != before {
			turns = append(turns, turn{at: step.at, closed: now.minus(before)})
			before = now
		}
	}
	return turns
}
