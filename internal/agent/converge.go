package agent

import (
	"context"
	"slices"
	"time"

	"quarry/internal/pnode"
)

const (
	// planEvery bounds how long a step of the wall clock goes unnoticed.
	planEvery = 5 * time.Second
	// wireEvery is how often the switch is told again what it should be.
	wireEvery  = 30 * time.Second
	wireWithin = 20 * time.Second
	// goneFor is how long a cluster that nobody wants is still reported gone.
	goneFor = time.Hour
)

// converge makes plans and carries them out, at each instant at which
// something is due and whenever something changed.
func (a *agent) converge(ctx context.Context) {
	pause := backoff{first: time.Second, most: 15 * time.Second}
	for round := uint64(1); ctx.Err() == nil; round++ {
		p, planned := a.plan(ctx, round)
		wait := planEvery
		if planned {
			if err := a.wire(ctx, round, p); err != nil {
				wait = pause.next()
			} else {
				pause.reset()
				a.finish(ctx, p.gone)
			}
		}
		if planned && !p.next.IsZero() {
			wait = min(wait, max(0, time.Until(p.next)))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-a.kick:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// plan decides what has to be now and tells every vnode's runner.
func (a *agent) plan(ctx context.Context, round uint64) (plan, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired == nil {
		return plan{}, false
	}
	p := makePlan(*a.desired, a.actual(), a.fabric.TapName, time.Now())
	for key, w := range p.run {
		r := a.runners[key]
		if r == nil {
			r = newRunner(a, key, record{Cluster: key.Cluster, Name: key.Vnode})
			a.runners[key] = r
		}
		if e, known := a.ledger[key.Cluster]; !known || e.Gone != nil {
			a.ledger[key.Cluster] = entry{}
		}
		a.point(ctx, r, target{wanted: w, round: round})
	}
	for _, key := range p.end {
		a.point(ctx, a.runners[key], target{end: true, round: round})
	}
	return p, true
}

// point gives a runner its target and starts it if it does not run yet.
func (a *agent) point(ctx context.Context, r *runner, t target) {
	if r.setTarget(t) {
		a.work.Go(func() { r.run(ctx) })
	}
}

// wire makes the switch equal to the plan and notes which clusters' outside
// legs that opened and closed.
func (a *agent) wire(ctx context.Context, round uint64, p plan) error {
	a.mu.Lock()
	same := !a.applied.at.IsZero() && time.Since(a.applied.at) < wireEvery && slices.EqualFunc(a.applied.ports, p.ports, equalPorts)
	a.mu.Unlock()
	if !same {
		applyCtx, cancel := context.WithTimeout(ctx, wireWithin)
		err := a.applyPorts(applyCtx, p.ports)
		cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.trouble("switch", err)
		if err != nil {
			a.mu.Lock()
			a.applied.at = time.Time{} // nobody knows what it is now
			a.mu.Unlock()
			a.log.WarnContext(ctx, "cannot wire the ports", "error", err)
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.applied.round = round
	if !same {
		a.applied = wiring{round: round, at: time.Now(), ports: p.ports, keys: map[Key]bool{}}
		for _, port := range p.ports {
			a.applied.keys[port.key] = true
		}
		a.noteLegs(ctx, p.ports)
	}
	a.wired.fire()
	return nil
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

func equalPorts(a, b port) bool {
	return a.Tap == b.Tap && a.Outside == b.Outside && a.VLAN == b.VLAN && a.MAC == b.MAC && a.Open == b.Open &&
		a.Router == b.Router && a.key == b.key && slices.Equal(a.Addresses, b.Addresses)
}

// noteLegs records what the switch was just told about outside legs. a.mu is held.
func (a *agent) noteLegs(ctx context.Context, ports []port) {
	open := map[string]bool{}
	for _, p := range ports {
		if p.Outside && p.Open {
			open[p.key.Cluster] = true
		}
	}
	now := time.Now().UTC()
	noted := false
	for id, e := range a.ledger {
		switch {
		case open[id] && (e.Opened == nil || e.Closed != nil):
			if e.Opened == nil {
				e.Opened = &now
			}
			e.Closed = nil
			a.log.InfoContext(ctx, "opened the outside leg", "cluster", id)
		case !open[id] && e.Opened != nil && e.Closed == nil:
			e.Closed = &now
			a.log.InfoContext(ctx, "closed the outside leg", "cluster", id)
		default:
			continue
		}
		a.ledger[id] = e
		noted = true
	}
	if noted {
		a.saveLedger(ctx)
	}
}

// finish removes the last traces of clusters of which nothing is left.
func (a *agent) finish(ctx context.Context, gone []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	noted := false
	for _, id := range gone {
		e, known := a.ledger[id]
		if known && e.Gone != nil || !a.guestless(id) {
			continue
		}
		err := a.files.wipeCluster(id)
		if err == nil {
			err = a.forgetIdentities(id)
		}
		a.setTrouble("cluster "+id, err)
		if err != nil {
			continue
		}
		now := time.Now().UTC()
		e.Gone = &now
		a.ledger[id] = e
		noted = true
		a.log.InfoContext(ctx, "nothing is left of a cluster", "cluster", id)
	}
	for id, e := range a.ledger {
		if e.Gone != nil && time.Since(*e.Gone) > goneFor && !a.wants(id) {
			delete(a.ledger, id)
			noted = true
		}
	}
	if noted {
		a.saveLedger(ctx)
	}
}

// guestless says whether the hypervisor was seen without a guest of a cluster.
func (a *agent) guestless(id string) bool {
	s := a.observer.lastGood()
	if s.seq == 0 {
		return false
	}
	for name := range s.guests {
		if ofCluster(name, id) {
			return false
		}
	}
	return true
}

// wants says whether the desired state names a cluster. a.mu is held.
func (a *agent) wants(id string) bool {
	return slices.ContainsFunc(a.desired.Clusters, func(c pnode.Cluster) bool { return c.ID == id })
}

// forgetIdentities takes an ended cluster's vnodes, and so its secrets, out
// of the desired state on disk. A newer one may bring them back. a.mu is held.
func (a *agent) forgetIdentities(id string) error {
	d := *a.desired
	d.Clusters = slices.Clone(d.Clusters)
	found := false
	for i := range d.Clusters {
		if d.Clusters[i].ID == id && len(d.Clusters[i].Vnodes) > 0 && !time.Now().Before(d.Clusters[i].CloseAt) {
			d.Clusters[i].Vnodes = nil
			found = true
		}
	}
	if !found {
		return nil
	}
	if err := a.files.write(desiredFile, d); err != nil {
		return err
	}
	a.desired = &d
	return nil
}

// saveLedger keeps the ledger; times that were lost are noted anew. a.mu is held.
func (a *agent) saveLedger(ctx context.Context) {
	err := a.files.write(ledgerFile, a.ledger)
	a.setTrouble("ledger", err)
	if err != nil {
		a.log.WarnContext(ctx, "cannot keep when clusters opened", "error", err)
	}
	a.changed.fire()
}

// removeStrays removes guests of Quarry's that no vnode of this pnode knows.
func (a *agent) removeStrays(ctx context.Context) {
	seen := uint64(0)
	for {
		err := a.observer.seen.until(ctx, func() bool { return a.observer.lastGood().seq > seen })
		if err != nil {
			return
		}
		s := a.observer.lastGood()
		seen = s.seq
		for name := range s.guests {
			if !a.isStray(name) {
				continue
			}
			a.log.WarnContext(ctx, "removing a guest that belongs to no vnode", "guest", name)
			removeCtx, cancel := context.WithTimeout(ctx, removeWithin)
			err := a.hypervisor.Remove(removeCtx, name)
			cancel()
			a.trouble("guest "+name, err)
		}
	}
}

func (a *agent) isStray(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired == nil {
		return false
	}
	for _, r := range a.runners {
		if r.guestName() == name {
			return false
		}
	}
	for _, c := range a.desired.Clusters {
		if !time.Now().Before(c.CloseAt) {
			continue
		}
		for _, v := range c.Vnodes {
			if guestName(c, v.Name) == name {
				return false
			}
		}
	}
	return true
}
