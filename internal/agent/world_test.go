package agent

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/cluster"
	"quarry/internal/pnode"
	"quarry/internal/vnode"
)

var errDead = errors.New("this agent was killed")

// world is everything outside the agent. It lives on when an agent dies.
type world struct {
	t   *testing.T
	ctx context.Context
	dir string

	mu        sync.Mutex
	guests    map[string]*fakeGuest
	doubled   []string // what must never happen
	ports     []port
	applies   int
	opened    map[string]time.Time // first seen open, by cluster
	closed    map[string]time.Time
	pool      map[string]bool // images here
	fetched   map[string]int
	remote    *pnode.Desired // nil: the manager is down
	renewAt   time.Time      // of the pnode's certificate
	twins     map[string]uint64
	newer     broadcast
	reports   []pnode.Report
	effects   int
	crashAt   int  // the effect at which the agent dies; 0: never
	crashLate bool // after the effect instead of before it

	version, accelerator  string
	hang                  bool              // the hypervisor
	habits                map[string]habits // of guests, by vnode
	fabricErr             error             // nothing works
	applyErr              error             // ports stay as they are
	badTap                string            // cannot be made
	listTakes, applyTakes time.Duration
	turnedOff             map[string]time.Time // guests, the first time
}

// habits are how a guest behaves.
type habits struct {
	silent bool // never speaks
	deaf   bool // ignores shutdown
	fail   string
}

func newWorld(t *testing.T) *world {
	ctx, cancel := context.WithCancel(t.Context())
	w := &world{
		t: t, ctx: ctx, dir: t.TempDir(), guests: map[string]*fakeGuest{}, opened: map[string]time.Time{},
		closed: map[string]time.Time{}, pool: map[string]bool{}, fetched: map[string]int{}, habits: map[string]habits{},
		turnedOff: map[string]time.Time{}, renewAt: time.Now().AddDate(1, 0, 0), version: "QEMU 10.0.2", accelerator: "tcg",
	}
	t.Cleanup(cancel)
	return w
}

// agentProcess is one life of an agent in a world.
type agentProcess struct {
	*agent
	w      *world
	cancel func()
	done   chan error
	mu     sync.Mutex
	dead   bool
}

func (w *world) start() *agentProcess {
	ctx, cancel := context.WithCancel(w.ctx)
	p := &agentProcess{w: w, cancel: cancel, done: make(chan error, 1)}
	p.agent = newAgent(Config{Dir: w.dir, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil))}, deps{
		hypervisor: fakeHypervisor{p}, fabric: fakeFabric{p}, images: fakeImages{p}, manager: fakeManager{p}, dial: p.dial,
	})
	p.files.before = func(change string) error { return p.effect("file: "+change, func() error { return nil }) }
	go func() { p.done <- p.run(ctx) }()
	return p
}

// kill ends the agent without letting it do anything more.
func (p *agentProcess) kill() {
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	p.cancel()
}

func (p *agentProcess) stop() {
	p.kill()
	<-p.done
}

// effect does something to the world, unless the agent is dead or dies of it.
func (p *agentProcess) effect(what string, do func() error) error {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return errDead
	}
	p.w.mu.Lock()
	p.w.effects++
	dies := p.w.effects == p.w.crashAt
	late := p.w.crashLate
	p.w.mu.Unlock()
	if dies && !late {
		p.w.t.Logf("killed before effect %q", what)
		p.kill()
		return errDead
	}
	err := do()
	if dies {
		p.w.t.Logf("killed after effect %q", what)
		p.kill()
		return errDead
	}
	return err
}

type fakeGuest struct {
	w       *world
	guest   guest
	running bool
	starts  int
	stop    func()
	busy    chan struct{} // the channel serves one connection at a time

	mu        sync.Mutex
	up        bool
	current   vnode.FromGuest
	identity  *vnode.Identity
	assembled bool
	changed   broadcast
}

// boot is the guest's program. w.mu is held.
func (g *fakeGuest) boot() {
	ctx, stop := context.WithCancel(g.w.ctx)
	g.running, g.stop = true, stop
	g.starts++
	h := g.w.habits[strings.Split(g.guest.Name, ".")[1]]
	g.mu.Lock()
	g.up, g.identity, g.current = false, nil, vnode.FromGuest{}
	g.mu.Unlock()
	go g.program(ctx, h)
}

func (g *fakeGuest) program(ctx context.Context, h habits) {
	if !sleep(ctx, 20*time.Second) || h.silent {
		return
	}
	g.set(func() { g.up = true })
	if g.changed.until(ctx, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.identity != nil }) != nil {
		return
	}
	for i, m := range []vnode.FromGuest{
		{Type: "step", Stage: vnode.StageIdentity, Done: 1, Total: 1},
		{Type: "step", Stage: vnode.StageScripts, Step: "condor/start", Done: 1, Total: 2},
		{Type: "step", Stage: vnode.StageCluster, Done: 0, Total: 1},
		{Type: "step", Stage: vnode.StageChecks, Done: 0, Total: 1},
		{Type: "health", Stage: vnode.StageReady, Healthy: true},
	} {
		if h.fail != "" && i == 1 {
			m = vnode.FromGuest{Type: "failed", Stage: vnode.StageScripts, Step: "condor/start", Message: h.fail}
		}
		g.mu.Lock()
		joins := g.identity != nil && len(g.identity.ClusterScripts) > 0
		g.mu.Unlock()
		if m.Stage == vnode.StageCluster && !joins {
			continue
		}
		g.set(func() { g.current = m })
		if m.Stage == vnode.StageCluster && g.changed.until(ctx, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.assembled }) != nil {
			return
		}
		if m.Type == "failed" || !sleep(ctx, 3*time.Second) {
			return
		}
	}
}

func (g *fakeGuest) set(change func()) {
	g.mu.Lock()
	change()
	g.mu.Unlock()
	g.changed.fire()
}

// serve is the guest's end of a connection.
func (g *fakeGuest) serve(ctx context.Context, conn net.Conn, deaf bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer conn.Close()
	go func() {
		defer cancel()
		lines := bufio.NewScanner(conn)
		lines.Buffer(nil, vnode.MaxMessage)
		for lines.Scan() {
			var m vnode.ToGuest
			if json.Unmarshal(lines.Bytes(), &m) != nil {
				continue
			}
			switch {
			case m.Type == "identity":
				g.set(func() { g.identity, g.assembled = m.Identity, m.Assembled })
			case m.Type == "shutdown" && !deaf:
				g.w.turnOff(g.guest.Name)
			}
		}
	}()
	if g.changed.until(ctx, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.up }) != nil {
		return
	}
	for first := true; ; first = false {
		changed := g.changed.wait()
		g.mu.Lock()
		current, known := g.current, g.identity != nil
		g.mu.Unlock()
		boot := fmt.Sprintf("boot-%d", g.starts)
		var out []vnode.FromGuest
		if first || !known {
			out = append(out, vnode.FromGuest{Type: "hello", BootID: boot, Stage: current.Stage})
		}
		if current.Type != "" {
			current.BootID = boot
			out = append(out, current)
		}
		for _, m := range out {
			if vnode.Write(conn, m) != nil {
				return
			}
		}
		timer := time.NewTimer(10 * time.Second)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

func (w *world) turnOff(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g := w.guests[name]; g != nil && g.running {
		if w.turnedOff[name].IsZero() {
			w.turnedOff[name] = time.Now()
		}
		g.running = false
		g.stop()
	}
}

func (p *agentProcess) dial(ctx context.Context, socket string) (net.Conn, error) {
	w := p.w
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.guests {
		if g.guest.Channel != socket || !g.running {
			continue
		}
		ours, theirs := net.Pipe()
		gctx, cancel := context.WithCancel(w.ctx)
		deaf := w.habits[strings.Split(g.guest.Name, ".")[1]].deaf
		stop := g.stop
		g.stop = func() { stop(); cancel() }
		go func() {
			g.busy <- struct{}{}
			defer func() { <-g.busy }()
			g.serve(gctx, theirs, deaf)
		}()
		return ours, nil
	}
	return nil, errors.New("no such socket")
}

type fakeHypervisor struct{ *agentProcess }

func (h fakeHypervisor) await(ctx context.Context) error {
	h.w.mu.Lock()
	hang := h.w.hang
	h.w.mu.Unlock()
	if hang {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (h fakeHypervisor) Version(ctx context.Context) (string, error) {
	return h.w.version, h.await(ctx)
}

func (h fakeHypervisor) ProbeAccelerator(ctx context.Context) (string, error) {
	return h.w.accelerator, h.await(ctx)
}

func (h fakeHypervisor) List(ctx context.Context) ([]guestState, error) {
	if err := h.await(ctx); err != nil {
		return nil, err
	}
	h.w.mu.Lock()
	var list []guestState
	for name, g := range h.w.guests {
		list = append(list, guestState{Name: name, Running: g.running})
	}
	takes := h.w.listTakes
	h.w.mu.Unlock()
	sleep(ctx, takes)
	return list, ctx.Err()
}

func (h fakeHypervisor) Start(ctx context.Context, g guest) error {
	return h.effect("start "+g.Name, func() error {
		if err := h.await(ctx); err != nil {
			return err
		}
		h.w.mu.Lock()
		defer h.w.mu.Unlock()
		if !slices.ContainsFunc(h.w.ports, func(p port) bool { return p.Tap == g.NICs[0].Tap }) {
			h.w.doubled = append(h.w.doubled, g.Name+" started without its port")
		}
		for name, other := range h.w.guests {
			if name != g.Name && other.running && other.guest.Disk == g.Disk {
				h.w.doubled = append(h.w.doubled, g.Name+" and "+name+" on one disk")
			}
		}
		if _, err := os.Stat(g.Disk); err != nil {
			return err
		}
		known := h.w.guests[g.Name]
		if known == nil {
			known = &fakeGuest{w: h.w, busy: make(chan struct{}, 1)}
			h.w.guests[g.Name] = known
		}
		if known.running {
			return nil
		}
		known.guest = g
		known.boot()
		return nil
	})
}

func (h fakeHypervisor) Shutdown(ctx context.Context, name string) error {
	return h.effect("shutdown "+name, func() error {
		h.w.turnOff(name)
		return h.await(ctx)
	})
}

func (h fakeHypervisor) Remove(ctx context.Context, name string) error {
	return h.effect("remove "+name, func() error {
		if err := h.await(ctx); err != nil {
			return err
		}
		h.w.turnOff(name)
		h.w.mu.Lock()
		defer h.w.mu.Unlock()
		delete(h.w.guests, name)
		return nil
	})
}

func (h fakeHypervisor) CreateOverlay(_ context.Context, base, overlay string, _ int) error {
	return h.effect("overlay "+overlay, func() error {
		if _, err := os.Stat(overlay); err == nil {
			return nil
		}
		return os.WriteFile(overlay, []byte(base), 0o600)
	})
}

type fakeFabric struct{ *agentProcess }

func (f fakeFabric) Setup(context.Context) error { return f.w.fabricErr }

func (f fakeFabric) Twins(context.Context) (map[string]uint64, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	return maps.Clone(f.w.twins), f.w.fabricErr
}

func (f fakeFabric) HasUplink(context.Context) bool { return true }

func (f fakeFabric) TapName(clusterID, vnode, leg string) string {
	return fmt.Sprintf("%.4s-%.8s%.1s", clusterID, vnode, leg)
}

func (f fakeFabric) Ports(context.Context) ([]port, error) {
	f.w.mu.Lock()
	defer f.w.mu.Unlock()
	return slices.Clone(f.w.ports), f.w.fabricErr
}

func (f fakeFabric) Apply(ctx context.Context, ports []port) error {
	return f.effect(fmt.Sprintf("apply %d ports", len(ports)), func() error {
		if !sleep(ctx, 5*time.Millisecond+f.w.applyTakes) {
			return ctx.Err()
		}
		f.w.mu.Lock()
		defer f.w.mu.Unlock()
		if err := cmp.Or(f.w.fabricErr, f.w.applyErr); err != nil {
			return err
		}
		var bad error
		ports = slices.DeleteFunc(slices.Clone(ports), func(p port) bool {
			if p.Tap == f.w.badTap {
				bad = fmt.Errorf("tap %s cannot be made", p.Tap)
			}
			return p.Tap == f.w.badTap
		})
		open := map[string]bool{}
		for _, p := range ports {
			if p.Outside && p.Open {
				open[p.key.Cluster] = true
				if f.w.opened[p.key.Cluster].IsZero() {
					f.w.opened[p.key.Cluster] = time.Now()
				}
			}
		}
		for id := range f.w.opened {
			if !open[id] && f.w.closed[id].IsZero() {
				f.w.closed[id] = time.Now()
			}
		}
		f.w.ports = ports
		f.w.applies++
		return bad
	})
}

type fakeImages struct{ *agentProcess }

func (i fakeImages) Has(address string) bool {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	return i.w.pool[address]
}

func (i fakeImages) Boot(address string) (bootFiles, error) {
	if !i.Has(address) {
		return bootFiles{}, errors.New("no such image")
	}
	return bootFiles{Disk: "/images/" + address, Kernel: "/kernel", Initrd: "/initrd"}, nil
}

func (i fakeImages) List() ([]string, error) {
	i.w.mu.Lock()
	defer i.w.mu.Unlock()
	return slices.Sorted(maps.Keys(i.w.pool)), nil
}

func (i fakeImages) Fetch(ctx context.Context, address string, progress func(int)) error {
	for _, percent := range []int{0, 50, 100} {
		progress(percent)
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
	return i.effect("fetch", func() error {
		i.w.mu.Lock()
		defer i.w.mu.Unlock()
		if i.w.remote == nil {
			return errors.New("manager is down")
		}
		i.w.pool[address] = true
		i.w.fetched[address]++
		return nil
	})
}

func (i fakeImages) Prune(func(string) bool) error { return nil }

type fakeManager struct{ *agentProcess }

func (m fakeManager) Watch(ctx context.Context, accept func(pnode.Desired) error) error {
	for {
		newer := m.w.newer.wait()
		m.w.mu.Lock()
		d := m.w.remote
		m.w.mu.Unlock()
		if d == nil {
			return errors.New("manager is down")
		}
		if err := accept(*d); err != nil {
			return err
		}
		select {
		case <-newer:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (m fakeManager) RenewAt() time.Time {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return m.w.renewAt
}

func (m fakeManager) Renew(_ context.Context, keep func(agentapi.Enrolled) error) error {
	if err := keep(agentapi.Enrolled{Key: []byte("key"), Certificate: []byte("new"), CA: []byte("ca")}); err != nil {
		return err
	}
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.w.renewAt = m.w.renewAt.AddDate(1, 0, 0)
	return nil
}

func (m fakeManager) Report(_ context.Context, r pnode.Report) error {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	if m.w.remote == nil {
		return errors.New("manager is down")
	}
	m.w.reports = append(m.w.reports, r)
	return nil
}

// want makes the manager want d; nil takes the manager down.
func (w *world) want(d *pnode.Desired) {
	w.mu.Lock()
	w.remote = d
	w.mu.Unlock()
	w.newer.fire()
}

func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// view is a copy of what tests ask a world for.
type view struct {
	opened, closed, turnedOff map[string]time.Time
	starts, fetched           map[string]int
	disks                     map[string]string
	reports                   []pnode.Report
	effects, applies          int
	doubled                   []string
}

func (w *world) view() view {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := view{
		opened: maps.Clone(w.opened), closed: maps.Clone(w.closed), turnedOff: maps.Clone(w.turnedOff),
		fetched: maps.Clone(w.fetched), starts: map[string]int{}, disks: map[string]string{},
		reports: slices.Clone(w.reports), effects: w.effects, applies: w.applies, doubled: slices.Clone(w.doubled),
	}
	for name, g := range w.guests {
		v.starts[name], v.disks[name] = g.starts, g.guest.Disk
	}
	return v
}

// running are the names of the guests that run, sorted.
func (w *world) running() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name, g := range w.guests {
		if g.running {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// leftovers are what is there of any cluster.
func (w *world) leftovers() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var left []string
	for name := range w.guests {
		left = append(left, "guest "+name)
	}
	for _, p := range w.ports {
		left = append(left, "port "+p.Tap)
	}
	for _, dir := range []string{vnodesDir, socketsDir} {
		entries, err := os.ReadDir(w.dir + "/" + dir)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, "file "+dir+"/"+e.Name())
		}
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		raw, err := os.ReadFile(w.dir + "/" + e.Name())
		if err == nil && strings.Contains(string(raw), "top secret") {
			left = append(left, "secret in "+e.Name())
		}
	}
	slices.Sort(left)
	return left
}

// await waits until the agent's report satisfies ok.
func (p *agentProcess) await(what string, within time.Duration, ok func(pnode.Report) bool) {
	p.w.t.Helper()
	deadline := time.Now().Add(within)
	for !ok(p.currentReport()) {
		if time.Now().After(deadline) {
			raw, _ := json.MarshalIndent(p.currentReport(), "", " ")
			p.w.t.Fatalf("%s did not come within %s:\n%s", what, within, raw)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func ready(id string, n int) func(pnode.Report) bool {
	return func(r pnode.Report) bool {
		count := 0
		for _, v := range vnodesOf(r, id) {
			if v.Ready && v.Running && v.Progress == 100 {
				count++
			}
		}
		return count == n
	}
}

func gone(id string) func(pnode.Report) bool {
	return func(r pnode.Report) bool {
		return slices.ContainsFunc(r.Clusters, func(c pnode.ClusterStatus) bool { return c.ID == id && c.Gone })
	}
}

func vnodesOf(r pnode.Report, id string) []pnode.VnodeStatus {
	for _, c := range r.Clusters {
		if c.ID == id {
			return c.Vnodes
		}
	}
	return nil
}

const (
	farm = "aaaaaaaa-0000-4000-8000-000000000001"
	shop = "bbbbbbbb-0000-4000-8000-000000000002"
)

func testImage() string { return strings.Repeat("ab", 32) }

// testCluster is a gateway and a compute node.
func testCluster(id, name string, vlan int, openAt, closeAt time.Time) pnode.Cluster {
	leg := func(network string, n int) vnode.Leg {
		return vnode.Leg{Network: network, MAC: fmt.Sprintf("52:54:00:00:%02x:%02x", vlan, n), Address: fmt.Sprintf("10.1.0.%d/24", n)}
	}
	identity := func(name string, legs ...vnode.Leg) vnode.Identity {
		return vnode.Identity{Hostname: name, Cluster: id, Legs: legs, Secrets: map[string]string{"condor.pool": "top secret"}}
	}
	size := pnode.Vnode{CPUs: 1, MemoryMiB: 512, DiskMiB: 4096, Image: testImage(), Incarnation: 1}
	gateway, compute := size, size
	gateway.Name, gateway.Appliance = "gateway", cluster.Gateway
	gateway.Identity = identity("gateway", leg(cluster.PrivateNetwork, 1), leg(cluster.OutsideNetwork, 2))
	compute.Name, compute.Appliance = "compute-0", cluster.Compute
	compute.Identity = identity("compute-0", leg(cluster.PrivateNetwork, 3))
	return pnode.Cluster{
		ID: id, Name: name, Tenant: "demo", VLAN: vlan, OpenAt: openAt, CloseAt: closeAt,
		Vnodes: []pnode.Vnode{gateway, compute},
	}
}
