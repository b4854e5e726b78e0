package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// noticeable is how much an estimate has to grow before a cluster is planned
// anew for it.
const noticeable = 10 * time.Second

// prepareEarlier lets the preparation of a booked cluster begin earlier when
// it is known by now to take longer than was thought. Where there is no room
// for that the cluster's conditions say that it may be late.
func (m *Manager) prepareEarlier(ctx context.Context, c cluster.Cluster, f *file, h history, now time.Time) (cluster.Cluster, error) {
	lead := h.lead(m.missing(f.dossier))
	if !tooShort(c, lead, now) {
		return c, nil
	}
	var next cluster.Cluster
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		var change calendar.Change
		err := m.ledger.Change(tx, now, c.ID, func(cal *calendar.Calendar) (err error) {
			change, err = cal.Reprepare(c.ID, lead)
			return err
		})
		if err != nil {
			return err
		}
		var event cluster.Event
		next, event = prepared(c, change.After.Plan, lead, now)
		return m.putCluster(tx, &next, []cluster.Event{event})
	})
	if _, refused := errors.AsType[*calendar.Refusal](err); refused {
		return c, nil
	}
	if fault.KindOf(err) == fault.Conflict {
		m.poke()
		return c, nil
	}
	if err != nil {
		return c, err
	}
	return next, nil
}

// tooShort reports whether the time set aside for preparing a booked cluster
// is noticeably less than it is known by now to take.
func tooShort(c cluster.Cluster, lead time.Duration, now time.Time) bool {
	return c.State == cluster.Booked && now.Before(c.PrepareAt) && c.PrepareAt.Sub(later(c.Start.Add(-lead), now)) >= noticeable
}

// prepared is a booked cluster whose preparation was planned anew.
func prepared(c cluster.Cluster, plan calendar.Plan, lead time.Duration, now time.Time) (cluster.Cluster, cluster.Event) {
	next := c
	next.PrepareAt = plan.From
	next.Nodes = slices.Clone(c.Nodes)
	for i := range next.Nodes {
		next.Nodes[i].Pnode = plan.Pnode(next.Nodes[i].Name)
	}
	return next, cluster.Event{Time: now, Cluster: c.Name, Type: "changed", Message: fmt.Sprintf(
		"preparation begins at %s instead of %s: it is expected to take %s",
		next.PrepareAt.Format(time.RFC3339), c.PrepareAt.Format(time.RFC3339), lead)}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
