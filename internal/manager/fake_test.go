package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/pki"
	"quarry/internal/pnode"
	"quarry/internal/render"
	"quarry/internal/roll"
	"quarry/internal/standin"
	"quarry/internal/store"
	"quarry/internal/vnode"
	"quarry/rolls"
)

// fakeImages is an image store in memory.
type fakeImages struct {
	mu      sync.Mutex
	have    map[string]bool
	unknown []string // packages that do not exist
	fail    error    // of the next build
	builds  int
}

func (f *fakeImages) Lock(_ context.Context, r render.Recipe) (render.Lock, error) {
	return standin.Lock(r, f.unknown...)
}

func (f *fakeImages) Build(_ context.Context, l render.Lock, progress func(string, int)) error {
	progress("packages", 50)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail; err != nil {
		f.fail = nil
		return err
	}
	if !f.have[l.Address()] {
		f.builds++
		f.have[l.Address()] = true
	}
	return nil
}

func (f *fakeImages) Has(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.have[address]
}

func (f *fakeImages) List() ([]ImageInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []ImageInfo
	for _, a := range sortedKeys(f.have) {
		list = append(list, ImageInfo{Address: a})
	}
	return list, nil
}

func (f *fakeImages) Prune(keep func(string) bool) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var gone []string
	for _, a := range sortedKeys(f.have) {
		if !keep(a) {
			delete(f.have, a)
			gone = append(gone, a)
		}
	}
	return gone, nil
}

func (f *fakeImages) Handler() http.Handler { return http.NotFoundHandler() }

// fakePnode answers like an agent that does everything at once.
type fakePnode struct {
	name  string
	facts pnode.Facts
	dead  bool
	// fails holds vnodes ("cluster/vnode") whose scripts fail.
	fails map[string]bool
	// slow holds vnodes that never get beyond booting.
	slow map[string]bool
	// joined holds vnodes that are through their cluster scripts.
	joined map[string]bool
	opened map[string]time.Time
	ahead  time.Duration // of its clock
	// idle is since when nobody uses its vnodes.
	idle *time.Time
	// took is how long preparing a vnode and wiping took here.
	took pnode.Took
	wipe float64
}

func (p *fakePnode) report(d pnode.Desired, now time.Time) pnode.Report {
	r := pnode.Report{Epoch: d.Epoch, Generation: d.Generation, Facts: p.facts, Clock: now.Add(p.ahead)}
	for _, c := range d.Clusters {
		s := pnode.ClusterStatus{ID: c.ID}
		if !now.Before(c.CloseAt) {
			s.Gone, s.WipeSeconds = true, p.wipe
			r.Clusters = append(r.Clusters, s)
			continue
		}
		for _, v := range c.Vnodes {
			if v.End {
				continue
			}
			st := pnode.VnodeStatus{Name: v.Name, Incarnation: v.Incarnation, Running: true, Stage: vnode.StageReady, Progress: 100, Ready: true, Took: p.took, IdleSince: p.idle}
			if len(v.Identity.ClusterScripts) > 0 && !c.Assembled && !p.joined[c.Name+"/"+v.Name] {
				st.Stage, st.Progress, st.Ready = vnode.StageCluster, 80, false
			} else {
				p.joined[c.Name+"/"+v.Name] = true
			}
			switch key := c.Name + "/" + v.Name; {
			case p.fails[key]:
				st = pnode.VnodeStatus{Name: v.Name, Incarnation: v.Incarnation, Stage: vnode.StageScripts, Failed: true, Message: "exit status 3\nno such user"}
			case p.slow[key]:
				st = pnode.VnodeStatus{Name: v.Name, Incarnation: v.Incarnation, Running: true, Stage: vnode.StageBoot, Progress: 20}
			}
			if v.Appliance == cluster.Gateway && c.Open && !now.Before(c.OpenAt) {
				if _, ok := p.opened[c.ID]; !ok {
					p.opened[c.ID] = now
				}
			}
			s.Vnodes = append(s.Vnodes, st)
		}
		if at, ok := p.opened[c.ID]; ok {
			s.Opened = &at
		}
		r.Clusters = append(r.Clusters, s)
	}
	return r
}

// site is a manager with its pnodes on a clock that the test moves.
type site struct {
	t      *testing.T
	m      *Manager
	st     *store.Store
	images *fakeImages
	now    time.Time
	ahead  time.Duration // of the manager's clock
	pnodes map[string]*fakePnode
	tenant Principal
	other  Principal
	boss   Principal
}

func newSite(t *testing.T) *site {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	s := &site{
		t: t, st: st, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		images: &fakeImages{have: map[string]bool{}}, pnodes: map[string]*fakePnode{},
		tenant: Principal{Role: RoleTenant, Tenant: "demo"}, other: Principal{Role: RoleTenant, Tenant: "other"},
		boss: Principal{Role: RoleProvider},
	}
	_, err = Init(t.Context(), st, Site{
		Server: "https://192.0.2.1:7443", OutsideNetwork: "203.0.113.0/24", OutsideRouter: "203.0.113.1",
		OutsideFirst: "203.0.113.100", OutsideLast: "203.0.113.103", VLANFirst: 100, VLANLast: 103,
	}, s.now)
	s.must(err)
	s.restart()
	for _, name := range []string{"demo", "other"} {
		_, err := s.m.CreateTenant(t.Context(), s.boss, name)
		s.must(err)
	}
	for _, name := range []string{"p1", "p2", "p3", "gw1"} {
		s.pnodes[name] = &fakePnode{
			name: name, facts: pnode.Facts{Accelerator: "kvm", CPUs: 4, MemoryMiB: 2048, DiskMiB: 20000, Uplink: name == "gw1"},
			fails: map[string]bool{}, slow: map[string]bool{}, joined: map[string]bool{}, opened: map[string]time.Time{},
		}
		s.enrol(name)
	}
	s.settle()
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// restart starts another manager over the same store.
func (s *site) restart() {
	s.t.Helper()
	catalog, err := roll.LoadAll(rolls.FS())
	s.must(err)
	ca, err := ReadCA(s.t.Context(), s.st)
	s.must(err)
	began := s.now
	s.m, err = New(s.t.Context(), Deps{
		Store: s.st, CA: ca, Catalog: catalog, Rolls: rolls.FS(), ImageStore: s.images, Suite: "trixie",
		Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)), Wall: func() time.Time { return s.now.Add(s.ahead) }, Elapsed: func() time.Duration { return s.now.Sub(began) }, Dir: s.t.TempDir(),
	})
	s.must(err)
}

func (s *site) enrol(name string) {
	s.t.Helper()
	token, err := s.m.PnodeToken(s.t.Context(), s.boss, name, time.Minute)
	s.must(err)
	_, csr, err := pki.NewRequest(name)
	s.must(err)
	_, _, err = s.m.Enroll(s.t.Context(), token.Token, name, csr)
	s.must(err)
}

// settle lets manager and pnodes talk until nothing changes any more.
func (s *site) settle() {
	s.t.Helper()
	for range 30 {
		before := s.fingerprint()
		_, err := s.m.reconcile(s.t.Context())
		s.must(err)
		s.m.work.Wait()
		for _, name := range sortedKeys(s.pnodes) {
			if p := s.pnodes[name]; !p.dead {
				d, _, _ := s.m.Desired(s.t.Context(), name)
				s.must(s.m.Report(s.t.Context(), name, p.report(d, s.now)))
			}
		}
		_, err = s.m.reconcile(s.t.Context())
		s.must(err)
		if s.fingerprint() == before {
			s.inStep()
			return
		}
	}
	s.t.Fatal("the manager never comes to rest")
}

func (s *site) fingerprint() string {
	var b strings.Builder
	s.must(s.st.View(s.t.Context(), func(tx *store.Tx) error {
		all, err := tx.Clusters(store.ClusterFilter{})
		for _, c := range all {
			fmt.Fprintln(&b, c.ID, c.Version)
		}
		return err
	}))
	for _, name := range sortedKeys(s.pnodes) {
		d, _, _ := s.m.Desired(s.t.Context(), name)
		fmt.Fprintln(&b, name, d.Epoch, d.Generation)
	}
	return b.String()
}

// pass moves the clock in steps in which nobody falls silent.
func (s *site) pass(d time.Duration) {
	s.t.Helper()
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(min(lostAfter-5*time.Second, end.Sub(s.now)))
		s.settle()
	}
}

func (s *site) book(p Principal, change func(*cluster.Spec)) (cluster.Cluster, error) {
	spec := cluster.Spec{
		Name: "farm", Rolls: []string{"condor"}, Nodes: []cluster.Group{{Appliance: "compute", Count: 2}},
		Start: s.now.Add(20 * time.Minute), Duration: time.Hour,
	}
	if change != nil {
		change(&spec)
	}
	return s.m.CreateCluster(s.t.Context(), p, spec, false)
}

func (s *site) cluster(name string) cluster.Cluster {
	s.t.Helper()
	c, err := s.m.Cluster(s.t.Context(), s.tenant, name)
	s.must(err)
	return c
}

func (s *site) wantState(name string, want cluster.State) cluster.Cluster {
	s.t.Helper()
	c := s.cluster(name)
	if c.State != want {
		s.t.Fatalf("%s is %s, want %s; conditions %+v", name, c.State, want, c.Conditions)
	}
	return c
}

var errBroken = errors.New("the disk is full")
