package manager

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/estimate"
	"quarry/internal/pnode"
	"quarry/internal/store"
)

// slow measures one preparation of a cluster where it is, in which one vnode
// was slow.
func (s *site) slow(c cluster.Cluster, node int, seconds float64) {
	s.t.Helper()
	f, err := s.m.dossier(s.t.Context(), c)
	s.must(err)
	for i, n := range c.Nodes {
		k := vnodeKey(f.dossier, n, 1)
		k.Stage = estimate.Up
		took := estimate.Sample{Key: k, Seconds: 30, At: s.now}
		if i == node {
			took.Seconds = seconds
		}
		k.Stage = estimate.Join
		s.m.remember(s.t.Context(), took, estimate.Sample{Key: k, Seconds: 25, At: s.now})
	}
}

func (s *site) onTime(name string) cluster.Condition {
	s.t.Helper()
	list := s.cluster(name).Conditions
	i := slices.IndexFunc(list, func(c cluster.Condition) bool { return c.Type == cluster.ConditionOnTime })
	if i < 0 {
		s.t.Fatalf("nothing is said of whether %s is on time: %+v", name, list)
	}
	return list[i]
}

func TestLongerEstimateBeginsEarlier(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Start = s.now.Add(2 * time.Hour) })
	s.must(err)
	s.settle()
	s.slow(c, 1, 1000)
	s.settle()
	got := s.wantState("farm", cluster.Booked)
	if lead := got.Start.Sub(got.PrepareAt); lead < 25*time.Minute || !got.Start.Equal(c.Start) {
		t.Fatalf("preparation begins %s before the start", lead)
	}
	b, _ := s.m.ledger.Booking(c.ID)
	if !b.From.Equal(got.PrepareAt) {
		t.Fatalf("held from %s, prepared from %s", b.From, got.PrepareAt)
	}
	last := s.lastEvent("farm")
	for _, want := range []string{"preparation begins at", "instead of", "25m0s until compute-0 on " + c.Nodes[1].Pnode, "slowest of 1 preparations of compute of base@"} {
		if !strings.Contains(last, want) {
			t.Errorf("told %q, which lacks %q", last, want)
		}
	}
	if got.Estimate.PrepareSeconds != got.Start.Sub(got.PrepareAt).Seconds() || !strings.Contains(last, got.Estimate.PrepareWhy) {
		t.Errorf("shown %+v", got.Estimate)
	}
}

// A little less is no reason for a new plan, much less is.
func TestShorterEstimateBeginsLater(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Start = s.now.Add(2 * time.Hour) })
	s.must(err)
	s.settle()
	if got := s.cluster("farm"); !got.PrepareAt.Equal(c.PrepareAt) {
		t.Fatalf("begins at %s instead of %s for a guess", got.PrepareAt, c.PrepareAt)
	}
	s.slow(c, 1, 400)
	s.settle()
	long := s.cluster("farm").PrepareAt
	for range 24 {
		s.slow(c, 1, 395)
	}
	s.settle()
	if got := s.cluster("farm").PrepareAt; !got.Equal(long) {
		t.Fatalf("begins at %s instead of %s for a few seconds", got, long)
	}
	for range 90 {
		s.slow(c, 1, 40)
	}
	s.settle()
	if lead := c.Start.Sub(s.cluster("farm").PrepareAt); lead > 3*time.Minute {
		t.Fatalf("preparation begins %s before the start", lead)
	}
}

// Where others hold the pnodes until shortly before, the risk is said with
// its reason, and taken back when it is over.
func TestNoRoomForALongerEstimateIsSaid(t *testing.T) {
	s := newSite(t)
	full := func(sp *cluster.Spec) { sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = 4, 1200 }
	_, err := s.book(s.tenant, func(sp *cluster.Spec) { full(sp); sp.Name, sp.Nodes[0].Count = "before", 3 })
	s.must(err)
	s.settle()
	before := s.cluster("before")
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { full(sp); sp.Nodes[0].Count, sp.Start = 3, before.End.Add(4*time.Minute) })
	s.must(err)
	s.settle()
	held := s.cluster("farm").PrepareAt
	if got := s.onTime("farm"); got.Status != "True" {
		t.Fatalf("%+v", got)
	}
	s.slow(c, 1, 500)
	s.settle()
	got := s.onTime("farm")
	for _, want := range []string{"preparing is expected to take 8m45s", "no room to begin it more than", "compute-0 on " + c.Nodes[1].Pnode, "slowest of 1"} {
		if got.Status != "False" || got.Reason != "AtRisk" || !strings.Contains(got.Message, want) {
			t.Errorf("%+v lacks %q", got, want)
		}
	}
	if now := s.cluster("farm").PrepareAt; !now.Equal(held) {
		t.Errorf("begins at %s instead of %s", now, held)
	}
	if told := s.lastEvent("farm"); told != got.Message {
		t.Errorf("told %q", told)
	}
	for range 90 {
		s.slow(c, 1, 30)
	}
	s.settle()
	if got := s.onTime("farm"); got.Status != "True" {
		t.Fatalf("%+v", got)
	}
}

// What pnodes measured is kept, survives the manager, and decides the next.
func TestMeasurementsDecideTheNext(t *testing.T) {
	s := newSite(t)
	for name, p := range s.pnodes {
		p.took, p.wipe = pnode.Took{Fetch: 2, Up: 30, Join: 6}, 12
		if name == "p2" {
			p.took.Up = 300
		}
	}
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Count = 3 })
	s.must(err)
	s.pass(c.End.Sub(s.now) + time.Minute)
	s.wantState("farm", cluster.Ended)
	var kept []estimate.Sample
	s.must(s.st.View(t.Context(), func(tx *store.Tx) (err error) {
		kept, err = tx.Measurements()
		return err
	}))
	count := map[estimate.Stage]int{}
	for _, k := range kept {
		count[k.Stage]++
	}
	// One for each profile and pnode; the fake's images are made in no time.
	if count[estimate.Up] != 4 || count[estimate.Join] != 4 || count[estimate.Fetch] != 4 || count[estimate.Wipe] != 4 {
		t.Fatalf("kept %v of %+v", count, kept)
	}
	asap := func(sp *cluster.Spec) {
		sp.StartMode, sp.Start, sp.Nodes[0].Count = cluster.StartASAP, time.Time{}, 3
	}
	for range 2 {
		next, err := s.book(s.tenant, asap)
		s.must(err)
		if lead := next.Start.Sub(s.now); lead != 300*time.Second*3/2+(3+9)*time.Second+margin {
			t.Errorf("starts in %s: %s", lead, next.Estimate.PrepareWhy)
		}
		if next.Estimate.Wipe() != policyFloor || !strings.Contains(next.Estimate.PrepareWhy, "on p2") {
			t.Errorf("%+v", next.Estimate)
		}
		_, err = s.m.CancelCluster(t.Context(), s.tenant, "farm", 0)
		s.must(err)
		s.restart()
		s.settle()
	}
}

var policyFloor = estimate.DefaultPolicy.WipeFloor

// A cluster that is placed on quick pnodes does not wait for what a slow one
// would have taken.
func TestQuickPnodesStartSooner(t *testing.T) {
	s := newSite(t)
	for name, p := range s.pnodes {
		p.took = pnode.Took{Up: 30, Join: 6}
		if name == "p2" { // the last to be chosen when there is a choice
			p.took.Up, p.facts.MemoryMiB = 300, 1500
		}
	}
	for range fewestOf {
		c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Count = 3 })
		s.must(err)
		s.pass(c.Start.Sub(s.now))
		_, err = s.m.EndCluster(t.Context(), s.tenant, "farm", 0)
		s.must(err)
		s.settle()
	}
	_, err := s.m.DrainPnode(t.Context(), s.boss, "p2", true, 0)
	s.must(err)
	s.settle()
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.StartMode, sp.Start = cluster.StartASAP, time.Time{} })
	s.must(err)
	quick := c.Start.Sub(s.now)
	_, err = s.m.CancelCluster(t.Context(), s.tenant, "farm", 0)
	s.must(err)
	_, err = s.m.DrainPnode(t.Context(), s.boss, "p2", false, 0)
	s.must(err)
	s.settle()
	c, err = s.book(s.tenant, func(sp *cluster.Spec) { sp.StartMode, sp.Start = cluster.StartASAP, time.Time{} })
	s.must(err)
	if c.Nodes[1].Pnode == "p2" || c.Nodes[2].Pnode == "p2" {
		t.Fatalf("placed on the slow pnode: %+v", c.Nodes)
	}
	if got := c.Start.Sub(s.now); got != quick || got > 2*time.Minute {
		t.Errorf("starts in %s, without the slow pnode in %s", got, quick)
	}
	if b, _ := s.m.ledger.Booking(c.ID); !b.From.Equal(c.PrepareAt) || !b.Request.Start.Equal(c.Start) {
		t.Errorf("held from %s for %s, prepared from %s", b.From, b.Request.Start, c.PrepareAt)
	}
	s.settle()
}

// What the provider decides about estimates lasts, and counts at once.
func TestEstimatesAreTheProvidersToDecide(t *testing.T) {
	s := newSite(t)
	policy := estimate.DefaultPolicy
	policy.PrepareFloor, policy.WipeFloor = 7*time.Minute, 3*time.Minute
	bad := estimate.Policy{Percentile: 20}
	_, err := s.m.SetSite(t.Context(), s.boss, SiteChange{Estimates: &bad, Overcommit: &calendar.Overcommit{CPUs: -1}}, 0)
	for _, want := range []string{"estimate-percentile", "prepare-floor", "cpus"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the answer lacks %q: %v", want, err)
		}
	}
	if got := s.m.estimates.Policy(); got != estimate.DefaultPolicy {
		t.Fatalf("a refused change left %+v", got)
	}
	_, err = s.m.SetSite(t.Context(), s.boss, SiteChange{Estimates: &policy}, 0)
	s.must(err)
	for range 2 {
		c, err := s.book(s.tenant, nil)
		s.must(err)
		if lead := c.Start.Sub(c.PrepareAt); lead < 7*time.Minute || c.Estimate.Wipe() != 3*time.Minute {
			t.Errorf("begins %s before the start, %s for wiping: %s", lead, c.Estimate.Wipe(), c.Estimate.PrepareWhy)
		}
		_, err = s.m.CancelCluster(t.Context(), s.tenant, "farm", 0)
		s.must(err)
		s.restart()
		s.settle()
	}
}
