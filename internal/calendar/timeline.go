package calendar

import (
	"slices"
	"sort"
)

// timeline is what is held of one pnode over time: a step function as a
// sorted array. Before its first step nothing is held. No step equals the one
// before it, so equal functions are equal arrays, and giving back what was
// taken restores the array exactly.
type timeline []step

// step is what is held from an instant on, until the next step.
type step struct {
	at     int64
	used   vec
	closed int32 // how many maintenance windows are open
}

// add puts more (or, negative, less) on the line over [from, to).
func (t *timeline) add(from, to int64, more vec, closed int32) {
	if from >= to {
		return
	}
	i := t.cut(from)
	j := t.cut(to)
	for k := i; k < j; k++ {
		s := &(*t)[k]
		s.used = s.used.plus(more)
		s.closed += closed
	}
	t.join(j)
	t.join(i)
}

// cut makes sure that there is a step at an instant and returns its index.
func (t *timeline) cut(at int64) int {
	i := sort.Search(len(*t), func(i int) bool { return (*t)[i].at >= at })
	if i < len(*t) && (*t)[i].at == at {
		return i
	}
	s := step{at: at}
	if i > 0 {
		s.used, s.closed = (*t)[i-1].used, (*t)[i-1].closed
	}
	*t = slices.Insert(*t, i, s)
	return i
}

// join removes step i if it says nothing new.
func (t *timeline) join(i int) {
	var before step
	if i > 0 {
		before = (*t)[i-1]
	}
	if s := (*t)[i]; s.used == before.used && s.closed == before.closed {
		*t = slices.Delete(*t, i, i+1)
	}
}

// first returns the index of the step that holds at an instant, -1 for none.
func (t timeline) first(at int64) int {
	lo, hi := 0, len(t)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t[mid].at <= at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// peak is the most that is held of each resource at any instant of [from, to),
// and whether the pnode is closed at any.
func (t timeline) peak(from, to int64) (top vec, closed bool) {
	i := t.first(from)
	if i < 0 {
		i = 0
	}
	for ; i < len(t) && t[i].at < to; i++ {
		top = top.most(t[i].used)
		closed = closed || t[i].closed > 0
	}
	return top, closed
}

// forget drops what was before an instant.
func (t *timeline) forget(before int64) {
	i := t.first(before)
	if i < 0 {
		return
	}
	(*t)[i].at = before
	if s := (*t)[i]; s.used == (vec{}) && s.closed == 0 {
		i++
	}
	*t = slices.Clip(slices.Delete(*t, 0, i))
}
