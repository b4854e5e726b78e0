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

func (s *site) spec(change func(*cluster.Spec)) cluster.Spec {
	spec := cluster.Spec{
		Name: "farm", Rolls: []string{"condor"}, Nodes: []cluster.Group{{Appliance: "compute", Count: 2}},
		Start: s.now.Add(20 * time.Minute), Duration: time.Hour,
	}
	if change != nil {
		change(&spec)
	}
	return spec
}

// An answer that says yes can be booked as it is, and does not book.
func TestFitsAndEarliest(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	a, err := s.m.Fits(ctx, s.tenant, s.spec(nil))
	s.must(err)
	if !a.Fits || len(a.Vnodes) != 3 || !a.Start.Equal(s.now.Add(20*time.Minute)) || a.PrepareAt.IsZero() || a.OnTime == nil || a.OnTime.Status != "True" {
		t.Fatalf("%+v", a)
	}
	if again, err := s.m.Fits(ctx, s.tenant, *a.Spec); err != nil || !again.Fits {
		t.Fatalf("%+v, %v", again, err) // it was not booked
	}
	busy, err := s.book(s.other, func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].MemoryMiB, sp.Nodes[0].Count = "busy", 1500, 3 })
	s.must(err)
	big := s.spec(func(sp *cluster.Spec) { sp.Nodes[0].MemoryMiB = 1500 })
	a, err = s.m.Fits(ctx, s.tenant, big)
	s.must(err)
	if a.Fits || a.Spec != nil || len(a.Problems) == 0 || a.Refusal == nil || len(a.Refusal.Alternatives) < 3 {
		t.Fatalf("%+v", a)
	}
	if text := a.Problems[0].Message; !strings.Contains(text, "another tenant's cluster until") || strings.Contains(text, "busy") {
		t.Fatalf("told %q", text)
	}
	a, err = s.m.Earliest(ctx, s.tenant, big, 24*time.Hour)
	s.must(err)
	if !a.Fits || !a.PrepareAt.Equal(busy.End.Add(wipeTimeOf(busy))) || a.End.Sub(a.Start) != time.Hour {
		t.Fatalf("%+v, the other is over at %s", a, busy.End)
	}
	if c, err := s.m.CreateCluster(ctx, s.tenant, *a.Spec, true); err != nil || !c.Start.Equal(a.Start) {
		t.Fatal(err)
	}
	late := s.spec(func(sp *cluster.Spec) {
		sp.Start = s.now.Add(48 * time.Hour)
		sp.Duration, sp.End = 0, sp.Start.Add(2*time.Hour)
	})
	if a, err = s.m.Earliest(ctx, s.tenant, late, 72*time.Hour); err != nil || !a.Start.Equal(late.Start) || a.End.Sub(a.Start) != 2*time.Hour {
		t.Fatalf("not before %s: %+v, %v", late.Start, a, err)
	}
	if a, err = s.m.Earliest(ctx, s.tenant, big, time.Hour); err != nil || a.Fits || a.Refusal == nil {
		t.Fatalf("within an hour: %+v, %v", a, err)
	}
	if _, err = s.m.Fits(ctx, s.tenant, s.spec(func(sp *cluster.Spec) { sp.Rolls = []string{"condr"} })); fault.KindOf(err) != fault.Invalid {
		t.Fatal(err)
	}
	if _, err = s.m.Earliest(ctx, s.tenant, big, 0); fault.KindOf(err) != fault.Invalid {
		t.Fatal(err)
	}
	if _, err = s.m.Fits(ctx, s.boss, big); fault.KindOf(err) != fault.Forbidden {
		t.Fatal(err)
	}
	s.settle() // nothing is left in the calendar
}

func TestFree(t *testing.T) {
	s := newSite(t)
	ask := func(p Principal, q FreeQuestion) Free {
		t.Helper()
		f, err := s.m.Free(t.Context(), p, q)
		s.must(err)
		return f
	}
	q := FreeQuestion{From: s.now.Add(time.Hour), To: s.now.Add(2 * time.Hour), Vnode: cluster.Group{Count: 12}}
	f := ask(s.tenant, q)
	if f.Fit != 12 || !f.Enough || f.Total != (calendar.Size{CPUs: 16, MemoryMiB: 8192, DiskMiB: 80000}) || f.Pnodes != 4 || f.Room != nil || f.Pools[0].Free != 4 {
		t.Fatalf("%+v", f)
	}
	_, err := s.book(s.other, func(sp *cluster.Spec) { sp.Start = f.HeldTo.Add(-time.Second); sp.Nodes[0].Count = 3 })
	s.must(err)
	f = ask(s.boss, q)
	if f.Fit != 8 || f.Enough || f.Pools[0].Free != 3 || len(f.Room) != 4 {
		t.Fatalf("%+v", f)
	}
	q.Vnode = cluster.Group{Appliance: "gateway", Require: []string{"accelerator=kvm"}}
	if f = ask(s.tenant, q); f.Fit != 2 || !f.Enough {
		t.Fatalf("%d gateways: %+v", f.Fit, f)
	}
	_, err = s.m.Free(t.Context(), s.tenant, FreeQuestion{From: s.now.Add(-time.Hour), To: s.now, Vnode: cluster.Group{CPUs: -1, Require: []string{"X"}}})
	for _, field := range []string{"from", "cpus", "require[0]"} {
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), field) {
			t.Fatalf("%q: %v", field, err)
		}
	}
}

func TestWhy(t *testing.T) {
	s := newSite(t)
	ctx := t.Context()
	_, err := s.book(s.other, func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].MemoryMiB, sp.Nodes[0].Count = "secret", 1500, 3 })
	s.must(err)
	c, err := s.book(s.tenant, func(sp *cluster.Spec) {
		sp.StartMode, sp.Start = cluster.StartASAP, time.Time{}
		sp.Nodes[0].MemoryMiB, sp.Nodes[0].Prefer, sp.Together = 1500, []string{"ssd"}, calendar.PreferRack
	})
	s.must(err)
	s.settle()
	why, err := s.m.WhyCluster(ctx, s.tenant, "farm")
	s.must(err)
	if !strings.Contains(why.Asked, "as soon as possible") || len(why.Vnodes) != 3 || why.Parts[0].Seconds != c.Start.Sub(c.PrepareAt).Seconds() {
		t.Fatalf("%+v", why)
	}
	if because := strings.Join(why.Vnodes[1].Because, "; "); !strings.Contains(because, "lacks ssd") || !strings.Contains(because, "spread") {
		t.Fatal(because)
	}
	if s := why.Sooner; s == nil || !s.Start.IsZero() || len(s.Reasons) == 0 || !strings.Contains(s.Reasons[0].Message, "another tenant's cluster") || strings.Contains(s.Reasons[0].Message, "secret") {
		t.Fatalf("%+v", s)
	}
	if mine, err := s.m.WhyCluster(ctx, s.boss, "other/secret"); err != nil || mine.Cluster != "secret" || mine.Asked != "this start was asked for" {
		t.Fatalf("%+v, %v", mine, err)
	}
	if _, err := s.m.WhyCluster(ctx, s.other, "farm"); fault.KindOf(err) != fault.NotFound {
		t.Fatal(err)
	}
	_, err = s.m.CancelCluster(ctx, s.other, "secret", 0)
	s.must(err)
	if why, err = s.m.WhyCluster(ctx, s.tenant, "farm"); err != nil || why.Sooner.Start.IsZero() || !why.Sooner.Start.Before(c.Start) {
		t.Fatalf("%+v, %v", why.Sooner, err)
	}
	for _, pnode := range []string{"p1", "p2", "p3"} {
		if pnode != c.Nodes[1].Pnode {
			_, err = s.m.DrainPnode(ctx, s.boss, pnode, true, 0)
			s.must(err)
		}
	}
	s.settle()
	if why, err = s.m.WhyCluster(ctx, s.tenant, "farm"); err != nil || !slices.ContainsFunc(why.Risks, func(r string) bool { return strings.Contains(r, "no room elsewhere") }) {
		t.Fatalf("%+v, %v", why.Risks, err)
	}
}
