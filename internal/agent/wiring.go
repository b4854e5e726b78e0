package agent

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// wireEvery is how often the switch is told again what it should be.
	wireEvery  = 15 * time.Second
	wireWithin = 20 * time.Second
)

// wiring is what is known of the switch.
type wiring struct {
	round uint64 // of the last plan that the switch was equal to
	at    time.Time
	equal bool // to what was wanted
	known bool // ports is what the switch has, not a guess
	ports []port
}

// has says whether any port of a cluster is there.
func (w wiring) has(id string) bool {
	return slices.ContainsFunc(w.ports, func(p port) bool { return p.key.Cluster == id })
}

// wire makes the switch equal to the plan and notes which clusters' outside
// legs that opened and closed. A port that cannot be made holds up no other:
// what the switch did take counts, also when an error is returned.
func (a *agent) wire(ctx context.Context, round uint64, p plan) error {
	a.mu.Lock()
	old := a.applied
	a.mu.Unlock()
	fresh := old.equal && time.Since(old.at) < wireEvery && slices.EqualFunc(old.ports, p.ports, equalPorts)
	if fresh {
		a.mu.Lock()
		a.applied.round = round
		a.mu.Unlock()
		a.wired.fire()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wireWithin)
	defer cancel()
	err := a.applyPorts(ctx, p.ports)
	next := wiring{round: round, at: time.Now(), equal: err == nil, known: true, ports: p.ports}
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return err
		}
		a.log.WarnContext(ctx, "cannot wire all ports", "error", err)
		next.round = old.round
		ports, portsErr := a.fabric.Ports(ctx)
		if portsErr != nil {
			ports = old.ports
		}
		next.known, next.ports = portsErr == nil, ports
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setTrouble("switch", err)
	a.applied = next
	if next.known {
		a.noteLegs(ctx, next.ports)
	}
	a.wired.fire()
	return err
}

// applyPorts is called by converge only.
func (a *agent) applyPorts(ctx context.Context, ports []port) error {
	if !a.fabricSetUp {
		if err := a.fabric.Setup(ctx); err != nil {
			return err
		}
		a.fabricSetUp = true
	}
	return a.fabric.Apply(ctx, ports)
}

// isWired says whether the switch has every leg of a vnode.
func (a *agent) isWired(t target) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range t.nics {
		if !slices.ContainsFunc(a.applied.ports, func(p port) bool { return p.Tap == n.Tap && p.MAC == n.MAC }) {
			return false
		}
	}
	return true
}

func equalPorts(a, b port) bool {
	return a.Tap == b.Tap && a.Outside == b.Outside && a.VLAN == b.VLAN && a.MAC == b.MAC && a.Open == b.Open &&
		a.Router == b.Router && a.key == b.key && slices.Equal(a.Addresses, b.Addresses)
}
