package manager

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/pki"
	"quarry/internal/roll"
	"quarry/internal/store"
)

func TestLife(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	if c.VLAN != 100 || c.Gateway.OutsideAddress != "203.0.113.100" || c.Nodes[0].Pnode != "gw1" {
		t.Fatalf("booked %+v", c)
	}
	s.settle()
	if s.images.builds != 2 {
		t.Fatalf("%d images made after booking, want one for each appliance", s.images.builds)
	}
	s.pass(c.PrepareAt.Sub(s.now) - time.Second)
	s.wantState("farm", cluster.Booked)
	s.pass(2 * time.Second)
	got := s.wantState("farm", cluster.Ready)
	if got.ReadyAt == nil || !got.ReadyAt.Before(got.Start) || got.SlackSeconds <= 0 {
		t.Fatalf("ready %v, start %v, slack %v", got.ReadyAt, got.Start, got.SlackSeconds)
	}
	s.pass(got.Start.Sub(s.now) - time.Second)
	if got := s.wantState("farm", cluster.Ready); got.ActiveAt != nil {
		t.Fatal("handed over before its start")
	}
	s.pass(time.Second)
	got = s.wantState("farm", cluster.Active)
	if !got.ActiveAt.Equal(got.Start) {
		t.Fatalf("handed over at %v, start %v", got.ActiveAt, got.Start)
	}
	s.pass(got.End.Sub(s.now) - time.Second)
	s.wantState("farm", cluster.Active)
	s.pass(time.Second)
	got = s.wantState("farm", cluster.Ended)
	if i := slices.IndexFunc(got.Conditions, func(c cluster.Condition) bool { return c.Type == cluster.ConditionClean }); i < 0 || got.Conditions[i].Status != "True" {
		t.Fatalf("conditions after the end: %+v", got.Conditions)
	}
	s.must(s.st.View(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.ClusterSecrets(c.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("secrets outlive the cluster: %v", err)
		}
		return nil
	}))
	events, err := s.m.Events(t.Context(), s.tenant, "farm", 0)
	s.must(err)
	var kinds []string
	for _, e := range events {
		if e.Type != "node" {
			kinds = append(kinds, e.Type)
		}
	}
	if want := []string{"booked", "preparing", "ready", "active", "ending", "ended"}; !slices.Equal(kinds, want) {
		t.Fatalf("events %v, want %v", kinds, want)
	}
	if _, err := s.book(s.tenant, nil); err != nil {
		t.Fatalf("the name is free again: %v", err)
	}
	if s.images.builds != 2 {
		t.Fatal("a second cluster of the same profiles made images again")
	}
}

func TestRefusals(t *testing.T) {
	s := newSite(t)
	s.images.unknown = []string{"htcondor-nonsense"}
	for _, c := range []struct {
		name   string
		change func(*cluster.Spec)
		kind   fault.Kind
		want   []string // fields or words that the answer has
	}{
		{"many faults at once", func(sp *cluster.Spec) {
			sp.Name, sp.Rolls = "No Label", []string{"condr"}
			sp.Nodes[0].MemoryMiB, sp.SSHKeys, sp.TimeZone = -1, []string{"not a key"}, "Mars/Olympus"
			sp.End, sp.Duration = sp.Start.Add(-time.Hour), 0
		}, fault.Invalid, []string{"spec.name", "spec.rolls[0]", `"condr"`, "spec.nodes[1].memoryMiB", "spec.sshKeys[0]", "spec.timeZone", "spec.end"}},
		{"start in the past", func(sp *cluster.Spec) { sp.Start = s.now.Add(-time.Minute) }, fault.Invalid, []string{"spec.start", "in the past"}},
		{"unknown package", func(sp *cluster.Spec) { sp.Parameters = map[string]string{"base.packages": "htcondor-nonsense"} }, fault.Invalid, []string{"htcondor-nonsense"}},
		{"unknown parameter", func(sp *cluster.Spec) { sp.Parameters = map[string]string{"condor.slotz": "static"} }, fault.Invalid, []string{"spec.parameters.condor.slotz"}},
		{"unknown appliance", func(sp *cluster.Spec) { sp.Nodes[0].Appliance = "database" }, fault.Invalid, []string{"spec.nodes[1].appliance", "compute"}},
		{"more than fits", func(sp *cluster.Spec) { sp.Nodes[0].Count = 15 }, fault.Refused, []string{"p1 has 1 CPUs", "11 of 15 compute", "does not fit at any time", "alternative: fewer", "alternative: smaller", "alternative: split"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.book(s.tenant, c.change)
			if fault.KindOf(err) != c.kind {
				t.Fatalf("%v is %q, want %q", err, fault.KindOf(err), c.kind)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the answer lacks %q: %v", w, err)
				}
			}
		})
	}
	all, err := s.m.Clusters(t.Context(), s.boss, true)
	s.must(err)
	if len(all) != 0 {
		t.Fatalf("refused requests left %v", all)
	}
}

func TestFullSaysWhenItFits(t *testing.T) {
	s := newSite(t)
	_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Count = 6; sp.Nodes[0].CPUs = 1 })
	s.must(err)
	big := func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = "second", 3, 1500 }
	_, err = s.book(s.tenant, big)
	if fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "alternative: later: all of it from") || !strings.Contains(err.Error(), "your cluster farm until") {
		t.Fatalf("got %v", err)
	}
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { big(sp); sp.Start, sp.StartMode = time.Time{}, cluster.StartASAP })
	s.must(err)
	if first := s.cluster("farm"); c.PrepareAt.Before(first.End) {
		t.Fatalf("asap prepares at %v while the first holds everything until %v", c.PrepareAt, first.End)
	}
}

func TestPoolsAndTenants(t *testing.T) {
	s := newSite(t)
	small := func(sp *cluster.Spec) { sp.Nodes[0].Count = 1; sp.Nodes[0].MemoryMiB = 256 }
	a, err := s.book(s.tenant, small)
	s.must(err)
	b, err := s.book(s.other, small)
	s.must(err)
	if a.VLAN == b.VLAN || a.Gateway.OutsideAddress == b.Gateway.OutsideAddress || a.Spec.Network != b.Spec.Network {
		t.Fatalf("two clusters share %d/%d %s/%s", a.VLAN, b.VLAN, a.Gateway.OutsideAddress, b.Gateway.OutsideAddress)
	}
	if _, err := s.book(s.tenant, small); fault.KindOf(err) != fault.Conflict {
		t.Fatalf("same name twice: %v", err)
	}
	_, err = s.book(s.other, func(sp *cluster.Spec) { small(sp); sp.Name = "mine" })
	s.must(err)
	if _, err := s.m.Cluster(t.Context(), s.tenant, "mine"); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("another tenant's cluster: %v", err)
	}
	if _, err := s.m.EndCluster(t.Context(), s.tenant, "mine", 0); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("ending another tenant's cluster: %v", err)
	}
	if _, err := s.m.Cluster(t.Context(), s.boss, "other/mine"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.m.Pnodes(t.Context(), s.tenant); fault.KindOf(err) != fault.Forbidden {
		t.Fatalf("a tenant lists pnodes: %v", err)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	s := newSite(t)
	spec := cluster.Spec{Name: "farm", Rolls: []string{"condor"}, StartMode: cluster.StartASAP, Nodes: []cluster.Group{{Appliance: "compute", Count: 2}}}
	before := s.fingerprint()
	c, err := s.m.CreateCluster(t.Context(), s.tenant, spec, true)
	s.must(err)
	if c.Start.IsZero() || c.Nodes[1].Pnode == "" {
		t.Fatalf("a dry run tells the whole answer: %+v", c)
	}
	if s.fingerprint() != before {
		t.Fatal("a dry run changed something")
	}
}

func TestLostPnodeIsReplaced(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.pass(c.PrepareAt.Sub(s.now) + 10*time.Second)
	old := s.wantState("farm", cluster.Ready).Nodes[1].Pnode
	s.pnodes[old].dead = true
	s.pass(time.Minute)
	got := s.wantState("farm", cluster.Ready)
	if got.Nodes[1].Pnode == old || got.Nodes[2].Pnode == old {
		t.Fatalf("still on the lost %s: %+v", old, got.Nodes)
	}
	s.pnodes[old].dead = false
	s.pass(20 * time.Second)
	if d, _, _ := s.m.Desired(t.Context(), old); len(d.Clusters) != 0 {
		t.Fatalf("%s is back and told to keep %+v", old, d.Clusters)
	}
}

func TestLostGatewayPnodeIsToldBeforeTheStart(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.pnodes["gw1"].slow["farm/gateway"] = true
	s.pass(c.PrepareAt.Sub(s.now) + 10*time.Second)
	s.wantState("farm", cluster.Preparing)
	s.pnodes["gw1"].dead = true
	s.pass(time.Minute)
	got := s.wantState("farm", cluster.Preparing)
	if i := slices.IndexFunc(got.Conditions, func(c cluster.Condition) bool { return c.Type == cluster.ConditionOnTime }); got.Conditions[i].Status != "False" {
		t.Fatalf("nothing is said: %+v", got.Conditions)
	}
	s.pnodes["gw1"].dead, s.pnodes["gw1"].slow = false, nil
	s.pass(20 * time.Second)
	s.wantState("farm", cluster.Ready)
}

func TestFailingScriptIsTriedAgainThenFails(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	for _, p := range s.pnodes {
		p.fails["farm/compute-1"] = true
	}
	s.pass(c.PrepareAt.Sub(s.now) + time.Minute)
	got := s.wantState("farm", cluster.Failed)
	if got.EndedAt == nil {
		t.Fatal("a failed cluster was not cleaned up")
	}
	events, err := s.m.Events(t.Context(), s.tenant, "farm", 0)
	s.must(err)
	var again, failed bool
	for _, e := range events {
		again = again || e.Type == "warning" && strings.Contains(e.Message, "made anew")
		failed = failed || e.Type == "failed" && strings.Contains(e.Message, "no such user")
	}
	if !again || !failed {
		t.Fatalf("events %+v", events)
	}
}

func TestFailedBuildIsRepeated(t *testing.T) {
	s := newSite(t)
	s.images.fail = errBroken
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.settle()
	s.pass(c.PrepareAt.Sub(s.now) + 10*time.Second)
	s.wantState("farm", cluster.Ready)
}

func TestLateIsSaid(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.StartMode = cluster.StartNow })
	s.must(err)
	if !c.Start.Equal(s.now) {
		t.Fatalf("now starts at %v, it is %v", c.Start, s.now)
	}
	s.pnodes["gw1"].slow["farm/gateway"] = true
	s.pass(30 * time.Second)
	got := s.wantState("farm", cluster.Preparing)
	if got.ActiveAt != nil {
		t.Fatal("handed over before it was ready")
	}
	s.pnodes["gw1"].slow = nil
	s.pass(10 * time.Second)
	if got := s.wantState("farm", cluster.Active); got.SlackSeconds >= 0 {
		t.Fatalf("late by %v", got.SlackSeconds)
	}
}

func TestRestartedManagerKeepsEverything(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.pass(c.PrepareAt.Sub(s.now) + 10*time.Second)
	old, _, _ := s.m.Desired(t.Context(), "gw1")
	s.restart()
	if _, ok, _ := s.m.Desired(t.Context(), "gw1"); ok {
		t.Fatal("a manager that looked at nothing yet says what it wants")
	}
	s.settle()
	again, _, _ := s.m.Desired(t.Context(), "gw1")
	if !again.Newer(old) || len(again.Clusters) != 1 {
		t.Fatalf("after the restart %+v", again)
	}
	if a, b := old.Clusters[0].Vnodes[0].Identity.HostKeys["ed25519"], again.Clusters[0].Vnodes[0].Identity.HostKeys["ed25519"]; a != b || a == "" {
		t.Fatal("the host key changed")
	}
	s.wantState("farm", cluster.Ready)
	s.pass(c.Start.Sub(s.now))
	s.wantState("farm", cluster.Active)
}

func TestCancelAndEnd(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	if _, err := s.m.EndCluster(t.Context(), s.tenant, "farm", 0); fault.KindOf(err) != fault.Refused {
		t.Fatalf("ending before it began: %v", err)
	}
	_, err = s.m.CancelCluster(t.Context(), s.tenant, "farm", c.Version+7)
	if fault.KindOf(err) != fault.Precondition {
		t.Fatalf("stale version: %v", err)
	}
	for range 2 {
		got, err := s.m.CancelCluster(t.Context(), s.tenant, "farm", 0)
		s.must(err)
		if got.State != cluster.Cancelled || got.EndedAt == nil {
			t.Fatalf("%+v", got)
		}
	}
	c, err = s.book(s.tenant, nil)
	s.must(err)
	s.pass(c.PrepareAt.Sub(s.now) + 10*time.Second)
	_, err = s.m.CancelCluster(t.Context(), s.tenant, "farm", 0)
	s.must(err)
	if got := s.cluster("farm"); got.EndedAt != nil {
		t.Fatal("over before anything was wiped")
	}
	s.settle()
	if got := s.wantState("farm", cluster.Cancelled); got.EndedAt == nil {
		t.Fatal("never wiped")
	}
	c, err = s.book(s.tenant, func(sp *cluster.Spec) { sp.StartMode = cluster.StartASAP; sp.Start = time.Time{} })
	s.must(err)
	s.pass(c.Start.Sub(s.now))
	s.wantState("farm", cluster.Active)
	if _, err := s.m.CancelCluster(t.Context(), s.tenant, "farm", 0); fault.KindOf(err) != fault.Refused {
		t.Fatalf("cancel after the start: %v", err)
	}
	_, err = s.m.EndCluster(t.Context(), s.tenant, "farm", 0)
	s.must(err)
	s.settle()
	s.wantState("farm", cluster.Ended)
}

func TestPnodeLostAtTheEndDoesNotHoldTheCluster(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.pass(c.Start.Sub(s.now) + time.Minute)
	s.pnodes[s.wantState("farm", cluster.Active).Nodes[1].Pnode].dead = true
	s.pass(c.End.Sub(s.now) + 2*time.Minute)
	s.wantState("farm", cluster.Ending)
	s.pass(giveUpAfter)
	got := s.wantState("farm", cluster.Ended)
	if i := slices.IndexFunc(got.Conditions, func(c cluster.Condition) bool { return c.Type == cluster.ConditionClean }); got.Conditions[i].Status != "Unknown" {
		t.Fatalf("%+v", got.Conditions)
	}
}

func TestCredentials(t *testing.T) {
	s := newSite(t)
	tok, err := s.m.CreateToken(t.Context(), s.boss, "demo", time.Hour)
	s.must(err)
	p, err := s.m.Authenticate(t.Context(), tok.Secret)
	s.must(err)
	if p.Role != RoleTenant || p.Tenant != "demo" {
		t.Fatalf("%+v", p)
	}
	list, err := s.m.Tokens(t.Context(), s.tenant)
	s.must(err)
	if len(list) != 1 || list[0].LastUsed == nil || !list[0].LastUsed.Equal(s.now) || list[0].Secret != "" {
		t.Fatalf("tokens of the tenant: %+v", list)
	}
	refused := func(secret string) {
		t.Helper()
		if _, err := s.m.Authenticate(t.Context(), secret); fault.KindOf(err) != fault.Unauthorized {
			t.Errorf("%q was let in: %v", secret, err)
		}
	}
	refused("")
	refused("quarry_unknown")
	refused(tok.Secret + "x")
	s.now = s.now.Add(time.Hour)
	refused(tok.Secret)
	tok, err = s.m.CreateToken(t.Context(), s.boss, "demo", 0)
	s.must(err)
	if err := s.m.RevokeToken(t.Context(), s.other, tok.ID); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("another tenant revokes: %v", err)
	}
	s.must(s.m.RevokeToken(t.Context(), s.boss, tok.ID))
	refused(tok.Secret)
}

func TestEnrolment(t *testing.T) {
	s := newSite(t)
	_, csr, err := pki.NewRequest("p9")
	s.must(err)
	e, err := s.m.PnodeToken(t.Context(), s.boss, "p9", time.Minute)
	s.must(err)
	refused := func(token, name string) {
		t.Helper()
		if _, _, err := s.m.Enroll(t.Context(), token, name, csr); fault.KindOf(err) != fault.Unauthorized {
			t.Errorf("%s enrolled: %v", name, err)
		}
	}
	refused("quarry_enrol_unknown", "p9")
	refused(e.Token, "p8")
	if _, _, err := s.m.Enroll(t.Context(), e.Token, "p9", csr); err != nil {
		t.Fatal(err)
	}
	refused(e.Token, "p9")
	late, err := s.m.PnodeToken(t.Context(), s.boss, "p9", time.Minute)
	s.must(err)
	s.now = s.now.Add(time.Minute)
	refused(late.Token, "p9")
	if _, err := s.m.AuthenticatePnode(t.Context(), "p9", "00"); fault.KindOf(err) != fault.Unauthorized {
		t.Fatalf("an old certificate: %v", err)
	}
}

func TestSecretsOfOneProfile(t *testing.T) {
	all := map[string]string{"condor.password": "a", "condor2.password": "b", "web.key": "c"}
	got := secretsOf(roll.Profile{Rolls: []string{"base@1", "condor@23.9"}}, all)
	if want := map[string]string{"condor.password": "a"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
