package manager

import (
	"context"
	"fmt"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// repair makes failed vnodes anew and places those of lost pnodes elsewhere,
// as long as the cluster has not started. A started cluster's vnodes do not move.
func (m *Manager) repair(ctx context.Context, c cluster.Cluster, f *file, in ledger, now time.Time) (cluster.Cluster, error) {
	next := c
	next.Nodes = append([]cluster.Node(nil), c.Nodes...)
	var events []cluster.Event
	switch c.State {
	case cluster.Booked:
		if now.Before(c.PrepareAt) {
			return c, nil
		}
		events = m.replace(&next, in, now)
	case cluster.Preparing:
		events = append(m.replace(&next, in, now), m.retry(&next, f, now)...)
	case cluster.Ready:
		if now.Before(c.Start) {
			events = m.replace(&next, in, now)
		}
	}
	if len(events) == 0 {
		return c, nil
	}
	for _, e := range events {
		f.Incarnations[e.Node]++
	}
	raw, err := f.encode()
	if err != nil {
		return c, err
	}
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		if err := putCluster(tx, &next, events); err != nil {
			return err
		}
		return tx.PutClusterSecrets(c.ID, raw)
	})
	if err != nil {
		for _, e := range events {
			f.Incarnations[e.Node]--
		}
		if fault.KindOf(err) == fault.Conflict {
			m.poke()
			return c, nil
		}
		return c, err
	}
	return next, nil
}

// retry makes a vnode anew whose scripts or checks failed, once: a second
// failure of the same thing is no accident.
func (m *Manager) retry(c *cluster.Cluster, f *file, now time.Time) []cluster.Event {
	var events []cluster.Event
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.State != cluster.NodeFailed || f.Incarnations[n.Name] >= retries {
			continue
		}
		events = append(events, cluster.Event{
			Time: now, Cluster: c.Name, Node: n.Name, Type: "warning", Message: "made anew after it failed: " + n.Message,
		})
		n.State, n.Stage, n.Progress, n.Message = cluster.NodePending, "", 0, ""
	}
	return events
}

// replace finds new pnodes for the vnodes of lost ones. Where there is no
// room the cluster's conditions say so.
func (m *Manager) replace(c *cluster.Cluster, in ledger, now time.Time) []cluster.Event {
	var lost []string
	for _, n := range c.Nodes {
		if in.lost(n.Pnode) {
			lost = append(lost, n.Name)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	change, err := in.calendar.Relocate(c.ID, lost)
	if err != nil {
		return nil
	}
	var events []cluster.Event
	for i := range c.Nodes {
		n := &c.Nodes[i]
		to := change.After.Pnode(n.Name)
		if to == n.Pnode {
			continue
		}
		events = append(events, cluster.Event{
			Time: now, Cluster: c.Name, Node: n.Name, Type: "warning",
			Message: fmt.Sprintf("pnode %s does not answer: placed on %s instead", n.Pnode, to),
		})
		n.Pnode, n.State, n.Stage, n.Progress, n.Message = to, cluster.NodePending, "", 0, ""
	}
	if c.State == cluster.Ready {
		c.State, c.ReadyAt = cluster.Preparing, nil
	}
	return events
}
