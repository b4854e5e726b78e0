package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	ahead                 atomic.Int64         // how far the pnode's clock is
}

// now is the pnode's clock, set ahead or back.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

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
	began := time.Now()
	elapsed := func() time.Duration { return time.Since(began) }
	p.agent = newAgent(Config{Dir: w.dir, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil))}, deps{
		hypervisor: fakeHypervisor{p}, fabric: fakeFabric{p}, images: fakeImages{p}, manager: fakeManager{p}, dial: p.dial, wall: w.now, elapsed: elapsed,
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
