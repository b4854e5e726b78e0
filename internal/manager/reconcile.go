package manager

import (
	"context"
	"errors"
	"reflect"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/estimate"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// atMost bounds how long the controllers sleep: silence of a pnode, and a
// clock that was set, are noticed by looking.
const atMost = 5 * time.Second

// Run compares what is wanted with what is, again and again, until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	defer m.work.Wait()
	for {
		changed := m.Store.Changed()
		next, err := m.reconcile(ctx)
		if err != nil && ctx.Err() == nil {
			m.Log.ErrorContext(ctx, "reconcile failed", "error", err)
		}
		timer := time.NewTimer(min(atMost, max(next.Sub(m.Now()), time.Millisecond)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-changed:
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// reconcile takes every live cluster one step further, tells the agents what
// is wanted now, and returns the next instant at which something is due.
func (m *Manager) reconcile(ctx context.Context) (time.Time, error) {
	now := m.Now().UTC()
	var in survey
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		in, err = m.survey(tx, now)
		return err
	})
	if err != nil {
		return now.Add(atMost), err
	}
	if err := m.ledger.SetPnodes(in.pnodes); err != nil {
		return now.Add(atMost), err
	}
	var wanted []wantedCluster
	var errs []error
	for _, c := range in.live {
		f, err := m.dossier(ctx, c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if c.State.Live() && c.State != cluster.Ending && c.State != cluster.Held {
			m.buildMissing(ctx, c, f.dossier, now)
		}
		next, err := m.advance(ctx, c, f, in, now)
		if err != nil {
			errs = append(errs, err)
			next = c
		}
		if next.EndedAt == nil {
			wanted = append(wanted, wantedCluster{next, f, m.assembled(next, f.dossier, in), cluster.Notices(next, f.local)})
		}
	}
	if len(errs) == 0 { // a state that lacks a cluster would end it
		m.publish(ctx, in.pnodes, wanted)
	}
	return nextDue(wanted, now), errors.Join(errs...)
}

// advance takes one cluster one step further and writes down what became of it.
func (m *Manager) advance(ctx context.Context, c cluster.Cluster, f *file, in survey, now time.Time) (cluster.Cluster, error) {
	if err := m.keepOn(ctx, c, now); err != nil {
		return c, err
	}
	c, err := m.repair(ctx, c, f, in, now)
	if err != nil {
		return c, err
	}
	var expected forecast
	if !c.State.Begun() || c.State == cluster.Preparing {
		expected = m.forecasts(f.dossier).placed().forecast(c, f.dossier)
	}
	if c, err = m.retime(ctx, c, expected, now); err != nil {
		return c, err
	}
	w := m.world(c, f, in, expected, now)
	m.mu.Lock()
	m.expected[c.ID] = w.Expected
	m.mu.Unlock()
	next, events := cluster.Step(c, w)
	if len(events) == 0 && reflect.DeepEqual(next, c) {
		return c, nil
	}
	learned := m.learned(c, next, f, now)
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		if err := m.putCluster(tx, &next, events); err != nil {
			return err
		}
		if err := insertSamples(tx, learned); err != nil {
			return err
		}
		if next.EndedAt != nil {
			return tx.DeleteClusterSecrets(c.ID)
		}
		return nil
	})
	if fault.KindOf(err) == fault.Conflict { // somebody was faster: look again
		m.poke()
		return c, nil
	}
	if err != nil {
		return c, err
	}
	for _, e := range events {
		m.Log.InfoContext(ctx, "cluster event", "cluster", c.Name, "tenant", c.Tenant, "node", e.Node, "type", e.Type, "message", e.Message)
	}
	m.estimates.Add(learned...)
	m.forget(next)
	return next, nil
}

// learned is what a step tells about how long things take.
func (m *Manager) learned(old, next cluster.Cluster, f *file, now time.Time) (list []estimate.Sample) {
	if old.ReadyAt == nil && next.ReadyAt != nil {
		list = m.prepared(next, f.dossier, now)
	}
	if old.EndedAt == nil && next.EndedAt != nil {
		list = append(list, m.wiped(next, f.dossier, now)...)
	}
	return list
}

// forget drops what is remembered of a cluster that is over.
func (m *Manager) forget(next cluster.Cluster) {
	if next.EndedAt != nil {
		m.mu.Lock()
		delete(m.files, next.ID)
		delete(m.expected, next.ID)
		m.mu.Unlock()
	}
}

// nextDue is the next instant at which a cluster begins, opens or ends.
func nextDue(list []wantedCluster, now time.Time) time.Time {
	next := now.Add(time.Hour)
	for _, w := range list {
		due := []time.Time{w.c.PrepareAt, w.c.Start, w.c.End}
		if w.c.HoldUntil != nil {
			due = append(due, *w.c.HoldUntil)
		}
		for _, at := range due {
			if at.After(now) && at.Before(next) {
				next = at
			}
		}
	}
	return next
}
