package agent

import (
	"context"
	"slices"
	"time"

	"quarry/internal/pnode"
)

// goneFor is how long a cluster that nobody wants is still reported gone.
const goneFor = time.Hour

// noteLegs records what the switch was just told about outside legs. a.mu is held.
func (a *agent) noteLegs(ctx context.Context, ports []port) {
	open := map[string]bool{}
	for _, p := range ports {
		if p.Outside && p.Open {
			open[p.key.Cluster] = true
		}
	}
	now := a.now().UTC()
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
	if !a.applied.known {
		return
	}
	noted := false
	for _, id := range gone {
		e, known := a.ledger[id]
		if known && e.Gone != nil || a.applied.has(id) || !a.guestless(id) {
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
		now := a.now().UTC()
		e.Gone = &now
		a.ledger[id] = e
		noted = true
		a.log.InfoContext(ctx, "nothing is left of a cluster", "cluster", id)
	}
	for id, e := range a.ledger {
		if e.Gone != nil && a.now().Sub(*e.Gone) > goneFor && !a.wants(id) {
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
		if d.Clusters[i].ID == id && len(d.Clusters[i].Vnodes) > 0 && !a.now().Before(d.Clusters[i].CloseAt) {
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
		if !a.now().Before(c.CloseAt) {
			continue
		}
		for _, v := range c.Vnodes {
			if guestName(c, v.Name) == name && !v.End {
				return false
			}
		}
	}
	return true
}
