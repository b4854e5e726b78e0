package manager

import (
	"fmt"
	"slices"
	"sort"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/quota"
)

// mostInstead is how many alternatives to a change are looked for.
const mostInstead = 4

// seeker looks for what could be had instead of a change. Everything it offers
// was tried on the calendar as it is, which is as before afterwards.
type seeker struct {
	c      *calendar.Calendar
	e      *edit
	before calendar.Booking
	req    calendar.Request // that was refused
	use    *quota.Use       // what the tenant may hold beside the cluster; nil for anything
	list   []Alternative
}

func (s *seeker) alternatives() []Alternative {
	looks := []func(){s.less, s.shorter}
	if s.e.before.State.Begun() {
		looks = append(looks, s.beside)
	} else {
		looks = append(looks, s.later, s.fewer)
	}
	for _, look := range looks {
		if len(s.list) < mostInstead {
			look()
		}
	}
	return s.list
}

func (s *seeker) offer(kind calendar.Kind, message string, changes ...Change) {
	s.list = append(s.list, Alternative{Kind: kind, Message: message, Changes: changes})
}

// fits reports whether changes could be made, one after the other.
func (s *seeker) fits(changes ...Change) bool {
	defer s.restore()
	for _, ch := range changes {
		step := *s.e
		step.Change, step.c = ch, s.e.before
		do := step.inCalendar()
		if do == nil || step.still(do)(s.c) != nil {
			return false
		}
	}
	return s.allowed()
}

func (s *seeker) restore() {
	_ = s.c.Put(s.before) // it was there: it is complete
}

func (s *seeker) allowed() bool {
	after, ok := s.c.Booking(s.before.Request.ID)
	if !ok || s.use == nil {
		return ok
	}
	was := quota.ClaimOf(s.before.Request)
	return len(s.use.Check(&was, quota.ClaimOf(after.Request))) == 0
}

// less is as much as there is room for of what was asked.
func (s *seeker) less() {
	switch e := s.e; e.Operation {
	case Extend:
		from := e.before.End
		end := func(n int) time.Time { return from.Add(time.Duration(n) * time.Minute) }
		n := s.most(int(e.End.Sub(from)/time.Minute), func(n int) bool { return s.fits(Change{Operation: Extend, End: end(n)}) })
		if n > 0 {
			s.offer(calendar.Shorter, fmt.Sprintf("extend it until %s", stampOf(end(n))), Change{Operation: Extend, End: end(n)})
		}
	case Grow:
		grow := func(n int) Change { return Change{Operation: Grow, Appliance: e.Appliance, Count: n} }
		n := s.most(e.Count-1, func(n int) bool { return s.fits(grow(n)) })
		if n > 0 {
			s.offer(calendar.Fewer, fmt.Sprintf("%d of %d more %s", n, e.Count, e.Appliance), grow(n))
		}
	}
}

// most is the largest n up to a bound for which something holds that holds for
// all that is smaller; 0 for none.
func (s *seeker) most(bound int, holds func(int) bool) int {
	return sort.Search(max(bound, 0), func(i int) bool { return !holds(i + 1) })
}

// shorter gives up time, so that there is room for the rest.
func (s *seeker) shorter() {
	e := s.e
	begin := later(s.req.Start, e.now)
	for _, quarters := range []time.Duration{3, 2, 1} {
		end := begin.Add(s.req.End.Sub(begin) * quarters / 4).Truncate(time.Minute)
		var changes []Change
		switch {
		case !end.After(begin):
			continue
		case e.Operation == Grow && end.Before(e.before.End):
			changes = []Change{{Operation: Shorten, End: end}, e.asked()}
		case e.Operation == Move:
			changes = []Change{{Operation: Move, Start: e.Start, End: end}}
		default:
			continue
		}
		if s.fits(changes...) {
			s.offer(calendar.Shorter, fmt.Sprintf("all of it until %s", stampOf(end)), changes...)
			return
		}
	}
}

// asked is the change as it was asked for.
func (e *edit) asked() Change {
	ch := e.Change
	ch.By = 0
	return ch
}

// later moves the whole cluster, changed, to where it fits first.
func (s *seeker) later() {
	req := s.req
	lead := req.Prepare
	s.c.Remove(req.ID)
	plan, ok, err := s.c.EarliestWithin(s.limit(), req, later(req.Start, s.e.now.Add(lead)), s.e.now.Add(horizon))
	s.restore()
	if err != nil || !ok {
		return
	}
	changes := []Change{{Operation: Move, Start: plan.Request.Start, End: plan.Request.End}}
	if s.e.Operation == Grow {
		changes = append(changes, s.e.asked())
	}
	if s.fits(changes...) {
		s.offer(calendar.Later, fmt.Sprintf("all of it from %s to %s", stampOf(plan.Request.Start), stampOf(plan.Request.End)), changes...)
	}
}

func (s *seeker) limit() calendar.Limit {
	if s.use == nil {
		return calendar.Unlimited{}
	}
	return s.use
}

// fewer gives vnodes back first.
func (s *seeker) fewer() {
	if s.e.Operation == Grow {
		return
	}
	var names []string
	for _, n := range s.e.before.Nodes {
		if n.Appliance != cluster.Gateway {
			names = append(names, n.Name)
		}
	}
	for k := 1; k < len(names); k *= 2 {
		shrink := Change{Operation: Shrink, Nodes: slices.Clone(names[len(names)-k:])}
		if s.fits(shrink, s.e.asked()) {
			s.offer(calendar.Fewer, fmt.Sprintf("the same with %d nodes fewer", k), shrink, s.e.asked())
			return
		}
	}
}

// beside books another cluster for what a running one cannot take, or what
// there is room for of that.
func (s *seeker) beside() {
	spec, ok := s.other()
	if !ok {
		return
	}
	c := cluster.Cluster{ID: s.req.ID + "-beside", Name: spec.Name, Tenant: s.e.c.Tenant, Spec: spec, Start: spec.Start, End: spec.End}
	lead := s.e.before.Start.Sub(s.e.before.PrepareAt)
	c.PrepareAt = later(c.Start.Add(-lead), s.e.now)
	var err error
	if c.Nodes, err = cluster.PlanNodes(c.ID, spec); err != nil {
		return
	}
	req := requestOf(c)
	req.NotBefore = s.e.now
	limit := s.limit()
	if s.use != nil {
		limit = s.use.With(s.before.Request)
	}
	why := s.c.ExplainWithin(limit, req, s.e.now, s.e.now.Add(horizon))
	if why == nil {
		s.list = append(s.list, Alternative{
			Kind: calendar.Split, Message: fmt.Sprintf("as another cluster, %s, from %s to %s", spec.Name, stampOf(spec.Start), stampOf(spec.End)),
			Specs: []cluster.Spec{specOf(spec, req)},
		})
		return
	}
	for _, a := range why.Alternatives {
		if len(s.list) == mostInstead {
			return
		}
		instead := Alternative{Kind: a.Kind, Message: fmt.Sprintf("as another cluster, %s: %s", spec.Name, a.Message)}
		for _, r := range a.Requests {
			instead.Specs = append(instead.Specs, specOf(spec, r))
		}
		s.list = append(s.list, instead)
	}
}

// other is the cluster that does what the change cannot.
func (s *seeker) other() (cluster.Spec, bool) {
	e := s.e
	spec := e.before.Spec
	spec.Racks, spec.StartMode, spec.Duration = nil, cluster.StartAt, 0
	spec.Attributes = slices.DeleteFunc(slices.Clone(spec.Attributes), func(a cluster.Attribute) bool { return a.Rack != "" || a.Host != "" })
	spec.Name = s.freeName(spec.Name)
	switch e.Operation {
	case Extend:
		spec.Start, spec.End = e.before.End, e.End
	case Grow:
		lead := e.before.Start.Sub(e.before.PrepareAt)
		spec.Start, spec.End = e.now.Add(lead).Truncate(time.Second).Add(time.Second), e.before.End
		spec.Nodes = slices.DeleteFunc(slices.Clone(spec.Nodes), func(g cluster.Group) bool { return g.Appliance != cluster.Gateway && g.Appliance != e.Appliance })
		for i := range spec.Nodes {
			if spec.Nodes[i].Appliance == e.Appliance {
				spec.Nodes[i].Count = e.Count
			}
		}
	}
	return spec, spec.End.After(spec.Start)
}

// freeName is a name that the tenant has not given yet.
func (s *seeker) freeName(name string) string {
	taken := map[string]bool{}
	for _, b := range s.c.Of(s.e.c.Tenant) {
		taken[b.Request.Name] = true
	}
	for i := 2; ; i++ {
		suffix := fmt.Sprintf("-%d", i)
		if next := name[:min(len(name), 63-len(suffix))] + suffix; !taken[next] {
			return next
		}
	}
}
