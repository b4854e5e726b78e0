package calendar

import "slices"

// lanes are the timelines of all pnodes, or of all units of a pool, with the
// grid over them.
type lanes struct {
	room []vec // what each has, after overcommitment
	line []timeline
	grid grid
}

func newLanes(room []vec, cuts [3][]int64) *lanes {
	return &lanes{room: room, line: make([]timeline, len(room)), grid: newGrid(len(room), cuts)}
}

// nothing is what a closed pnode has free.
var nothing = vec{-1, -1, -1}

// free is what lane i has at every second of [from, to).
func (l *lanes) free(i int, from, to int64) vec {
	top, closed := l.line[i].peak(from, to)
	if closed {
		return nothing
	}
	return l.room[i].minus(top)
}

// hold puts more (or, negative, less) on lane i over [from, to).
func (l *lanes) hold(i int, from, to int64, more vec) {
	l.line[i].add(from, to, more, 0)
	l.note(i, from, to)
}

// shut keeps everything away from lane i over [from, to) once more, or with
// -1 once less.
func (l *lanes) shut(i int, from, to int64, times int32) {
	l.line[i].add(from, to, vec{}, times)
	l.note(i, from, to)
}

// note brings the grid up to date over [from, to).
func (l *lanes) note(i int, from, to int64) {
	for tier, grain := range grains {
		for b := floorDiv(from, grain); b*grain < to; b++ {
			top, closed := l.line[i].peak(b*grain, (b+1)*grain)
			free := l.room[i].minus(top)
			switch {
			case closed:
				free = nothing
			case top == vec{}:
				free = most // a bucket with nothing in it has no sheet
			}
			l.grid.note(tier, b, i, free)
		}
	}
}

// most is more than any cut.
var most = vec{1 << 60, 1 << 60, 1 << 60}

func (l *lanes) forget(before int64) {
	for i := range l.line {
		l.line[i].forget(before)
	}
	l.grid.forget(before)
}

// cutsFor chooses the amounts that the grid tells apart: powers of two, and
// what the site's own kinds of pnodes have, so that "all of an idle pnode" is
// told exactly.
func cutsFor(room []vec) [3][]int64 {
	cuts := [3][]int64{}
	for c := int64(1); c <= 256; c *= 2 {
		cuts[cpus] = append(cuts[cpus], c)
	}
	for c := int64(512); c <= 512<<10; c *= 2 {
		cuts[memory] = append(cuts[memory], c)
	}
	for c := int64(4 << 10); c <= 4<<20; c *= 8 {
		cuts[disk] = append(cuts[disk], c)
	}
	for r := range cuts {
		kinds := map[int64]bool{}
		for _, v := range room {
			kinds[v[r]] = true
		}
		if len(kinds) <= 4 {
			for c := range kinds {
				if c > 0 {
					cuts[r] = append(cuts[r], c)
				}
			}
		}
		slices.Sort(cuts[r])
		cuts[r] = slices.Compact(cuts[r])
	}
	return cuts
}
