package manager

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// asking draws a cluster that is likely to meet others.
func (s *site) asking(t *rapid.T, name string) cluster.Spec {
	return s.spec(func(sp *cluster.Spec) {
		sp.Name, sp.BestEffort = name, false
		sp.Nodes[0].Count = rapid.IntRange(1, 3).Draw(t, "count")
		sp.Nodes[0].MemoryMiB = rapid.SampledFrom([]int{256, 700, 1600}).Draw(t, "memory")
		sp.Nodes[0].Apart = rapid.Bool().Draw(t, "apart")
		sp.Start = s.now.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "start")) * 10 * time.Minute)
		sp.Duration = time.Duration(rapid.IntRange(1, 12).Draw(t, "length")) * 20 * time.Minute
	})
}

// windows are all live clusters of a tenant with their ends.
func (s *site) windows() map[string]cluster.Cluster {
	s.t.Helper()
	all := map[string]cluster.Cluster{}
	for _, p := range []Principal{s.tenant, s.other} {
		list, err := s.m.Clusters(s.t.Context(), p, false)
		s.must(err)
		for _, c := range list {
			all[c.Tenant+"/"+c.Name] = c
		}
	}
	return all
}

// cuts are the clusters that ended earlier than they had, as the tenant sees them.
func (s *site) cuts(before map[string]cluster.Cluster) (list []Yielding) {
	after := s.windows()
	for name, was := range before {
		is, live := after[name]
		if live && is.End.Equal(was.End) {
			continue
		}
		y := Yielding{Was: was.End, GivenUp: !live || is.State == cluster.Cancelled}
		if was.Tenant == s.tenant.Tenant {
			y.Name = was.Name
		}
		list = append(list, y)
	}
	return list
}

// What is said of a cluster that would fit, or not, is what booking it does at
// the same instant: where, when, and who yields. What is offered as the earliest
// start books as it is, and where all pnodes are alike no earlier one of the
// same grid does.
func TestAnswersAreWhatBookingDoes(t *testing.T) {
	var s *site
	yielded, offers, sites := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		if rapid.IntRange(0, 2).Draw(rt, "patience") > 0 {
			return // a site takes a tenth of a second; -rapid.checks asks for more
		}
		if sites%20 == 0 { // what is over makes all slower
			s = newSite(t)
		}
		sites++
		alike := sites%40 <= 20
		for i, name := range sortedKeys(s.pnodes) {
			if !alike {
				s.pnodes[name].took.Up, s.pnodes[name].wipe = float64(20+90*i), float64(10*i)
			}
		}
		s.populate(rt)
		spec := s.asking(rt, "asked")
		spec.BestEffort = rapid.IntRange(0, 5).Draw(rt, "best effort") == 0
		said, err := s.m.Earliest(t.Context(), s.tenant, spec, 12*time.Hour)
		s.must(err)
		if alike {
			s.noneBefore(rt, spec, said)
		}
		if offered := said.Fits && rapid.Bool().Draw(rt, "as offered"); offered {
			offers++
			spec = *said.Spec
		} else {
			said, err = s.m.Fits(t.Context(), s.tenant, spec)
			s.must(err)
		}
		yielded += s.bookAs(rt, spec, said)
	})
	if yielded == 0 || offers == 0 {
		t.Errorf("%d sites, %d yields, %d offers: the test tests nothing", sites, yielded, offers)
	}
}

// noneBefore looks at starts before the earliest: nothing fits at any.
func (s *site) noneBefore(t *rapid.T, spec cluster.Spec, said Answer) {
	for range 3 {
		at := spec
		at.Start = spec.Start.Add(time.Duration(rapid.IntRange(0, 72).Draw(t, "earlier")) * 10 * time.Minute)
		if said.Fits && !at.Start.Before(said.Start) || at.Start.After(s.now.Add(12*time.Hour)) {
			continue
		}
		if a, err := s.m.Fits(s.t.Context(), s.tenant, at); err != nil || a.Fits {
			t.Fatalf("the earliest is said to be %s, and %s fits: %v", said.Start, at.Start, err)
		}
	}
}

// bookAs books what was asked about, and returns how many yielded.
func (s *site) bookAs(t *rapid.T, spec cluster.Spec, said Answer) int {
	before := s.windows()
	c, err := s.m.CreateCluster(s.t.Context(), s.tenant, spec, false)
	if err != nil && fault.KindOf(err) != fault.Refused || said.Fits != (err == nil) {
		t.Fatalf("it was said to fit: %t %v; booking it: %v", said.Fits, said.Problems, err)
	}
	if err != nil {
		return 0
	}
	var at []calendar.Vnode
	for _, n := range c.Nodes {
		at = append(at, calendar.Vnode{Name: n.Name, Pnode: n.Pnode})
	}
	if !c.Start.Equal(said.Start) || !c.End.Equal(said.End) || !c.PrepareAt.Equal(said.PrepareAt) || !reflect.DeepEqual(at, said.Vnodes) {
		t.Fatalf("%+v was said, %+v is booked", said, c)
	}
	cuts := s.cuts(before)
	if len(cuts) != len(said.Yielding) {
		t.Fatalf("%+v was said to yield, %+v did", said.Yielding, cuts)
	}
	for _, y := range said.Yielding {
		if !y.Told.Equal(s.now) || y.End.After(y.Was) || !slices.ContainsFunc(cuts, func(c Yielding) bool {
			return c.Name == y.Name && c.Was.Equal(y.Was) && c.GivenUp == y.GivenUp
		}) {
			t.Fatalf("%+v was said to yield, %+v did", y, cuts)
		}
	}
	return len(cuts)
}

// populate gives up what the last draw booked, and books anew.
func (s *site) populate(t *rapid.T) {
	for {
		live := s.windows()
		if len(live) == 0 {
			break
		}
		for _, c := range live {
			p := s.tenant
			if c.Tenant != p.Tenant {
				p = s.other
			}
			_, _ = s.m.CancelCluster(s.t.Context(), p, c.Name, 0)
			_, _ = s.m.EndCluster(s.t.Context(), p, c.Name, 0)
		}
		s.settle()
	}
	for i := range rapid.IntRange(2, 7).Draw(t, "clusters") {
		p := s.tenant
		if rapid.Bool().Draw(t, "other") {
			p = s.other
		}
		spec := s.asking(t, fmt.Sprintf("c%d", i))
		spec.BestEffort = rapid.IntRange(0, 3).Draw(t, "best effort") > 0
		if _, err := s.m.CreateCluster(s.t.Context(), p, spec, false); err != nil && fault.KindOf(err) != fault.Refused {
			t.Fatal(err)
		}
	}
	s.now = s.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "passed")) * 7 * time.Minute)
	s.settle()
}

// What best-effort clusters hold is told beside what is free, to who may have it.
func TestFreeTellsBestEffort(t *testing.T) {
	s := newSite(t)
	_, err := s.book(s.other, soaking("soak"))
	s.must(err)
	s.pass(10 * time.Minute)
	q := FreeQuestion{From: s.now.Add(2 * time.Hour), Vnode: cluster.Group{Count: 4, MemoryMiB: 1600}}
	f, err := s.m.Free(t.Context(), s.tenant, q)
	s.must(err)
	if f.Fit != 1 || !f.Enough || f.BestEffort == nil || f.BestEffort.Fit != 4 || f.BestEffort.Total.CPUs != 3 || f.BestEffort.Pools[0].Free != 1 {
		t.Errorf("%+v, %+v", f, f.BestEffort)
	}
	best := q
	best.BestEffort = true
	if f, err = s.m.Free(t.Context(), s.other, best); err != nil || f.Fit != 1 || f.Enough || f.BestEffort != nil {
		t.Errorf("%+v, %v", f, err)
	}
	q.From = s.now // it runs, and could not be wiped before that
	if f, err = s.m.Free(t.Context(), s.tenant, q); err != nil || f.BestEffort != nil || f.Enough {
		t.Errorf("%+v, %v", f, err)
	}
}

// The move that is offered to a cluster that could start sooner works as it is
// told, within the limits of its tenant, and takes best-effort clusters' room.
func TestSoonerCanBeMoved(t *testing.T) {
	s := newSite(t)
	_, err := s.book(s.other, soaking("soak"))
	s.must(err)
	s.pass(10 * time.Minute)
	c, err := s.book(s.tenant, s.filling)
	s.must(err)
	why, err := s.m.WhyCluster(t.Context(), s.tenant, "booked")
	s.must(err)
	if y := why.Sooner; y == nil || y.Change == nil || y.Change.Operation != Move || !y.Change.Start.Equal(y.Start) {
		t.Fatalf("%+v", why.Sooner)
	}
	s.now = s.now.Add(grace)
	moved, err := s.m.ChangeCluster(t.Context(), s.tenant, "booked", *why.Sooner.Change, ChangeOptions{})
	s.must(err)
	if !moved.Start.Before(c.Start) || moved.End.Sub(moved.Start) != c.End.Sub(c.Start) {
		t.Errorf("from %s to %s, was from %s", moved.Start, moved.End, c.Start)
	}
	s.limit("demo", quota.LimitsChange{MaxCPUs: number(4)})
	_, err = s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Name, sp.Start, sp.Nodes[0].MemoryMiB = "second", moved.End.Add(time.Hour), 256
	})
	s.must(err)
	why, err = s.m.WhyCluster(t.Context(), s.tenant, "second")
	s.must(err)
	if y := why.Sooner; y == nil || y.Change == nil || y.Change.Start.Before(moved.End) {
		t.Errorf("%+v, and the tenant's CPUs are used until %s", why.Sooner, moved.End)
	}
}
