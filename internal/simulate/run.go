package simulate

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// Run is one way to play a trace.
type Run struct {
	Policy calendar.Policy // for clusters that do not say
	Seed   uint64          // of how long things take
	// Failures is the seed of what goes wrong, 0 for nothing but what the trace
	// says.
	Failures uint64
}

// String names the run, as the head of a column.
func (r Run) String() string {
	if r.Failures == 0 {
		return string(r.Policy)
	}
	return fmt.Sprintf("%s, failures %d", r.Policy, r.Failures)
}

// Play plays a trace on a site. progress, if not nil, is told now and then how
// many of the trace's entries are done.
func Play(ctx context.Context, t *Trace, s *Site, r Run, progress func(done int)) (*Outcome, error) {
	w, err := newWorld(t, s, r)
	if err != nil {
		return nil, err
	}
	for i := 0; w.next(); i++ {
		if i%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if progress != nil {
				progress(w.submitted)
			}
		}
		if err := w.step(); err != nil {
			return nil, fmt.Errorf("at %s: %w", w.now.Format(time.RFC3339), err)
		}
	}
	return w.outcome(), nil
}

// world is a site on a virtual clock.
type world struct {
	trace *Trace
	site  *Site
	run   Run
	times chance
	fails chance
	core  *manager.Core
	now   time.Time

	submitted int // entries of the trace that are done
	agenda    agenda
	serial    int
	last      time.Time // of the trace

	lives    []*life             // all that were booked, in that order
	names    map[string]*life    // by "tenant/name", those that are not over
	waiting  map[*life]bool      // that asked for room there was not
	pnodes   map[string]*machine // by name
	images   map[string]bool     // that were made
	queue    []wanted            // to be made, the first one being made
	building bool
	refused  []Refused
	replans  int
	// unchanged counts changes that were refused, yields how often a best-effort
	// cluster gave room up, reclaimed the clusters ended since nobody used them.
	unchanged, yields, reclaimed int
}

// machine is a pnode of the world.
type machine struct {
	calendar.Pnode
	index  int
	silent bool
	falls  int // how often it fell silent
	since  time.Time
}

// agenda is what is due, the soonest first, and of one instant what was put
// down first.
type agenda []due

type due struct {
	at     time.Time
	serial int
	do     func() error
}

func (a agenda) Len() int { return len(a) }

func (a agenda) Less(i, j int) bool {
	return cmp.Or(a[i].at.Compare(a[j].at), cmp.Compare(a[i].serial, a[j].serial)) < 0
}

func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push and Pop are container/heap's.
func (a *agenda) Push(x any) { *a = append(*a, x.(due)) }

// Pop takes the last one.
func (a *agenda) Pop() any {
	old := *a
	x := old[len(old)-1]
	old[len(old)-1] = due{}
	*a = old[:len(old)-1]
	return x
}

func newWorld(t *Trace, s *Site, r Run) (*world, error) {
	pools, err := s.pools()
	if err != nil {
		return nil, err
	}
	has := s.calendar()
	w := &world{
		trace: t, site: s, run: r, times: chance{r.Seed}, fails: chance{r.Failures},
		names: map[string]*life{}, waiting: map[*life]bool{}, pnodes: map[string]*machine{}, images: map[string]bool{},
	}
	if w.core, err = manager.NewCore(pools, has, s.limits(), w.made); err != nil {
		return nil, err
	}
	w.now = t.Entries[0].At
	w.last = t.Entries[len(t.Entries)-1].At
	for i, p := range has.Pnodes {
		w.pnodes[p.Name] = &machine{Pnode: p, index: i}
		if r.Failures != 0 && s.Failures.MTBF > 0 {
			w.scheduleFall(w.pnodes[p.Name])
		}
	}
	return w, nil
}

// put puts something on the agenda.
func (w *world) put(at time.Time, do func() error) {
	w.serial++
	heap.Push(&w.agenda, due{at: at, serial: w.serial, do: do})
}

// next reports whether anything is left to happen.
func (w *world) next() bool {
	return w.submitted < len(w.trace.Entries) || len(w.names) > 0 && len(w.agenda) > 0
}

// step lets the next thing happen. The trace comes after what is due at the
// same instant: a manager has looked before it is asked.
func (w *world) step() error {
	if w.submitted < len(w.trace.Entries) {
		if e := &w.trace.Entries[w.submitted]; len(w.agenda) == 0 || e.At.Before(w.agenda[0].at) {
			w.now = e.At
			w.submitted++
			return w.entry(e)
		}
	}
	d := heap.Pop(&w.agenda).(due)
	w.now = d.at
	return d.do()
}

func (w *world) entry(e *Entry) error {
	switch e.Do {
	case Book:
		return w.book(e)
	case Cancel, End, Confirm, Release, Extend, Shorten, Move, Grow, Shrink:
		return w.change(e)
	case Idle, Use:
		return w.use(e)
	case Limit:
		return w.limit(e)
	}
	p := w.pnodes[e.Pnode]
	if p == nil {
		return fault.New(fault.Invalid, "the trace does not go with the site", fault.Detail{Field: e.At.Format(time.RFC3339), Message: fmt.Sprintf(
			"%s pnode %q: the site has none of that name", e.Do, e.Pnode)})
	}
	switch e.Do {
	case Lose:
		return w.fall(p)
	case Recover:
		return w.recover(p)
	case Drain, Undrain:
		p.Drained = e.Do == Drain
		return w.tell(p)
	case Maintain:
		return w.maintain(p, e)
	}
	return nil
}

// book asks for a cluster.
func (w *world) book(e *Entry) error {
	spec := *e.Spec
	if spec.Policy == "" {
		spec.Policy = w.run.Policy
	}
	if e.Made {
		for _, image := range manager.ImagesOf(spec, w.now) {
			w.images[image] = true
		}
	}
	ask, id := w.core.Book, fmt.Sprintf("c%08d", w.submitted)
	if e.Hold > 0 {
		ask = func(tenant, id string, spec cluster.Spec, now time.Time) (cluster.Cluster, error) {
			return w.core.Hold(tenant, id, spec, time.Duration(e.Hold), now)
		}
	}
	c, err := ask(e.Tenant, id, spec, w.now)
	if err != nil {
		return w.refuse(e, err)
	}
	l := &life{w: w, c: c, entry: e, images: w.core.Images(c), submitted: w.now, incarnations: map[string]int{}, ready: map[string]time.Time{}, left: map[string]time.Time{}}
	w.lives = append(w.lives, l)
	w.names[l.key()] = l
	for _, image := range l.images {
		w.want(l, image)
	}
	if c.HoldUntil != nil {
		l.due(*c.HoldUntil)
	}
	l.due(c.PrepareAt)
	if err := w.yield(); err != nil {
		return err
	}
	return l.look()
}

func (w *world) refuse(e *Entry, err error) error {
	r := Refused{At: w.now, Tenant: e.Tenant, Cluster: e.Spec.Name}
	if reasons, certain, ok := w.core.Why(err, w.now); ok {
		r.Reasons, r.Certain = reasons, certain
	} else if f, ok := errors.AsType[*fault.Error](err); ok {
		r.Reasons = []string{string(f.Kind)}
		r.Message = f.Error()
	} else {
		return err
	}
	w.refused = append(w.refused, r)
	return nil
}

// change does what a tenant asks for a cluster; what cannot be is no error.
func (w *world) change(e *Entry) error {
	l := w.names[e.Tenant+"/"+e.Cluster]
	if l == nil {
		return nil
	}
	if err := w.core.Change(&l.c, e.change(), w.now); err != nil {
		return w.refuseChange(err)
	}
	l.expect(e.Do)
	if err := w.yield(); err != nil {
		return err
	}
	if err := l.look(); err != nil || l.c.EndedAt != nil {
		return err
	}
	return w.retry() // there may be room where there was none
}

// retry looks again at those that asked for room there was not.
func (w *world) retry() error {
	if len(w.waiting) == 0 {
		return nil
	}
	list := slices.Collect(maps.Keys(w.waiting))
	w.order(list)
	for _, l := range list {
		delete(w.waiting, l)
		if err := l.look(); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) order(list []*life) {
	slices.SortFunc(list, func(a, b *life) int { return w.core.Order(a.c, b.c) })
}

// learned has the manager look at the booked clusters for which it would hold
// other times, now that it knows more.
func (w *world) learned() error {
	for _, l := range w.alive() {
		if w.core.Untimely(l.c, w.now) {
			if err := l.look(); err != nil {
				return err
			}
		}
	}
	return nil
}

// alive lists the clusters that are not over, in the order in which the manager
// looks at them.
func (w *world) alive() []*life {
	list := make([]*life, 0, len(w.names))
	for _, l := range w.names {
		list = append(list, l)
	}
	w.order(list)
	return list
}
