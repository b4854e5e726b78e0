package manager

import (
	"context"
	"errors"
	"fmt"
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
	if c.State != cluster.Booked || !now.Before(c.PrepareAt) {
		return c, nil
	}
	lead := h.lead(m.missing(f.dossier))
	if begin := later(c.Start.Add(-lead), now); c.PrepareAt.Sub(begin) < noticeable {
		return c, nil
	}
	next := c
	next.Nodes = append([]cluster.Node(nil), c.Nodes...)
	var events []cluster.Event
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		var change calendar.Change
		err := m.ledger.Change(tx, now, c.ID, func(cal *calendar.Calendar) (err error) {
			change, err = cal.Reprepare(c.ID, lead)
			return err
		})
		if err != nil {
			return err
		}
		next.PrepareAt = change.After.From
		events = []cluster.Event{{Time: now, Cluster: c.Name, Type: "changed", Message: fmt.Sprintf(
			"preparation begins at %s instead of %s: it is expected to take %s",
			next.PrepareAt.Format(time.RFC3339), c.PrepareAt.Format(time.RFC3339), lead)}}
		for i := range next.Nodes {
			next.Nodes[i].Pnode = change.After.Pnode(next.Nodes[i].Name)
		}
		return m.putCluster(tx, &next, events)
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

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
