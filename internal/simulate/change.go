package simulate

import "time"

// expect puts on the agenda what follows from a change of the cluster.
func (l *life) expect(did Do) {
	if did == Grow {
		for _, n := range l.c.Nodes {
			if _, before := l.left[n.Name]; before && !n.Leaving { // another of that name was here
				delete(l.left, n.Name)
				l.incarnations[n.Name]++
			}
		}
	}
	for _, at := range []time.Time{l.c.PrepareAt, l.c.Start, l.c.End} {
		if !at.Before(l.w.now) {
			l.due(at)
		}
	}
}

// part lets vnodes that are given back go after they were wiped, and forgets
// those that are gone.
func (l *life) part() {
	here := map[string]bool{}
	for _, n := range l.c.Nodes {
		here[n.Name] = true
		if _, going := l.left[n.Name]; n.Leaving && !going {
			l.left[n.Name] = l.w.now.Add(l.wipeTime())
			l.due(l.left[n.Name])
		}
	}
	for name := range l.ready {
		if !here[name] {
			delete(l.ready, name)
		}
	}
}
