package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/pki"
	"quarry/internal/pnode"
	"quarry/internal/quota"
	"quarry/internal/roll"
	"quarry/internal/store"
	"quarry/rolls"
)

// What the simulator decides is what a live manager decides: a manager with
// its store, its loop and its agents is run over a trace on a bubble's clock,
// then the trace is played. Refusals, placements, VLANs, addresses and times
// have to be the same.
func TestSameAsLive(t *testing.T) {
	for _, c := range []struct {
		name    string
		trace   func(time.Time) *Trace
		refused int
	}{{"bookings", liveTrace, 1}, {"changes", changesTrace, 0}, {"rules", rulesTrace, 1}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sameAsLive(t, c.trace, c.refused) })
		})
	}
}

func sameAsLive(t *testing.T, traceFrom func(time.Time) *Trace, refusals int) {
	start := time.Now().UTC().Add(time.Minute)
	trace := traceFrom(start)
	site := &Site{
		Version: 1, VLANs: "100-104", Addresses: "203.0.113.100-203.0.113.103",
		Pnodes: []Pnodes{
			{Name: "p", Count: 3, CPUs: 4, MemoryMiB: 4096, DiskMiB: 40000, Accelerator: "kvm"},
			{Name: "gw", CPUs: 4, MemoryMiB: 4096, DiskMiB: 40000, Uplink: true, Accelerator: "kvm"},
		},
		Build: Times{Median: Duration(liveBuild)}, Prepare: Times{Median: Duration(livePrepare)}, Wipe: Times{Median: Duration(liveWipe)},
	}
	if trace.Name == "rules" {
		site.Limits = quota.Limits{LongestSeconds: 4 * 3600}
		site.Tenants = map[string]quota.Limits{"demo": {MaxCPUs: 10, MaxNodeHours: 100, NodeHoursSeconds: 7 * 24 * 3600}, "other": {Priority: quota.High}}
	}
	if err := site.complete(); err != nil {
		t.Fatal(err)
	}
	live, refused, recorded := runLive(t, trace, site, start)
	o := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1})
	if played := tellsOf(o); !slices.Equal(live, played) {
		t.Errorf("live:\n%s\nplayed:\n%s", strings.Join(live, "\n"), strings.Join(played, "\n"))
	}
	var not []string
	for _, r := range o.Refused {
		not = append(not, r.Cluster)
	}
	if len(refused) < refusals || len(live) < 6 || !slices.Equal(refused, not) {
		t.Errorf("live refused %v, played %v", refused, not)
	}
	if trace.Name == "rules" {
		checkRules(t, o)
	}
	checkRecording(t, recorded, live)
}

// checkRules finds what the trace is there for.
func checkRules(t *testing.T, o *Outcome) {
	t.Helper()
	s := o.Summary()
	if s.Yields != 1 || s.ByReason["max-cpus"] != 1 || s.ChangesRefused != 1 || s.Replans == 0 {
		t.Errorf("%+v, refused %+v", s, o.Refused)
	}
	for _, c := range o.Clusters {
		for _, n := range c.Nodes {
			if c.Name == "around" && n.Pnode == "p3" {
				t.Errorf("%s is on a pnode in maintenance", n.Name)
			}
		}
	}
}

// checkRecording plays what was recorded of the live site, written down and
// read again: all that was granted comes out the same.
func checkRecording(t *testing.T, r Recording, live []string) {
	t.Helper()
	var file bytes.Buffer
	if err := r.Trace.Write(&file); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	trace, err := Read("record", &file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := play(t, trace, trace.Site, Run{Policy: calendar.Spread, Seed: 2})
	if again := tellsOf(o); !slices.Equal(live, again) || len(o.Refused) > 0 {
		t.Errorf("live:\n%s\nrecorded and played:\n%s\nrefused: %v\ntrace:\n%s", strings.Join(live, "\n"), strings.Join(again, "\n"), o.Refused, text)
	}
}

// tellsOf tells of all clusters.
func tellsOf(o *Outcome) []string {
	var list []string
	for _, c := range o.Clusters {
		list = append(list, tellOf(c.Cluster))
	}
	slices.Sort(list)
	return list
}

// tellOf is all of a cluster that was decided.
func tellOf(c cluster.Cluster) string {
	at := func(t *time.Time) string {
		if t == nil {
			return "never"
		}
		return t.UTC().Format("15:04:05.000")
	}
	text := fmt.Sprintf("%s %s: prepared from %s, start %s, end %s, ready %s, active %s, over %s; VLAN %d, %s;", c.Name, c.State,
		at(&c.PrepareAt), at(&c.Start), at(&c.End), at(c.ReadyAt), at(c.ActiveAt), at(c.EndedAt), c.VLAN, c.Gateway.OutsideAddress)
	for _, n := range c.Nodes {
		text += " " + n.Name + " on " + n.Pnode
	}
	return text
}

// allOf sets all that limits say.
func allOf(t *testing.T, l quota.Limits) (by quota.LimitsChange) {
	t.Helper()
	raw, err := json.Marshal(l)
	if err == nil {
		err = json.Unmarshal(raw, &by)
	}
	if err != nil {
		t.Fatal(err)
	}
	return by
}

// runLive runs a manager over a trace, and returns what became of the clusters
// and which requests were refused.
func runLive(t *testing.T, trace *Trace, site *Site, start time.Time) (clusters, refused []string, r Recording) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	st, err := store.Open(ctx, filepath.Join(t.TempDir(), "store.db"))
	must(err)
	pools, err := site.pools()
	must(err)
	pools.Server, pools.OutsideNetwork, pools.OutsideRouter = "https://192.0.2.1:7443", "203.0.113.0/24", "203.0.113.1"
	_, err = manager.Init(ctx, st, pools, time.Now())
	must(err)
	catalog, err := roll.LoadAll(rolls.FS())
	must(err)
	ca, err := manager.ReadCA(ctx, st)
	must(err)
	m, err := manager.New(ctx, manager.Deps{
		Store: st, CA: ca, Catalog: catalog, Rolls: rolls.FS(), ImageStore: &fakeImages{have: map[string]bool{}}, Suite: "trixie",
		Log: slog.New(slog.DiscardHandler), Wall: time.Now, Dir: t.TempDir(),
	})
	must(err)
	provider, tenant := manager.Principal{Role: manager.RoleProvider}, manager.Principal{Role: manager.RoleTenant, Tenant: "demo"}
	for _, name := range []string{"demo", "other"} {
		_, err = m.CreateTenant(ctx, provider, name)
		must(err)
		_, err = m.SetTenantLimits(ctx, provider, name, allOf(t, site.Tenants[name]))
		must(err)
	}
	_, err = m.SetDefaultLimits(ctx, provider, allOf(t, site.Limits))
	must(err)
	var silent sync.Map // pnodes by name
	var work sync.WaitGroup
	work.Go(func() { _ = m.Run(ctx) })
	for _, p := range site.calendar().Pnodes {
		token, err := m.PnodeToken(ctx, provider, p.Name, time.Minute)
		must(err)
		_, csr, err := pki.NewRequest(p.Name)
		must(err)
		_, _, err = m.Enroll(ctx, token.Token, p.Name, csr)
		must(err)
		a := &fakeAgent{m: m, since: map[string]time.Time{}, ending: map[string]time.Time{}, opened: map[string]time.Time{}, silent: func() bool { _, is := silent.Load(p.Name); return is }, facts: pnode.Facts{
			Accelerator: p.Accelerator, CPUs: p.Capacity.CPUs, MemoryMiB: p.Capacity.MemoryMiB, DiskMiB: p.Capacity.DiskMiB, Uplink: p.Uplink,
		}}
		work.Go(func() { a.run(ctx, p.Name) })
	}
	for _, e := range trace.Entries {
		time.Sleep(time.Until(e.At))
		synctest.Wait()
		tenant.Tenant = e.Tenant
		switch e.Do {
		case Book:
			if e.Hold > 0 {
				_, err = m.HoldCluster(ctx, tenant, *e.Spec, time.Duration(e.Hold), false)
			} else {
				_, err = m.CreateCluster(ctx, tenant, *e.Spec, false)
			}
			if fault.KindOf(err) == fault.Refused {
				refused, err = append(refused, e.Spec.Name), nil
			}
		case Lose:
			silent.Store(e.Pnode, true)
		case Recover:
			silent.Delete(e.Pnode)
		case Maintain:
			_, err = m.SetPnode(ctx, provider, e.Pnode, manager.PnodeChange{Maintenance: &[]calendar.Window{{From: e.Start, To: e.End}}}, 0)
		case Cancel:
			_, err = m.CancelCluster(ctx, tenant, e.Cluster, 0)
		case End:
			_, err = m.EndCluster(ctx, tenant, e.Cluster, 0)
		default:
			_, err = m.ChangeCluster(ctx, tenant, e.Cluster, e.change(), manager.ChangeOptions{})
			if fault.KindOf(err) == fault.Refused {
				err = nil // the simulator counts these
			}
		}
		must(err)
	}
	time.Sleep(2 * time.Hour)
	all, err := m.Clusters(ctx, provider, true)
	must(err)
	for _, c := range all {
		clusters = append(clusters, tellOf(c))
	}
	slices.Sort(clusters)
	r, err = RecordFrom(ctx, asProvider{m, provider}, time.Time{}, time.Time{})
	must(err)
	cancel()
	work.Wait()
	must(st.Close())
	return clusters, refused, r
}
