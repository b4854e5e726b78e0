package simulate

import (
	"maps"
	"slices"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
)

// made reports whether an image is there.
func (w *world) made(image string) bool { return w.site.Build == (Times{}) || w.images[image] }

// want has an image made for a cluster, one after the other.
func (w *world) want(l *life, image string) {
	if w.made(image) || slices.ContainsFunc(w.queue, func(q wanted) bool { return q.image == image }) {
		return
	}
	d := w.site.Build.draw(w.times.of("build", image, 0))
	if took := l.entry.Took; took != nil && took.Build > 0 {
		d = time.Duration(took.Build)
	}
	w.queue = append(w.queue, wanted{image, d, l})
	w.build()
}

// wanted is an image that is to be made, how long it will take, and for whom.
type wanted struct {
	image string
	takes time.Duration
	by    *life
}

func (w *world) build() {
	if w.building || len(w.queue) == 0 {
		return
	}
	w.building = true
	w.put(w.now.Add(w.queue[0].takes), func() error {
		done := w.queue[0]
		w.queue, w.building = w.queue[1:], false
		w.images[done.image] = true
		w.build()
		w.core.Built(done.by.c, done.image, done.takes, w.now)
		for _, l := range w.alive() {
			if slices.Contains(l.images, done.image) {
				if err := l.look(); err != nil {
					return err
				}
			}
		}
		return w.learned()
	})
}

func (w *world) silent(name string) bool { return w.pnodes[name].silent }

// fall makes a pnode fall silent. The manager notices after a while.
func (w *world) fall(p *machine) error {
	if p.silent {
		return nil
	}
	p.silent, p.since = true, w.now
	p.falls++
	falls := p.falls
	w.put(w.now.Add(manager.LostAfter+time.Second), func() error {
		if !p.silent || p.falls != falls {
			return nil
		}
		p.Lost = true
		return w.tell(p)
	})
	return nil
}

// recover lets a pnode be heard again.
func (w *world) recover(p *machine) error {
	if !p.silent {
		return nil
	}
	p.silent, p.Lost = false, false
	if err := w.tell(p); err != nil {
		return err
	}
	return w.retry()
}

// tell tells the manager how a pnode is, and has it look at whom it concerns.
func (w *world) tell(p *machine) error {
	if err := w.core.SetPnode(p.Pnode); err != nil {
		return err
	}
	for _, l := range w.alive() {
		if slices.ContainsFunc(l.c.Nodes, func(n cluster.Node) bool { return n.Pnode == p.Name }) {
			if err := l.look(); err != nil {
				return err
			}
		}
	}
	return nil
}

// scheduleFall draws when a pnode falls silent next, and when it is heard
// again; not beyond the end of the trace.
func (w *world) scheduleFall(p *machine) {
	r := w.fails.of("pnode", p.Name, p.falls)
	at := w.now.Add(exponential(r, w.site.Failures.MTBF))
	if at.After(w.last) {
		return
	}
	back := at.Add(exponential(r, w.site.Failures.MTTR))
	w.put(at, func() error { return w.fall(p) })
	w.put(back, func() error {
		err := w.recover(p)
		w.scheduleFall(p)
		return err
	})
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
