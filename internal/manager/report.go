package manager

import (
	"context"
	"reflect"
	"time"

	"quarry/internal/pnode"
	"quarry/internal/store"
)

// seenEvery is how often a pnode's sign of life is written down; in between
// it is kept in memory only.
const seenEvery = time.Minute

// Report takes what an agent says of its machine.
func (m *Manager) Report(ctx context.Context, name string, r pnode.Report) error {
	if !r.Clock.IsZero() { // an older agent does not say
		m.clock.Hear(name, r.Clock, 1)
	}
	now := m.Now()
	m.mu.Lock()
	old, known := m.reports[name]
	m.reports[name] = seenReport{Report: r, at: now, heard: m.clock.Elapsed()}
	same := known && reflect.DeepEqual(old.Clusters, r.Clusters) && old.Generation == r.Generation && reflect.DeepEqual(old.Images, r.Images)
	m.mu.Unlock()
	if !same {
		m.poke()
	}
	return m.notePnode(ctx, name, r.Facts, now)
}

func (m *Manager) notePnode(ctx context.Context, name string, facts pnode.Facts, now time.Time) error {
	var row store.Pnode
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.Pnode(name)
		return err
	})
	if err != nil {
		return err
	}
	if row.Facts == facts && now.Sub(row.LastSeen) < seenEvery {
		return nil
	}
	if err := m.Store.Update(ctx, func(tx *store.Tx) error { return tx.SeenPnode(name, facts, now) }); err != nil {
		return err
	}
	row.Facts, row.LastSeen = facts, now
	return m.ledger.SetPnode(m.calendarPnode(row))
}
