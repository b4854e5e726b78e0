package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
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
	"quarry/internal/render"
	"quarry/internal/roll"
	"quarry/internal/store"
	"quarry/internal/vnode"
	"quarry/rolls"
)

// Times of the live site, which the simulated one has too.
const (
	liveBuild   = 70 * time.Second
	livePrepare = 80 * time.Second
	liveWipe    = 12 * time.Second
)

// fakeImages is an image store in memory that takes its time.
type fakeImages struct {
	mu   sync.Mutex
	have map[string]bool
}

func (f *fakeImages) Lock(_ context.Context, r render.Recipe) (render.Lock, error) {
	lock := render.Lock{Recipe: r, Guest: strings.Repeat("0", 64), Epoch: render.Epoch}
	for _, p := range r.Packages {
		lock.Packages = append(lock.Packages, render.LockedPackage{
			Name: p, Version: "1", Architecture: r.Architecture, Size: 1, SHA256: strings.Repeat("1", 64), Filename: "pool/" + p + ".deb",
		})
	}
	return lock, nil
}

func (f *fakeImages) Build(_ context.Context, l render.Lock, _ func(string, int)) error {
	time.Sleep(liveBuild) // on the bubble's clock
	f.mu.Lock()
	defer f.mu.Unlock()
	f.have[l.Address()] = true
	return nil
}

func (f *fakeImages) Has(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.have[address]
}

func (f *fakeImages) List() ([]manager.ImageInfo, error)        { return nil, nil }
func (f *fakeImages) Prune(func(string) bool) ([]string, error) { return nil, nil }
func (f *fakeImages) Handler() http.Handler                     { return http.NotFoundHandler() }

// fakeAgent prepares and wipes in the times above and hands over on time.
type fakeAgent struct {
	m      *manager.Manager
	facts  pnode.Facts
	since  map[string]time.Time // vnodes, by cluster, name and incarnation
	ending map[string]time.Time // vnodes that are given back, the same
	opened map[string]time.Time
	silent func() bool
}

func (a *fakeAgent) run(ctx context.Context, name string) {
	for ctx.Err() == nil {
		d, ok, changed := a.m.Desired(ctx, name)
		due := time.Now().Add(10 * time.Second)
		if now := time.Now(); ok && !a.silent() {
			r := a.report(d, now, &due)
			_ = a.m.Report(ctx, name, r) // the next one tells as much
		}
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (a *fakeAgent) report(d pnode.Desired, now time.Time, due *time.Time) pnode.Report {
	r := pnode.Report{Epoch: d.Epoch, Generation: d.Generation, Facts: a.facts, Images: d.Images}
	wake := func(at time.Time) bool {
		if at.After(now) && at.Before(*due) {
			*due = at
		}
		return !at.After(now)
	}
	for _, c := range d.Clusters {
		s := pnode.ClusterStatus{ID: c.ID}
		if wake(c.CloseAt) {
			if s.Gone = wake(c.CloseAt.Add(liveWipe)); s.Gone {
				s.WipeSeconds = liveWipe.Seconds()
			}
			r.Clusters = append(r.Clusters, s)
			continue
		}
		for _, v := range c.Vnodes {
			key := fmt.Sprint(c.ID, v.Name, v.Incarnation)
			if _, begun := a.since[key]; !begun {
				a.since[key] = now
			}
			if v.End { // given back: it is wiped and then not there any more
				if _, begun := a.ending[key]; !begun {
					a.ending[key] = now
				}
				if wake(a.ending[key].Add(liveWipe)) {
					continue
				}
			}
			st := pnode.VnodeStatus{Name: v.Name, Incarnation: v.Incarnation, Running: true, Stage: vnode.StageBoot, Progress: 20}
			if wake(a.since[key].Add(livePrepare)) {
				st.Stage, st.Progress, st.Ready = vnode.StageReady, 100, true
				st.Took = pnode.Took{Up: livePrepare.Seconds() * upShare / 100, Join: livePrepare.Seconds() * (100 - upShare) / 100}
			}
			if v.Appliance == cluster.Gateway && c.Open && wake(c.OpenAt) && a.opened[c.ID].IsZero() {
				a.opened[c.ID] = now
			}
			s.Vnodes = append(s.Vnodes, st)
		}
		if at, ok := a.opened[c.ID]; ok {
			s.Opened = &at
		}
		r.Clusters = append(r.Clusters, s)
	}
	return r
}

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

// asProvider asks a manager itself, as the API does for its provider.
type asProvider struct {
	m *manager.Manager
	p manager.Principal
}

func (a asProvider) Site(ctx context.Context) (manager.SiteInfo, error) { return a.m.Site(ctx, a.p) }

func (a asProvider) Pnodes(ctx context.Context) ([]manager.PnodeInfo, error) {
	return a.m.Pnodes(ctx, a.p)
}

func (a asProvider) DefaultLimits(ctx context.Context) (quota.Limits, error) {
	return a.m.DefaultLimits(ctx)
}

func (a asProvider) Tenants(ctx context.Context) ([]manager.TenantInfo, error) {
	return a.m.Tenants(ctx, a.p)
}

func (a asProvider) TenantLimits(ctx context.Context, tenant string) (manager.TenantLimits, error) {
	return a.m.TenantLimits(ctx, a.p, tenant)
}

func (a asProvider) Record(ctx context.Context, from, to time.Time, after string) (manager.Record, error) {
	return a.m.Record(ctx, a.p, from, to, after)
}

func liveTrace(start time.Time) *Trace {
	trace := &Trace{Name: "live"}
	book := func(at time.Duration, name string, count, cpus int, ahead, length time.Duration) {
		spec := &cluster.Spec{Name: name, Policy: calendar.Spread, Duration: length, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: count, CPUs: cpus}}}
		if spec.StartMode = cluster.StartASAP; ahead > 0 {
			spec.StartMode, spec.Start = cluster.StartAt, start.Add(at+ahead)
		}
		trace.Entries = append(trace.Entries, Entry{At: start.Add(at), Do: Book, Tenant: "demo", Spec: spec})
	}
	do := func(at time.Duration, what Do, name string) {
		trace.Entries = append(trace.Entries, Entry{At: start.Add(at), Do: what, Tenant: "demo", Cluster: name})
	}
	book(0, "first", 3, 2, 20*time.Minute, 30*time.Minute)
	book(time.Minute, "soon", 2, 1, 0, 20*time.Minute)
	book(2*time.Minute, "big", 12, 1, 25*time.Minute, 30*time.Minute)
	book(3*time.Minute, "packed", 4, 1, 30*time.Minute, 10*time.Minute)
	book(4*time.Minute, "dropped", 2, 1, 40*time.Minute, 10*time.Minute)
	do(7*time.Minute, Cancel, "dropped")
	book(8*time.Minute, "later", 6, 2, 0, 10*time.Minute)
	do(25*time.Minute, End, "first")
	book(26*time.Minute, "after", 6, 1, 0, 10*time.Minute)
	book(27*time.Minute, "last", 2, 2, 10*time.Minute, 5*time.Minute)
	return trace
}

// rulesTrace has tenants that may not hold everything, a best-effort cluster in
// the way of a booking, a pnode in maintenance, one that falls silent and comes
// back, and holds.
func rulesTrace(start time.Time) *Trace {
	trace := &Trace{Name: "rules"}
	const minute = time.Minute
	do := func(at time.Duration, what Do, e Entry) {
		e.At, e.Do = start.Add(at), what
		trace.Entries = append(trace.Entries, e)
	}
	book := func(at time.Duration, tenant, name string, count, cpus int, ahead, length, hold time.Duration) {
		spec := &cluster.Spec{Name: name, Policy: calendar.Spread, Duration: length, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: count, CPUs: cpus}}}
		if spec.StartMode = cluster.StartASAP; ahead > 0 {
			spec.StartMode, spec.Start = cluster.StartAt, start.Add(ahead)
		}
		spec.BestEffort = name == "soak"
		do(at, Book, Entry{Tenant: tenant, Spec: spec, Hold: Duration(hold)})
	}
	book(0, "demo", "mine", 2, 1, 30*minute, 20*minute, 0)
	book(1*minute, "demo", "toomuch", 8, 1, 35*minute, 20*minute, 0)
	book(2*minute, "other", "soak", 3, 3, 0, time.Hour, 0)
	book(3*minute, "other", "kept", 1, 1, 75*minute, 10*minute, 5*minute)
	book(4*minute, "other", "forgotten", 1, 1, 75*minute, 10*minute, 2*minute)
	do(5*minute, Confirm, Entry{Tenant: "other", Cluster: "kept"})
	book(8*minute, "other", "needs", 3, 3, 52*minute, 15*minute, 0)
	do(10*minute, Maintain, Entry{Pnode: "p3", Start: start.Add(100 * minute), End: start.Add(2 * time.Hour)})
	book(11*minute, "demo", "around", 4, 1, 105*minute, 10*minute, 0)
	do(12*minute, Lose, Entry{Pnode: "p2"})
	book(16*minute, "demo", "without", 2, 1, 85*minute, 5*minute, 0)
	do(20*minute, Recover, Entry{Pnode: "p2"})
	book(25*minute, "demo", "again", 2, 2, 80*minute, 10*minute, 0)
	do(32*minute, Extend, Entry{Tenant: "demo", Cluster: "mine", By: Duration(5 * minute)})
	do(33*minute, Grow, Entry{Tenant: "demo", Cluster: "mine", Count: 1})
	do(34*minute, Grow, Entry{Tenant: "demo", Cluster: "mine", Count: 9})
	do(38*minute, Shrink, Entry{Tenant: "demo", Cluster: "mine", Nodes: []string{"compute-0"}})
	do(40*minute, Shorten, Entry{Tenant: "demo", Cluster: "mine", By: Duration(2 * minute)})
	return trace
}

// changesTrace changes clusters in every way, at every part of their lives.
func changesTrace(start time.Time) *Trace {
	trace := &Trace{Name: "changes"}
	book := func(at time.Duration, name string, count int, ahead, hold time.Duration) {
		spec := &cluster.Spec{Name: name, Policy: calendar.Spread, Duration: 20 * time.Minute, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: count}}}
		if spec.StartMode = cluster.StartASAP; ahead > 0 {
			spec.StartMode, spec.Start = cluster.StartAt, start.Add(ahead)
		}
		trace.Entries = append(trace.Entries, Entry{At: start.Add(at), Do: Book, Tenant: "demo", Spec: spec, Hold: Duration(hold)})
	}
	change := func(at time.Duration, what Do, name string, e Entry) {
		e.At, e.Do, e.Tenant, e.Cluster = start.Add(at), what, "demo", name
		trace.Entries = append(trace.Entries, e)
	}
	const minute = time.Minute
	book(0, "soon", 2, 0, 0)
	book(1*minute, "far", 3, 60*minute, 0)
	book(2*minute, "kept", 2, 40*minute, 5*minute)
	book(2*minute, "dropped", 1, 45*minute, 5*minute)
	change(3*minute, Confirm, "kept", Entry{})
	change(3*minute, Release, "dropped", Entry{})
	book(4*minute, "forgotten", 1, 45*minute, 2*minute)
	change(5*minute, Extend, "far", Entry{By: Duration(10 * minute)})
	change(6*minute, Grow, "far", Entry{Appliance: cluster.Compute, Count: 2})
	change(7*minute, Move, "far", Entry{Start: start.Add(70 * minute)})
	change(8*minute, Shrink, "far", Entry{Nodes: []string{"compute-1"}})
	change(15*minute, Extend, "soon", Entry{By: Duration(15 * minute)})
	change(16*minute, Grow, "soon", Entry{Count: 1})
	change(20*minute, Shrink, "soon", Entry{Nodes: []string{"compute-0"}})
	change(22*minute, Shorten, "soon", Entry{By: Duration(5 * minute)})
	book(23*minute, "after", 7, 0, 0)
	book(24*minute, "last", 1, 0, 0)
	return trace
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
