package manager

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/store"
)

// yielding does one operation on one booking. Where there is no room for it but
// for best-effort clusters, as few of these as possible end early, in the same
// transaction: those of tenants of the lowest priority class first, of one class
// the newest first.
func (m *Manager) yielding(tx *store.Tx, now time.Time, id string, do func(*calendar.Calendar) error) error {
	err := m.ledger.Change(tx, now, id, do)
	refusal, refused := errors.AsType[*calendar.Refusal](err)
	if !refused || refusal.Request.BestEffort {
		return err
	}
	var from time.Time
	var ids []string
	m.ledger.Ask(func(c *calendar.Calendar) { ids, from = c.BestEffort(), c.NeededFrom(refusal) })
	if len(ids) == 0 {
		return err
	}
	clusters, keep, err := bestEffort(tx, ids)
	if err != nil {
		return err
	}
	var cuts []calendar.Cut
	err = m.ledger.ChangeAll(tx, now, append(slices.Clone(keep), id), func(c *calendar.Calendar) (err error) {
		cuts, err = c.Yield(id, keep, now, from, func() error { return do(c) })
		return err
	})
	if err != nil {
		return err
	}
	for _, cut := range cuts {
		next, event := cluster.Yield(clusters[cut.Before.Request.ID], cut.End, now)
		if err := m.putCluster(tx, &next, []cluster.Event{event}); err != nil {
			return err
		}
	}
	return nil
}

// bestEffort returns the clusters of best-effort bookings, and their IDs with
// those that yield last in front.
func bestEffort(tx *store.Tx, ids []string) (clusters map[string]cluster.Cluster, keep []string, err error) {
	clusters = map[string]cluster.Cluster{}
	rank := map[string]int{}
	for _, id := range ids {
		c, err := tx.ClusterByID(id)
		if err != nil {
			return nil, nil, err
		}
		if c.State == cluster.Ending || !c.State.Live() {
			continue
		}
		_, limits, err := limitsOf(tx, c.Tenant)
		if err != nil {
			return nil, nil, err
		}
		clusters[id], rank[id] = c, limits.Priority.Rank()
		keep = append(keep, id)
	}
	slices.SortFunc(keep, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank[b], rank[a]), clusters[a].CreatedAt.Compare(clusters[b].CreatedAt), strings.Compare(a, b))
	})
	return clusters, keep, nil
}
