package manager

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func (s *site) change(ch Change) (cluster.Cluster, error) {
	s.t.Helper()
	return s.m.ChangeCluster(s.t.Context(), s.tenant, "farm", ch, ChangeOptions{})
}

// farmIn books farm and brings it to a state.
func (s *site) farmIn(state cluster.State) cluster.Cluster {
	s.t.Helper()
	if state == cluster.Held {
		c, err := s.m.HoldCluster(s.t.Context(), s.tenant, cluster.Spec{
			Name: "farm", Rolls: []string{"condor"}, Nodes: []cluster.Group{{Appliance: "compute", Count: 2}},
			Start: s.now.Add(20 * time.Minute), Duration: time.Hour,
		}, 5*time.Minute, false)
		s.must(err)
		return c
	}
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.settle()
	switch state {
	case cluster.Preparing:
		for _, p := range s.pnodes {
			p.slow["farm/compute-1"] = true
		}
		s.pass(c.PrepareAt.Sub(s.now) + time.Second)
	case cluster.Ready:
		s.pass(c.PrepareAt.Sub(s.now) + time.Second)
	case cluster.Active:
		s.pass(c.Start.Sub(s.now) + time.Second)
	case cluster.Ending:
		s.pass(c.Start.Sub(s.now) + time.Second)
		for _, p := range s.pnodes {
			p.dead = true
		}
		s.now = c.End.Add(time.Second)
		s.settle()
	case cluster.Ended:
		s.pass(c.End.Sub(s.now) + time.Second)
	case cluster.Cancelled:
		_, err = s.m.CancelCluster(s.t.Context(), s.tenant, "farm", 0)
		s.must(err)
		s.settle()
	}
	return s.wantState("farm", state)
}

// What can be asked for in which state.
func TestChangesInEveryState(t *testing.T) {
	const yes, no, same = "yes", "no", "same"
	for _, c := range []struct {
		state cluster.State
		can   map[Operation]string
	}{
		{cluster.Held, map[Operation]string{Extend: yes, Shorten: yes, Move: yes, Grow: yes, Shrink: yes, Confirm: yes, Release: yes}},
		{cluster.Booked, map[Operation]string{Extend: yes, Shorten: yes, Move: yes, Grow: yes, Shrink: yes, Confirm: same, Release: no}},
		{cluster.Preparing, map[Operation]string{Extend: yes, Shorten: yes, Move: no, Grow: yes, Shrink: yes, Confirm: same, Release: no}},
		{cluster.Ready, map[Operation]string{Extend: yes, Shorten: yes, Move: no, Grow: yes, Shrink: yes, Confirm: same, Release: no}},
		{cluster.Active, map[Operation]string{Extend: yes, Shorten: yes, Move: no, Grow: yes, Shrink: yes, Confirm: same, Release: no}},
		{cluster.Ending, map[Operation]string{Extend: no, Shorten: no, Move: no, Grow: no, Shrink: no, Confirm: no, Release: no}},
		{cluster.Ended, map[Operation]string{Extend: no, Shorten: no, Move: no, Grow: no, Shrink: no, Confirm: no, Release: no}},
		{cluster.Cancelled, map[Operation]string{Extend: no, Shorten: no, Move: no, Grow: no, Shrink: no, Confirm: no, Release: same}},
	} {
		t.Run(string(c.state), func(t *testing.T) {
			s := newSite(t)
			farm := s.farmIn(c.state)
			for _, op := range slices.Sorted(maps.Keys(c.can)) {
				ch := Change{Operation: op}
				switch op {
				case Extend, Shorten:
					ch.By = 10 * time.Minute
				case Move:
					ch.Start = farm.Start.Add(time.Hour)
				case Grow, Shrink:
					ch.Count = 1
				}
				before := s.fingerprint()
				got, err := s.m.ChangeCluster(t.Context(), s.tenant, "farm", ch, ChangeOptions{DryRun: true})
				switch want := c.can[op]; {
				case want == no && fault.KindOf(err) != fault.Refused:
					t.Errorf("%s: %v, want a refusal", op, err)
				case want != no && err != nil:
					t.Errorf("%s: %v", op, err)
				case want != no && got.Version != farm.Version:
					t.Errorf("%s: a dry run has version %d, the cluster %d", op, got.Version, farm.Version)
				}
				if s.fingerprint() != before {
					t.Errorf("a dry run of %s changed something", op)
				}
			}
			s.inStep()
		})
	}
}

func TestExtendAndShorten(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Active)
	identities := s.identities("farm")
	got, err := s.change(Change{Operation: Extend, By: 30 * time.Minute})
	s.must(err)
	if want := farm.End.Add(30 * time.Minute); !got.End.Equal(want) || !got.Spec.End.Equal(want) || got.Version <= farm.Version {
		t.Fatalf("ends %v, want %v", got.End, want)
	}
	s.settle()
	if now := s.identities("farm"); now != identities {
		t.Errorf("a longer window is something to the guests:\n%s\n%s", identities, now)
	}
	s.pass(farm.End.Sub(s.now) + time.Minute)
	s.wantState("farm", cluster.Active)
	s.restart()
	s.settle()
	end := s.now.Add(5 * time.Minute)
	if _, err := s.change(Change{Operation: Shorten, End: end}); err != nil {
		t.Fatal(err)
	}
	s.pass(end.Sub(s.now) - time.Second)
	s.wantState("farm", cluster.Active)
	if _, err := s.change(Change{Operation: Extend, By: time.Hour}); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "too late") {
		t.Errorf("extended at the last moment: %v", err)
	}
	s.pass(time.Second)
	s.wantState("farm", cluster.Ended)
	s.wantEvent("farm", "changed", "extended by request")
	s.wantEvent("farm", "changed", "shortened by request")
}

// identities are all that the guests of a cluster are told.
func (s *site) identities(name string) string {
	s.t.Helper()
	f, err := s.m.dossier(s.t.Context(), s.cluster(name))
	s.must(err)
	var b strings.Builder
	for _, n := range sortedKeys(f.identities) {
		id := f.identities[n]
		b.WriteString(n + ":")
		for _, h := range id.Hosts {
			b.WriteString(" " + h.Name + "=" + h.Address + "=" + h.HostKey)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *site) wantEvent(name, kind, text string) {
	s.t.Helper()
	events, err := s.m.Events(s.t.Context(), s.tenant, name, 0)
	s.must(err)
	if !slices.ContainsFunc(events, func(e cluster.Event) bool { return e.Type == kind && strings.Contains(e.Message, text) }) {
		s.t.Errorf("no event %s of %q: %+v", kind, text, events)
	}
}

func TestWrongChangesListEverything(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Booked)
	for _, c := range []struct {
		name string
		ch   Change
		want []string
	}{
		{"extend backwards", Change{Operation: Extend, End: farm.End}, []string{"end: ", "shorten it instead"}},
		{"extend for years", Change{Operation: Extend, By: cluster.MaxWindow}, []string{"longer than"}},
		{"extend by both", Change{Operation: Extend, By: time.Hour, End: farm.End.Add(time.Hour)}, []string{"either"}},
		{"extend by nothing", Change{Operation: Extend}, []string{"either"}},
		{"shorten to before the start and now", Change{Operation: Shorten, End: s.now}, []string{"not after the start", "not after now"}},
		{"move to the past, inside out", Change{Operation: Move, Start: s.now.Add(-time.Hour), End: s.now.Add(-2 * time.Hour)}, []string{"in the past", "not after start"}},
		{"grow the gateway by nothing", Change{Operation: Grow, Appliance: "gateway"}, []string{"exactly one gateway", "at least 1"}},
		{"grow what is not there", Change{Operation: Grow, Appliance: "web", Count: 9999}, []string{`"web"; it has compute`, "at most 4096"}},
		{"shrink the gateway and nobody", Change{Operation: Shrink, Nodes: []string{"gateway", "compute-7"}}, []string{"gateway cannot go", `no node "compute-7"`}},
		{"shrink by too many", Change{Operation: Shrink, Count: 3}, []string{"3 nodes fewer: the cluster has 2"}},
		{"shrink by both", Change{Operation: Shrink, Count: 1, Nodes: []string{"compute-0"}}, []string{"either"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.fingerprint()
			_, err := s.change(c.ch)
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("%v is not invalid", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("lacks %q: %v", w, err)
				}
			}
			if s.fingerprint() != before {
				t.Error("something changed")
			}
		})
	}
	if _, err := s.m.ChangeCluster(t.Context(), s.tenant, "farm", Change{Operation: Grow, Count: 1}, ChangeOptions{IfMatch: 99}); fault.KindOf(err) != fault.Precondition {
		t.Errorf("another version: %v", err)
	}
	if _, err := s.m.ChangeCluster(t.Context(), s.other, "farm", Change{Operation: Grow, Count: 1}, ChangeOptions{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("another tenant: %v", err)
	}
}

func TestMoveBeforePreparation(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Booked)
	start := farm.Start.Add(3 * time.Hour)
	got, err := s.change(Change{Operation: Move, Start: start})
	s.must(err)
	if !got.Start.Equal(start) || got.End.Sub(got.Start) != time.Hour || !got.PrepareAt.After(farm.Start) {
		t.Fatalf("moved to %v…%v, prepared from %v", got.Start, got.End, got.PrepareAt)
	}
	s.settle()
	b, _ := s.m.ledger.Booking(farm.ID)
	if !b.From.Equal(got.PrepareAt) || !b.Request.Start.Equal(start) {
		t.Errorf("the calendar holds %v…%v", b.From, b.To)
	}
	s.pass(farm.Start.Sub(s.now) + time.Minute)
	s.wantState("farm", cluster.Booked)
	s.pass(start.Sub(s.now) + time.Second)
	s.wantState("farm", cluster.Active)
}

func TestGrowAndShrinkBeforePreparation(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Booked)
	got, err := s.change(Change{Operation: Grow, Count: 2})
	s.must(err)
	if len(got.Nodes) != 5 || got.Nodes[4].Name != "compute-3" || got.Nodes[4].Joining || got.Nodes[4].Pnode == "" || got.Spec.Nodes[1].Count != 4 {
		t.Fatalf("grown to %+v", got.Nodes)
	}
	got, err = s.change(Change{Operation: Shrink, Nodes: []string{"compute-0", "compute-2"}})
	s.must(err)
	if names := nodeNames(got); names != "gateway compute-1 compute-3" || got.Spec.Nodes[1].Count != 2 {
		t.Fatalf("shrunk to %s", names)
	}
	if was, is := farm.Nodes[2].Leg(cluster.PrivateNetwork), got.Nodes[1].Leg(cluster.PrivateNetwork); was != is {
		t.Errorf("compute-1 had %v and has %v", was, is)
	}
	s.pass(farm.Start.Sub(s.now) + time.Second)
	s.wantState("farm", cluster.Active)
}

func nodeNames(c cluster.Cluster) string {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	return strings.Join(names, " ")
}

// A vnode joins a running cluster: nobody but itself knows it before it is up,
// and nobody else changes.
func TestGrowWhileRunning(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Active)
	for _, p := range s.pnodes {
		p.slow["farm/compute-2"] = true
	}
	before := s.identities("farm")
	got, err := s.change(Change{Operation: Grow, Count: 1})
	s.must(err)
	if n := got.Nodes[3]; n.Name != "compute-2" || !n.Joining || n.Leg(cluster.PrivateNetwork).Address != "10.1.0.12" {
		t.Fatalf("grown by %+v", n)
	}
	s.settle()
	for line := range strings.Lines(before) {
		if !strings.Contains(s.identities("farm"), line) {
			t.Errorf("somebody knows of a vnode that is not up:\n%s", s.identities("farm"))
		}
	}
	s.restart()
	s.settle()
	for _, p := range s.pnodes {
		delete(p.slow, "farm/compute-2")
	}
	s.settle()
	got = s.wantState("farm", cluster.Active)
	if got.Nodes[3].Joining || got.Nodes[3].State != cluster.NodeReady || strings.Count(s.identities("farm"), "compute-2=10.1.0.12=") != 4 {
		t.Fatalf("not joined: %+v\n%s", got.Nodes[3], s.identities("farm"))
	}
	for i := range farm.Nodes {
		if got.Nodes[i].Pnode != farm.Nodes[i].Pnode || got.Nodes[i].Leg(cluster.PrivateNetwork) != farm.Nodes[i].Leg(cluster.PrivateNetwork) {
			t.Errorf("%s changed", farm.Nodes[i].Name)
		}
	}
	s.wantEvent("farm", "changed", "grown by request: compute-2")
	s.wantEvent("farm", "node", "joined")
	s.pass(got.End.Sub(s.now) + time.Second)
	s.wantState("farm", cluster.Ended)
}

// A vnode that leaves is forgotten at once by the others, and holds its place
// until its pnode says that nothing of it is left; its name is free then.
func TestShrinkWhileRunning(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Active)
	host := farm.Nodes[1].Pnode
	key := farm.Nodes[1].HostKeys[0]
	s.pnodes[host].dead = true
	_, err := s.change(Change{Operation: Shrink, Nodes: []string{"compute-0"}})
	s.must(err)
	s.settle()
	got := s.wantState("farm", cluster.Active)
	if len(got.Nodes) != 3 || !got.Nodes[1].Leaving || strings.Count(s.identities("farm"), " compute-0=") != 1 {
		t.Fatalf("%+v\n%s", got.Nodes, s.identities("farm"))
	}
	if b, _ := s.m.ledger.Booking(farm.ID); len(b.Vnodes) != 3 {
		t.Errorf("its place is given away before it is gone: %v", b.Vnodes)
	}
	if again, err := s.change(Change{Operation: Shrink, Nodes: []string{"compute-0"}}); err != nil || again.Version != got.Version {
		t.Errorf("asking twice: version %d after %d, %v", again.Version, got.Version, err)
	}
	s.restart()
	s.settle()
	s.pnodes[host].dead = false
	s.settle()
	if got = s.cluster("farm"); nodeNames(got) != "gateway compute-1" {
		t.Fatalf("still %s", nodeNames(got))
	}
	got, err = s.change(Change{Operation: Grow, Count: 1})
	s.must(err)
	n := got.Nodes[2]
	if n.Name != "compute-0" || n.HostKeys[0] == key || n.Leg(cluster.PrivateNetwork).Address != "10.1.0.10" {
		t.Errorf("grown by %+v", n)
	}
	s.settle()
	if !strings.Contains(s.identities("farm"), "compute-0=10.1.0.10="+n.HostKeys[0]) {
		t.Errorf("the others know compute-0 by another key than %s:\n%s", n.HostKeys[0], s.identities("farm"))
	}
	if got = s.cluster("farm"); got.Nodes[2].State != cluster.NodeReady {
		t.Errorf("the new compute-0 is %+v", got.Nodes[2])
	}
}

// A cluster that is being prepared does not wait for what joins it.
func TestAJoiningVnodeHoldsNoStartUp(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Preparing)
	for _, p := range s.pnodes {
		p.fails["farm/compute-2"] = true
	}
	_, err := s.change(Change{Operation: Grow, Count: 1})
	s.must(err)
	s.settle()
	s.wantState("farm", cluster.Preparing)
	for _, p := range s.pnodes {
		delete(p.slow, "farm/compute-1")
	}
	s.settle()
	s.wantState("farm", cluster.Ready)
	s.pass(farm.Start.Sub(s.now) + time.Second)
	got := s.wantState("farm", cluster.Active)
	if got.Nodes[3].State != cluster.NodeFailed || s.m.files[farm.ID].Incarnations["compute-2"] != retries {
		t.Errorf("compute-2 is %+v", got.Nodes[3])
	}
	_, err = s.change(Change{Operation: Shrink, Count: 1})
	s.must(err)
	s.settle()
	if got = s.cluster("farm"); nodeNames(got) != "gateway compute-0 compute-1" {
		t.Errorf("still %s", nodeNames(got))
	}
}

// A cluster that is begun never moves a vnode to make room for itself; one that
// is only booked does.
func TestVnodesThatAreThereStay(t *testing.T) {
	for state, moves := range map[cluster.State]bool{cluster.Booked: true, cluster.Preparing: false, cluster.Ready: false, cluster.Active: false} {
		t.Run(string(state), func(t *testing.T) {
			s := newSite(t)
			farm := s.farmIn(state)
			_, err := s.book(s.tenant, func(sp *cluster.Spec) {
				sp.Name, sp.Start, sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = "next", farm.End.Add(20*time.Minute), 2, 1900
			})
			s.must(err)
			got, err := s.change(Change{Operation: Extend, By: time.Hour})
			switch {
			case !moves && fault.KindOf(err) != fault.Refused:
				t.Errorf("a vnode that is there would have to move: %v", err)
			case moves && (err != nil || got.Nodes[1].Pnode == farm.Nodes[1].Pnode):
				t.Errorf("compute-0 of a cluster that is only booked stays on %s: %v", farm.Nodes[1].Pnode, err)
			}
			s.settle()
		})
	}
}

// A running cluster never moves a vnode to make room for itself.
func TestChangesThatDoNotFit(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Active)
	_, err := s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Name, sp.Start, sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = "next", farm.End.Add(20*time.Minute), 3, 1900
	})
	s.must(err)
	before := s.fingerprint()
	_, err = s.change(Change{Operation: Extend, By: time.Hour})
	if fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "stay on pnode") || !strings.Contains(err.Error(), "your cluster next until") {
		t.Fatalf("extended into another cluster: %v", err)
	}
	_, err = s.change(Change{Operation: Grow, Count: 12})
	if fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "compute fit") {
		t.Fatalf("grown out of the site: %v", err)
	}
	if s.fingerprint() != before {
		t.Error("a refused change changed something")
	}
	s.inStep()
}

// What vnodes say of being used is told of a running cluster, and not kept.
func TestUseIsTold(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Active)
	since := s.now.Add(-time.Minute)
	s.m.mu.Lock()
	for name, r := range s.m.reports {
		for i := range r.Clusters {
			for j := range r.Clusters[i].Vnodes {
				v := &r.Clusters[i].Vnodes[j]
				if v.Name == "gateway" {
					v.Sessions = 2
				} else {
					v.IdleSince = &since
				}
			}
		}
		s.m.reports[name] = r
	}
	s.m.mu.Unlock()
	got, err := s.m.Cluster(t.Context(), s.tenant, "farm")
	s.must(err)
	if got.Nodes[0].Sessions != 2 || got.Nodes[0].IdleSince != nil || got.Nodes[1].Sessions != 0 || !got.Nodes[1].IdleSince.Equal(since) {
		t.Errorf("%+v", got.Nodes)
	}
	if got.Version != farm.Version {
		t.Errorf("version %d after %d", got.Version, farm.Version)
	}
}
