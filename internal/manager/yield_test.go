package manager

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// soaking books a best-effort cluster that fills a pnode's memory twice.
func soaking(name string) func(*cluster.Spec) {
	return func(sp *cluster.Spec) {
		sp.Name, sp.BestEffort, sp.Duration = name, true, 5*time.Hour
		sp.StartMode, sp.Start = cluster.StartASAP, time.Time{}
		sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = 2, 1600
	}
}

// filling asks for three pnodes at a start two hours ahead.
func (s *site) filling(sp *cluster.Spec) {
	sp.Name, sp.Start, sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = "booked", s.now.Add(2*time.Hour), 3, 1600
}

// A booking takes the room of a best-effort cluster, which is wiped before the
// booking's preparation begins; never the other way round.
func TestBestEffortYields(t *testing.T) {
	s := newSite(t)
	soak, err := s.book(s.other, soaking("soak"))
	s.must(err)
	s.pass(10 * time.Minute)
	booked, err := s.book(s.tenant, s.filling)
	s.must(err)
	s.settle()
	after, err := s.m.Cluster(t.Context(), s.other, "soak")
	s.must(err)
	if after.State != cluster.Active || !after.End.Equal(booked.PrepareAt.Add(-wipeTime)) {
		t.Fatalf("soak is %s and ends at %s (was %s); booked is prepared from %s on", after.State, after.End, soak.End, booked.PrepareAt)
	}
	if !slices.ContainsFunc(after.Conditions, func(c cluster.Condition) bool { return c.Type == cluster.ConditionYielding && c.Status == "True" }) {
		t.Errorf("nobody is told: %+v", after.Conditions)
	}
	events, err := s.m.Events(t.Context(), s.other, "soak", 0)
	s.must(err)
	if last := events[len(events)-1]; last.Type != "warning" {
		t.Errorf("nobody is told: %+v", last)
	}
	for _, p := range s.pnodes {
		d, _, _ := s.m.Desired(t.Context(), p.name)
		for _, c := range d.Clusters {
			if c.Name == "soak" && !strings.Contains(c.Notices[0].Text, "has to end at "+after.End.Format(time.DateTime)) {
				t.Errorf("who is logged in on %s is told %q", p.name, c.Notices[0].Text)
			}
		}
	}
	if _, err := s.book(s.other, func(sp *cluster.Spec) { s.filling(sp); sp.Name, sp.BestEffort = "more", true }); fault.KindOf(err) != fault.Refused {
		t.Errorf("a best-effort cluster takes a booking's room: %v", err)
	}
	s.restart()
	s.pass(booked.Start.Sub(s.now))
	if c := s.wantState("booked", cluster.Active); c.ReadyAt.After(c.Start) {
		t.Errorf("ready at %s, after the start %s", c.ReadyAt, c.Start)
	}
}

// A booking that is refused anyhow, or that is only tried, costs nobody a minute.
func TestNobodyYieldsInVain(t *testing.T) {
	s := newSite(t)
	soak, err := s.book(s.other, soaking("soak"))
	s.must(err)
	_, err = s.book(s.tenant, func(sp *cluster.Spec) { s.filling(sp); sp.Nodes[0].Count = 5 })
	refusalOf(t, err)
	spec := cluster.Spec{Rolls: []string{"condor"}, Nodes: []cluster.Group{{Appliance: "compute"}}, Duration: time.Hour}
	s.filling(&spec)
	_, err = s.m.CreateCluster(t.Context(), s.tenant, spec, true)
	s.must(err)
	s.limit("demo", quota.LimitsChange{MaxCPUs: number(2)})
	_, err = s.book(s.tenant, s.filling)
	if r := refusalOf(t, err); len(r.Limits) != 1 {
		t.Errorf("%+v", r)
	}
	if c, err := s.m.Cluster(t.Context(), s.other, "soak"); err != nil || !c.End.Equal(soak.End) {
		t.Errorf("soak ends at %s, was %s, %v", c.End, soak.End, err)
	}
}

// Of two the newer yields, unless its tenant is of a higher class.
func TestWhoYields(t *testing.T) {
	for _, c := range []struct {
		priority quota.Priority
		want     string
	}{{quota.Normal, "new"}, {quota.High, "old"}} {
		s := newSite(t)
		one := func(name string) func(*cluster.Spec) {
			return func(sp *cluster.Spec) { soaking(name)(sp); sp.Nodes[0].Count = 1 }
		}
		old, err := s.book(s.tenant, one("old"))
		s.must(err)
		s.now = s.now.Add(time.Second)
		recent, err := s.book(s.other, one("new"))
		s.must(err)
		s.limit("other", quota.LimitsChange{Priority: &c.priority})
		_, err = s.book(s.tenant, func(sp *cluster.Spec) { s.filling(sp); sp.Nodes[0].Count = 2 })
		s.must(err)
		cut := ""
		if c := s.cluster("old"); !c.End.Equal(old.End) {
			cut += "old"
		}
		if c, err := s.m.Cluster(t.Context(), s.other, "new"); err != nil || !c.End.Equal(recent.End) {
			cut += "new"
		}
		if cut != c.want {
			t.Errorf("%s: %s yields, want %s", c.priority, cut, c.want)
		}
	}
}

// As soon as possible, and now, are for booked clusters as if there were no
// best-effort ones: those that run are wiped first.
func TestSoonestYields(t *testing.T) {
	for _, mode := range []cluster.StartMode{cluster.StartASAP, cluster.StartNow} {
		s := newSite(t)
		_, err := s.book(s.other, soaking("soak"))
		s.must(err)
		s.pass(20 * time.Minute)
		c, err := s.book(s.tenant, func(sp *cluster.Spec) { s.filling(sp); sp.StartMode, sp.Start = mode, time.Time{} })
		s.must(err)
		if !c.PrepareAt.Equal(s.now.Add(wipeTime)) {
			t.Errorf("%s: preparation begins at %s, want %s", mode, c.PrepareAt, s.now.Add(wipeTime))
		}
		s.settle()
		if soak, err := s.m.Cluster(t.Context(), s.other, "soak"); err != nil || soak.State != cluster.Ended {
			t.Errorf("%s: soak is %s, %v", mode, soak.State, err)
		}
	}
}
