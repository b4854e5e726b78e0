package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quarry/internal/accounting"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// clerk looks at every cluster at every second and counts what it holds.
type clerk map[string]*accounting.Account // by cluster

func (k clerk) look(s *site) {
	s.t.Helper()
	all, err := s.m.Clusters(s.t.Context(), s.boss, true)
	s.must(err)
	for _, c := range all {
		r := k[c.Tenant+"/"+c.Name]
		if r == nil {
			r = &accounting.Account{}
			k[c.Tenant+"/"+c.Name] = r
		}
		usual := map[cluster.State]*accounting.Used{
			cluster.Preparing: &r.Prepare, cluster.Ready: &r.Prepare, cluster.Active: &r.Window,
		}[c.State]
		if usual == nil {
			continue
		}
		for _, n := range c.Nodes {
			use := usual
			if n.Joining {
				use = &r.Prepare
			}
			if n.Leaving {
				continue
			}
			use.VCPUSeconds += int64(n.CPUs)
			use.MiBSeconds += int64(n.MemoryMiB)
			use.GiBSeconds = float64(use.MiBSeconds) / 1024
		}
		usual.AddressSeconds++
	}
}

// seconds lets so many pass.
func (k clerk) seconds(s *site, n int) {
	for range n {
		s.settle()
		k.look(s)
		s.now = s.now.Add(time.Second)
	}
	s.settle()
}

// What the API says was held is what a clerk saw who looked every second, for
// clusters that end, grow, shrink, are extended, ended or cancelled, or fail.
func TestAccountsOfRealLives(t *testing.T) {
	s := newSite(t)
	k := clerk{}
	began := s.now
	soon := func(name string, minutes int) func(*cluster.Spec) {
		return func(sp *cluster.Spec) {
			sp.Name, sp.Nodes[0].Count = name, 1
			sp.Nodes = append(sp.Nodes, cluster.Group{Appliance: cluster.Gateway, Count: 1, MemoryMiB: 400})
			sp.Start, sp.Duration = s.now.Add(3*time.Minute), time.Duration(minutes)*time.Minute
		}
	}
	for i, name := range []string{"whole", "cut", "never"} {
		_, err := s.book(s.tenant, soon(name, 3+i))
		s.must(err)
	}
	_, err := s.book(s.other, soon("hopeless", 2))
	s.must(err)
	for _, p := range s.pnodes {
		p.slow["hopeless/compute-0"] = true
	}
	k.seconds(s, 70)
	for _, p := range s.pnodes {
		p.fails["hopeless/compute-0"] = true
	}
	k.seconds(s, 60)
	_, err = s.m.CancelCluster(t.Context(), s.tenant, "never", 0)
	s.must(err)
	k.seconds(s, 70)
	change := func(name string, ch Change) {
		t.Helper()
		_, err := s.m.ChangeCluster(t.Context(), s.tenant, name, ch, ChangeOptions{})
		s.must(err)
	}
	change("whole", Change{Operation: Grow, Appliance: "compute", Count: 2})
	change("cut", Change{Operation: Extend, By: time.Minute})
	k.seconds(s, 20)
	change("whole", Change{Operation: Shrink, Appliance: "compute", Count: 1})
	k.seconds(s, 10)
	_, err = s.m.EndCluster(t.Context(), s.tenant, "cut", 0)
	s.must(err)
	k.seconds(s, 200)

	r, err := s.m.Accounting(t.Context(), s.boss, "", began, s.now, accounting.By{Cluster: true})
	s.must(err)
	if len(r.Rows) != 4 {
		t.Fatalf("rows %+v", r.Rows)
	}
	for _, row := range r.Rows {
		want := k[row.Tenant+"/"+row.Cluster]
		if row.Window != want.Window || row.Prepare != want.Prepare {
			t.Errorf("%s: accounts %+v\nclerk %+v", row.Cluster, row, want)
		}
		if row.Prepare.VCPUSeconds == 0 || (row.Window.VCPUSeconds > 0) != (row.Cluster == "whole" || row.Cluster == "cut") {
			t.Errorf("%s: %+v", row.Cluster, row)
		}
	}
	a, err := s.m.AuditAccounting(t.Context(), s.boss, began, s.now)
	s.must(err)
	if a.Clusters != 4 || len(a.Findings) != 0 {
		t.Errorf("audit %+v", a)
	}
	s.must(s.st.Update(t.Context(), func(tx *store.Tx) error {
		c, err := tx.Cluster("demo", "whole")
		if err != nil {
			return err
		}
		_, err = tx.AppendEvent("demo", c.ID, cluster.Event{Type: "changed", Holds: &cluster.Holding{Since: s.now, Window: cluster.Amount{CPUs: 1}}})
		return err
	}))
	a, err = s.m.AuditAccounting(t.Context(), s.boss, began, s.now)
	s.must(err)
	if text := fmt.Sprint(a.Findings); !strings.Contains(text, "whole") || !strings.Contains(text, "holds") {
		t.Errorf("a wrong event is not found: %+v", a)
	}
}

// A manager that was away over the end charges nothing beyond it, and one that
// is new charges what the old one would have.
func TestAccountsWithoutAManager(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	s.pass(c.Start.Sub(s.now) + time.Minute)
	s.wantState("farm", cluster.Active)
	s.now = c.End.Add(50 * time.Second) // nobody looked
	s.restart()
	s.settle()
	s.wantState("farm", cluster.Ended)
	r, err := s.m.Accounting(t.Context(), s.tenant, "", c.CreatedAt, s.now, accounting.By{})
	s.must(err)
	if got := r.Total.Window; got.AddressSeconds != 3600 || got.VCPUSeconds != 3*3600 || got.MiBSeconds != 3*640*3600 {
		t.Errorf("an hour of three vnodes came to %+v", got)
	}
}

func TestAccountsAreOnesOwn(t *testing.T) {
	s := newSite(t)
	ctx, by := t.Context(), accounting.By{}
	from := s.now.Add(-time.Hour)
	_, err := s.m.Accounting(ctx, s.tenant, "other", from, s.now, by)
	if fault.KindOf(err) != fault.Forbidden {
		t.Errorf("another tenant's: %v", err)
	}
	if _, err = s.m.AuditAccounting(ctx, s.tenant, from, s.now); fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a tenant audits: %v", err)
	}
	if _, err = s.m.Accounting(ctx, s.boss, "nobody", from, s.now, by); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an unknown tenant's: %v", err)
	}
	for _, window := range [][2]time.Time{{s.now, s.now.Add(time.Hour)}, {s.now.AddDate(-11, 0, 0), s.now}} {
		if _, err = s.m.Accounting(ctx, s.boss, "", window[0], window[1], by); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v", window, err)
		}
	}
}
