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
	away := mustMove(c, m.harms(c), now)
	next := c
	next.Nodes = slices.Clone(c.Nodes)
	var events []cluster.Event
	if c.State.Live() && c.State != cluster.Ending {
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

// mustMove lists the vnodes that have to be elsewhere: of a cluster that is only
// booked those that cannot stay, of one that is being prepared those on lost
// pnodes.
func mustMove(c cluster.Cluster, harms []calendar.Harm, now time.Time) []calendar.Harm {
	soon := c.State == cluster.Preparing || c.State == cluster.Ready && now.Before(c.Start)
	if c.State != cluster.Booked && !soon {
		return nil
	}
	return slices.DeleteFunc(harms, func(h calendar.Harm) bool {
		leaving := slices.ContainsFunc(c.Nodes, func(n cluster.Node) bool { return n.Name == h.Vnode && n.Leaving })
		return leaving || soon && h.Kind != calendar.HarmLost && h.Kind != calendar.HarmGone
	})
}

// harms lists the vnodes of a cluster that cannot stay where they are.
func (m *Manager) harms(c cluster.Cluster) (list []calendar.Harm) {
	m.ledger.Ask(func(cal *calendar.Calendar) { list = cal.Harms(c.ID) })
	return list
}

// retry makes a vnode anew whose scripts or checks failed before the cluster
// had it, once: a second failure of the same thing is no accident.
func retry(c *cluster.Cluster, incarnations map[string]int, now time.Time) []cluster.Event {
	var events []cluster.Event
	for i := range c.Nodes {
		n := &c.Nodes[i]
		unused := (c.State == cluster.Preparing || n.Joining) && !n.Leaving
		if !unused || n.State != cluster.NodeFailed || incarnations[n.Name] >= retries {
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
func (m *Manager) replace(tx *store.Tx, c *cluster.Cluster, away []calendar.Harm, in survey) ([]cluster.Event, error) {
	if len(away) == 0 {
		return nil, nil
	}
	after, err := relocate(transaction{m, tx, in.now}, *c, away, in.now)
	if _, refused := errors.AsType[*calendar.Refusal](err); refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return moved(c, after, away, in.now), nil
}

// relocate finds other pnodes for vnodes, if need be where best-effort clusters are.
func relocate(d desk, c cluster.Cluster, away []calendar.Harm, now time.Time) (after calendar.Booking, err error) {
	_, err = yielding(d, now, c.ID, func(cal *calendar.Calendar) (err error) {
		after, err = elsewhere(cal, c, away)
		return err
	})
	return after, err
}

// elsewhere plans the vnodes anew that have to be elsewhere.
func elsewhere(cal *calendar.Calendar, c cluster.Cluster, away []calendar.Harm) (calendar.Booking, error) {
	if c.State == cluster.Booked { // nothing of it is anywhere yet: all of it may move
		r, _ := cal.Rescue(c.ID)
		if r.Refusal != nil && len(r.Moves) == 0 {
			return calendar.Booking{}, r.Refusal
		}
		after, _ := cal.Booking(c.ID)
		return after, nil
	}
	change, err := cal.Relocate(c.ID, names(away))
	return change.After, err
}

func names(list []calendar.Harm) (vnodes []string) {
	for _, h := range list {
		vnodes = append(vnodes, h.Vnode)
	}
	return vnodes
}

// moved puts a cluster's vnodes where they were planned anew.
func moved(c *cluster.Cluster, after calendar.Booking, away []calendar.Harm, now time.Time) []cluster.Event {
	var events []cluster.Event
	for i := range c.Nodes {
		n := &c.Nodes[i]
		to := after.Pnode(n.Name)
		if to == n.Pnode {
			continue
		}
		why, detail := "others had to move", (*cluster.EventDetail)(nil)
		if at := slices.IndexFunc(away, func(h calendar.Harm) bool { return h.Vnode == n.Name }); at >= 0 {
			if why = away[at].Why; away[at].Kind == calendar.HarmLost {
				detail = &cluster.EventDetail{Silent: n.Pnode}
			}
		}
		events = append(events, cluster.Event{
			Time: now, Cluster: c.Name, Node: n.Name, Type: "warning", Message: fmt.Sprintf("%s: placed on %s instead", why, to), Detail: detail,
		})
		n.Pnode, n.State, n.Stage, n.Progress, n.Message = to, cluster.NodePending, "", 0, ""
		if c.State == cluster.Ready && !n.Joining {
			c.State, c.ReadyAt = cluster.Preparing, nil
		}
	}
	return events
}

// risk says why a booked cluster may not be ready by its start although there
// is time enough: its pnodes cannot take it and there is no room elsewhere.
func risk(c cluster.Cluster, away []calendar.Harm) string {
	if c.State != cluster.Booked || len(away) == 0 {
		return ""
	}
	return fmt.Sprintf("%s, and there is no room elsewhere for %s", away[0].Why, strings.Join(names(away), ", "))
}

// plight says what keeps the pnodes of a cluster that does not move any more
// from keeping it, beside not answering, which its vnodes tell themselves, and
// being drained, which lets it stay.
func plight(c cluster.Cluster, harms []calendar.Harm) string {
	if !begun(c) || c.State == cluster.Ending || !c.State.Live() {
		return ""
	}
	var lines []string
	for _, h := range harms {
		switch h.Kind {
		case calendar.HarmMaintenance, calendar.HarmCapacity, calendar.HarmLabel, calendar.HarmRack:
			if !slices.Contains(lines, h.Why) {
				lines = append(lines, h.Why)
			}
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "; ") + ": the cluster has begun and stays"
}
