package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// repair makes failed vnodes anew and places those elsewhere that cannot stay,
// as long as the cluster has not started. A started cluster's vnodes do not move.
func (m *Manager) repair(ctx context.Context, c cluster.Cluster, f *file, in survey, now time.Time) (cluster.Cluster, error) {
	away := in.away(c)
	next := c
	next.Nodes = slices.Clone(c.Nodes)
	var events []cluster.Event
	if c.State == cluster.Preparing {
		events = retry(&next, f.Incarnations, now)
	}
	if len(away) == 0 && len(events) == 0 {
		return c, nil
	}
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		moved, err := m.replace(tx, &next, away, in)
		if err != nil {
			return err
		}
		if events = append(moved, events...); len(events) == 0 {
			return errNothing
		}
		again := f.dossier
		again.Incarnations = maps.Clone(f.Incarnations)
		for _, e := range events {
			again.Incarnations[e.Node]++
		}
		raw, err := again.encode()
		if err != nil {
			return err
		}
		if err := m.putCluster(tx, &next, events); err != nil {
			return err
		}
		return tx.PutClusterSecrets(c.ID, raw)
	})
	switch {
	case errors.Is(err, errNothing):
		return c, nil
	case fault.KindOf(err) == fault.Conflict:
		m.poke()
		return c, nil
	case err != nil:
		return c, err
	}
	for _, e := range events {
		f.Incarnations[e.Node]++
	}
	return next, nil
}

var errNothing = errors.New("nothing to do")

// away lists the vnodes that have to be elsewhere: of a cluster that is only
// booked those on pnodes that are lost or drained, of one that is being
// prepared those on lost ones.
func (in survey) away(c cluster.Cluster) []string {
	soon := c.State == cluster.Preparing || c.State == cluster.Ready && in.now.Before(c.Start)
	if c.State != cluster.Booked && !soon {
		return nil
	}
	var names []string
	for _, n := range c.Nodes {
		p, known := in.state[n.Pnode]
		if !known || p.Lost || p.Drained && c.State == cluster.Booked {
			names = append(names, n.Name)
		}
	}
	return names
}

// retry makes a vnode anew whose scripts or checks failed, once: a second
// failure of the same thing is no accident.
func retry(c *cluster.Cluster, incarnations map[string]int, now time.Time) []cluster.Event {
	var events []cluster.Event
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.State != cluster.NodeFailed || incarnations[n.Name] >= retries {
			continue
		}
		events = append(events, cluster.Event{
			Time: now, Cluster: c.Name, Node: n.Name, Type: "warning", Message: "made anew after it failed: " + n.Message,
		})
		n.State, n.Stage, n.Progress, n.Message = cluster.NodePending, "", 0, ""
	}
	return events
}

// replace finds new pnodes for vnodes that have to be elsewhere. Where there
// is no room the cluster's conditions say so.
func (m *Manager) replace(tx *store.Tx, c *cluster.Cluster, away []string, in survey) ([]cluster.Event, error) {
	if len(away) == 0 {
		return nil, nil
	}
	var change calendar.Change
	err := m.ledger.Change(tx, in.now, c.ID, func(cal *calendar.Calendar) (err error) {
		change, err = cal.Relocate(c.ID, away)
		return err
	})
	if _, refused := errors.AsType[*calendar.Refusal](err); refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return in.moved(c, change), nil
}

// moved puts a cluster's vnodes where they were planned anew.
func (in survey) moved(c *cluster.Cluster, change calendar.Change) []cluster.Event {
	var events []cluster.Event
	for i := range c.Nodes {
		n := &c.Nodes[i]
		to := change.After.Pnode(n.Name)
		if to == n.Pnode {
			continue
		}
		events = append(events, cluster.Event{
			Time: in.now, Cluster: c.Name, Node: n.Name, Type: "warning",
			Message: fmt.Sprintf("pnode %s %s: placed on %s instead", n.Pnode, in.whyAway(n.Pnode), to),
		})
		n.Pnode, n.State, n.Stage, n.Progress, n.Message = to, cluster.NodePending, "", 0, ""
	}
	if c.State == cluster.Ready {
		c.State, c.ReadyAt = cluster.Preparing, nil
	}
	return events
}

func (in survey) whyAway(pnode string) string {
	switch p, known := in.state[pnode]; {
	case !known:
		return "is no longer part of the site"
	case p.Lost:
		return "does not answer"
	}
	return "is drained"
}

// risk says why a booked cluster may not be ready by its start although there
// is time enough: its pnodes cannot take it and there is no room elsewhere.
func (in survey) risk(c cluster.Cluster) string {
	away := in.away(c)
	if c.State != cluster.Booked || len(away) == 0 {
		return ""
	}
	i := slices.IndexFunc(c.Nodes, func(n cluster.Node) bool { return n.Name == away[0] })
	return fmt.Sprintf("pnode %s %s, and there is no room elsewhere for %s",
		c.Nodes[i].Pnode, in.whyAway(c.Nodes[i].Pnode), strings.Join(away, ", "))
}
