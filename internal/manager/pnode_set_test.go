package manager

import (
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func (s *site) set(name string, change PnodeChange) (PnodeInfo, error) {
	return s.m.SetPnode(s.t.Context(), s.boss, name, change, 0)
}

func (s *site) lastEvent(name string) string {
	s.t.Helper()
	events, err := s.m.Events(s.t.Context(), s.tenant, name, 0)
	s.must(err)
	return events[len(events)-1].Message
}

func condition(c cluster.Cluster, kind string) cluster.Condition {
	if i := slices.IndexFunc(c.Conditions, func(o cluster.Condition) bool { return o.Type == kind }); i >= 0 {
		return c.Conditions[i]
	}
	return cluster.Condition{}
}

// Whatever the provider changes, booked clusters are planned anew for it and
// told why.
func TestBookedClusterMovesWhenItsPnodeIsSet(t *testing.T) {
	for name, change := range map[string]struct {
		do  func(s *site, pnode string, c cluster.Cluster)
		why string
	}{
		"maintenance": {func(s *site, pnode string, c cluster.Cluster) {
			_, err := s.set(pnode, PnodeChange{Maintenance: &[]calendar.Window{{From: c.End.Add(-time.Minute), To: c.End}}})
			s.must(err)
		}, "is in maintenance then: placed on"},
		"less memory given away": {func(s *site, pnode string, c cluster.Cluster) {
			_, err := s.set(pnode, PnodeChange{Overcommit: &calendar.Overcommit{Memory: 20}})
			s.must(err)
		}, "has too little of memory: placed on"},
		"tag gone": {func(s *site, pnode string, c cluster.Cluster) {
			_, err := s.set(pnode, PnodeChange{Tags: &[]string{}})
			s.must(err)
		}, "lacks ssd: placed on"},
		"agent reports less": {func(s *site, pnode string, c cluster.Cluster) {
			s.pnodes[pnode].facts.CPUs = 0
		}, "has too little of cpus: placed on"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for _, p := range []string{"p1", "p2", "p3"} {
				_, err := s.set(p, PnodeChange{Tags: &[]string{"ssd"}})
				s.must(err)
			}
			c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Require = []string{"ssd"} })
			s.must(err)
			s.settle()
			old := c.Nodes[1].Pnode
			change.do(s, old, c)
			s.settle()
			got := s.wantState("farm", cluster.Booked)
			if got.Nodes[1].Pnode == old || got.Nodes[2].Pnode != c.Nodes[2].Pnode {
				t.Fatalf("planned on %s and %s, was %s and %s", got.Nodes[1].Pnode, got.Nodes[2].Pnode, old, c.Nodes[2].Pnode)
			}
			if told := s.lastEvent("farm"); !strings.Contains(told, "pnode "+old+" "+change.why) {
				t.Fatalf("told %q", told)
			}
			s.restart()
			s.settle() // it is durable
		})
	}
}

// Where there is no room elsewhere a booked cluster is said to be at risk,
// and no longer once there is.
func TestAtRiskUntilThereIsRoom(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	_, err = s.set("gw1", PnodeChange{Maintenance: &[]calendar.Window{{From: c.Start, To: c.End}}})
	s.must(err)
	s.settle()
	if got := condition(s.cluster("farm"), cluster.ConditionOnTime); got.Reason != "AtRisk" || !strings.Contains(got.Message, "gw1 is in maintenance then, and there is no room elsewhere for gateway") {
		t.Fatalf("%+v", got)
	}
	_, err = s.set("gw1", PnodeChange{Maintenance: &[]calendar.Window{}})
	s.must(err)
	s.settle()
	if got := condition(s.cluster("farm"), cluster.ConditionOnTime); got.Status != "True" {
		t.Fatalf("%+v", got)
	}
}

// A cluster that has begun stays: a window over it is refused, and what comes
// over its pnode all the same is said.
func TestBegunClusterStays(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.pass(c.Start.Sub(s.now))
	s.wantState("farm", cluster.Active)
	window := []calendar.Window{{From: c.End.Add(-time.Minute), To: c.End.Add(time.Hour)}}
	_, err = s.set("gw1", PnodeChange{Maintenance: &window})
	if fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "maintenance[0]") || !strings.Contains(err.Error(), "demo/farm (active)") {
		t.Fatal(err)
	}
	window[0].From = c.End.Add(wipeTimeOf(c))
	_, err = s.set("gw1", PnodeChange{Maintenance: &window})
	s.must(err)
	_, err = s.m.SetSite(t.Context(), s.boss, SiteChange{Overcommit: &calendar.Overcommit{Memory: 30}}, 0)
	s.must(err)
	s.settle()
	got := s.wantState("farm", cluster.Active)
	if placed := condition(got, cluster.ConditionPlaced); placed.Status != "False" || !strings.Contains(placed.Message, "pnode gw1 has too little of memory") {
		t.Fatalf("%+v", got.Conditions)
	}
	if told := s.lastEvent("farm"); !strings.Contains(told, "the cluster has begun and stays") {
		t.Fatalf("told %q", told)
	}
	for i := range got.Nodes {
		if got.Nodes[i].Pnode != c.Nodes[i].Pnode {
			t.Fatalf("%s moved to %s", got.Nodes[i].Name, got.Nodes[i].Pnode)
		}
	}
	_, err = s.m.SetSite(t.Context(), s.boss, SiteChange{Overcommit: &calendar.Overcommit{Memory: 150}}, 0)
	s.must(err)
	s.settle()
	if placed := condition(s.cluster("farm"), cluster.ConditionPlaced); placed.Status != "True" {
		t.Fatalf("%+v", placed)
	}
}

// Ratios count at once, outlive the manager, and a pnode's own come first.
func TestOvercommit(t *testing.T) {
	s := newSite(t)
	big := func(sp *cluster.Spec) { sp.Nodes[0].Count = 15 }
	if _, err := s.book(s.tenant, big); fault.KindOf(err) != fault.Refused {
		t.Fatal(err)
	}
	info, err := s.m.SetSite(t.Context(), s.boss, SiteChange{Overcommit: &calendar.Overcommit{CPUs: 400, Memory: 200}}, 0)
	s.must(err)
	if info.SiteSettings.Version != 1 || info.Offers.CPUs != 64 || info.Offers.MemoryMiB != 4*4096 {
		t.Fatalf("%+v", info)
	}
	if _, err := s.m.SetSite(t.Context(), s.boss, SiteChange{Overcommit: &calendar.Overcommit{}}, 7); fault.KindOf(err) != fault.Precondition {
		t.Fatal(err)
	}
	s.restart()
	s.settle()
	_, err = s.book(s.tenant, big)
	s.must(err)
	node, err := s.set("p1", PnodeChange{Overcommit: &calendar.Overcommit{CPUs: 100}})
	s.must(err)
	if node.Offers != (calendar.Size{CPUs: 4, MemoryMiB: 4096, DiskMiB: 20000}) {
		t.Fatalf("%+v", node.Offers)
	}
}

// What is wrong is refused with every fault, and changes nothing.
func TestWrongSettings(t *testing.T) {
	s := newSite(t)
	rack, note := "no rack", strings.Repeat("x", 501)
	_, err := s.set("p1", PnodeChange{
		Rack: &rack, Note: &note, Tags: &[]string{"uplink", "A", "b", "b"}, Overcommit: &calendar.Overcommit{CPUs: -1, Disk: 10001},
		Maintenance: &[]calendar.Window{{From: s.now, To: s.now}},
	})
	if fault.KindOf(err) != fault.Invalid {
		t.Fatal(err)
	}
	for _, field := range []string{"rack", "note", "tags[0]", "tags[2]", "tags[3]", "maintenance[0]", "overcommit.cpus", "overcommit.disk"} {
		if !strings.Contains(err.Error(), field+": ") {
			t.Errorf("%q is not named: %v", field, err)
		}
	}
	_, err = s.set("p1", PnodeChange{Maintenance: &[]calendar.Window{{From: s.now.Add(-2 * time.Hour), To: s.now.Add(-time.Hour)}}})
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "is over") {
		t.Fatal(err)
	}
	if _, err := s.m.SetPnode(t.Context(), s.tenant, "p1", PnodeChange{}, 0); fault.KindOf(err) != fault.Forbidden {
		t.Fatal(err)
	}
	if _, err := s.m.SetPnode(t.Context(), s.boss, "p1", PnodeChange{}, 99); fault.KindOf(err) != fault.Precondition {
		t.Fatal(err)
	}
	if _, err := s.set("p9", PnodeChange{}); fault.KindOf(err) != fault.NotFound {
		t.Fatal(err)
	}
	before, err := s.m.Pnode(t.Context(), s.boss, "p1")
	s.must(err)
	if before.Settings.Rack != "" || before.Settings.Tags != nil {
		t.Fatalf("%+v", before.Settings)
	}
}
