package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"quarry/internal/vnode"
)

// habits are how a guest behaves.
type habits struct {
	silent bool // never speaks
	deaf   bool // ignores shutdown
	fail   string
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
	notices   []vnode.Notice
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
				g.set(func() { g.identity, g.assembled, g.notices = m.Identity, m.Assembled, m.Notices })
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
