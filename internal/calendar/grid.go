package calendar

// grid narrows a search down before any timeline is looked at. Time is divided
// into buckets of an hour, of 16 hours and of 256 hours. A bucket's sheet has,
// for each resource and each of a few amounts (cuts), the set of the pnodes
// that at some second of the bucket have less than that amount free. So the
// pnodes that cannot hold a size over a window are the union of a few sets:
// some words of memory for each bucket the window covers, however many
// bookings there are. A bucket in which nothing is held has no sheet.
type grid struct {
	n      int
	cuts   [3][]int64
	levels int
	tiers  [len(grains)]map[int64]*sheet
}

// grains are the lengths of the buckets of each tier, in seconds; each
// divides the next.
var grains = [...]int64{3600, 16 * 3600, 256 * 3600}

// sheet has levels × words bits: level l's set begins at l × words.
type sheet struct {
	short []uint64
	ones  int // when none is set any more the sheet is thrown away
}

func newGrid(n int, cuts [3][]int64) grid {
	g := grid{n: n, cuts: cuts, levels: len(cuts[0]) + len(cuts[1]) + len(cuts[2])}
	for t := range g.tiers {
		g.tiers[t] = map[int64]*sheet{}
	}
	return g
}

func (g *grid) words() int { return (g.n + 63) / 64 }

// note writes down what line i has free in a bucket.
func (g *grid) note(tier int, bucket int64, i int, free vec) {
	s := g.tiers[tier][bucket]
	level, words := 0, g.words()
	for r, cuts := range g.cuts {
		for _, cut := range cuts {
			at, bit := level*words+i>>6, uint64(1)<<(i&63)
			level++
			if free[r] >= cut {
				if s != nil && s.short[at]&bit != 0 {
					s.short[at] &^= bit
					s.ones--
				}
				continue
			}
			if s == nil {
				s = &sheet{short: make([]uint64, g.levels*words)}
				g.tiers[tier][bucket] = s
			}
			if s.short[at]&bit == 0 {
				s.short[at] |= bit
				s.ones++
			}
		}
	}
	if s != nil && s.ones == 0 {
		delete(g.tiers[tier], bucket)
	}
}

// levelsOf returns the level to ask for each resource of a size: the highest
// cut not above it, with which every pnode that is short of it is short of
// the size too; or with enough the lowest one not below it, with which every
// other pnode has the size. -1 is no question; !ok means there is no such cut.
func (g *grid) levelsOf(size vec, enough bool) (at [3]int, ok bool) {
	base := 0
	for r, cuts := range g.cuts {
		at[r] = -1
		if size[r] <= 0 && (!enough || len(cuts) == 0) {
			base += len(cuts)
			continue // with enough even of nothing there has to be no less than that
		}
		for i, cut := range cuts {
			if !enough && cut <= size[r] || enough && cut >= size[r] {
				at[r] = base + i
				if enough {
					break
				}
			}
		}
		if enough && at[r] < 0 {
			return at, false
		}
		base += len(cuts)
	}
	return at, true
}

// cover calls f with the sheets of the fewest buckets that make up [from, to),
// which begin and end on buckets of the first tier.
func (g *grid) cover(from, to int64, f func(*sheet)) {
	for from < to {
		tier := 0
		for tier+1 < len(grains) && from%grains[tier+1] == 0 && from+grains[tier+1] <= to {
			tier++
		}
		if s := g.tiers[tier][floorDiv(from, grains[tier])]; s != nil {
			f(s)
		}
		from += grains[tier]
	}
}

// mayHold removes from m what has less than size free at some second of
// [from, to). What stays may still be too full near the ends of the window.
func (g *grid) mayHold(m mask, from, to int64, size vec) {
	at, _ := g.levelsOf(size, false)
	g.remove(m, ceilDiv(from, grains[0])*grains[0], floorDiv(to, grains[0])*grains[0], at)
}

// surelyHolds removes from m all but what has size free over all of [from, to)
// for sure.
func (g *grid) surelyHolds(m mask, from, to int64, size vec) {
	at, ok := g.levelsOf(size, true)
	if !ok {
		clear(m)
		return
	}
	g.remove(m, floorDiv(from, grains[0])*grains[0], ceilDiv(to, grains[0])*grains[0], at)
}

func (g *grid) remove(m mask, from, to int64, levels [3]int) {
	words := g.words()
	g.cover(from, to, func(s *sheet) {
		for _, level := range levels {
			if level < 0 {
				continue
			}
			for w, short := range s.short[level*words : (level+1)*words] {
				m[w] &^= short
			}
		}
	})
}

// forget drops the buckets that end before an instant.
func (g *grid) forget(before int64) {
	for t, sheets := range g.tiers {
		for bucket := range sheets {
			if (bucket+1)*grains[t] <= before {
				delete(sheets, bucket)
			}
		}
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }
