package manager

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/store"
)

// ledger is what the site has and what is held of it, read in one transaction.
// It is derived from the clusters themselves, so that it cannot disagree with
// them.
type ledger struct {
	pnodes   []calendar.Pnode
	silent   map[string]bool // pnodes that do not answer
	calendar *calendar.Calendar
	live     []cluster.Cluster
	now      time.Time
}

func (m *Manager) readLedger(tx *store.Tx, now time.Time) (ledger, error) {
	rows, err := tx.Pnodes()
	if err != nil {
		return ledger{}, err
	}
	l := ledger{now: now, silent: map[string]bool{}}
	for _, p := range rows {
		l.silent[p.Name] = m.lost(p, now)
		l.pnodes = append(l.pnodes, calendar.Pnode{
			Name: p.Name, Capacity: calendar.Size{CPUs: p.Facts.CPUs, MemoryMiB: p.Facts.MemoryMiB, DiskMiB: p.Facts.DiskMiB},
			Uplink: p.Facts.Uplink, Accelerator: p.Facts.Accelerator,
			Drained: p.Drained || p.Facts.Accelerator == "", Lost: l.silent[p.Name],
		})
	}
	if l.calendar, err = calendar.New(calendar.Site{Pnodes: l.pnodes, Pools: m.site.pools()}); err != nil {
		return ledger{}, err
	}
	l.calendar.Advance(now)
	if l.live, err = tx.Clusters(store.ClusterFilter{Live: true}); err != nil {
		return ledger{}, err
	}
	for _, c := range l.live {
		if err := l.calendar.Put(bookingOf(c, now)); err != nil {
			return ledger{}, fmt.Errorf("cluster %s in the calendar: %w", c.ID, err)
		}
	}
	return l, nil
}

// lost reports whether a pnode does not answer.
func (l ledger) lost(pnode string) bool { return l.silent[pnode] }

// sortedKeys makes loops over maps deterministic.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
