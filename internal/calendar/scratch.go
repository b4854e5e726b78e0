package calendar

import "sync"

// scratch is what one trial notes of each pnode. It is as long as the site and
// used again: a note is of this trial only if it bears its mark.
type scratch struct {
	mark  uint64
	notes []note
}

// note is what a trial has put on one pnode.
type note struct {
	mark   uint64
	used   vec
	mine   int    // vnodes of this cluster
	groups uint64 // which groups they are of, modulo 64
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

func borrow(n int) *scratch {
	s := scratches.Get().(*scratch)
	if len(s.notes) < n {
		s.notes = make([]note, n)
	}
	s.forget()
	return s
}

func (s *scratch) giveBack() { scratches.Put(s) }

// forget drops all notes.
func (s *scratch) forget() { s.mark++ }

// at returns what is noted of a pnode, nil for nothing.
func (s *scratch) at(i int) *note {
	if n := &s.notes[i]; n.mark == s.mark {
		return n
	}
	return nil
}

// note returns what is noted of a pnode, to be added to.
func (s *scratch) note(i int) *note {
	n := &s.notes[i]
	if n.mark != s.mark {
		*n = note{mark: s.mark}
	}
	return n
}

// view remembers what pnodes have free over one window, for trials that ask
// about the same one again and again.
type view struct {
	from, to int64
	known    mask
	free     []vec
}

func newView(n int, from, to int64) *view {
	return &view{from: from, to: to, known: newMask(n), free: make([]vec, n)}
}

// over is what lane i has free over the view's window.
func (v *view) over(l *lanes, i int) vec {
	if !v.known.has(i) {
		v.known.set(i)
		v.free[i] = l.free(i, v.from, v.to)
	}
	return v.free[i]
}

// has reports whether a vnode of group g is on pnode i.
func (s *scratch) has(i, g int) bool {
	n := s.at(i)
	return n != nil && n.groups>>(g&63)&1 == 1
}

// used is what the trial holds of a pnode.
func (s *scratch) used(i int) vec {
	if n := s.at(i); n != nil {
		return n.used
	}
	return vec{}
}
