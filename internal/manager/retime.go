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

// An estimate has to grow by noticeable before a cluster is planned anew for
// it, and to shrink by a quarter and by half a minute: what goes up and down
// with every measurement is not worth a change of plan.
const (
	noticeable = 10 * time.Second
	muchLess   = 30 * time.Second
)

// differs reports whether a new estimate is worth a change of plan. A guess is
// no reason to begin later: beginning earlier than needed costs little.
func (f forecast) differs(held, now time.Duration) bool {
	return now-held >= noticeable || f.Measured && held-now >= max(muchLess, held/4)
}

// retime gives a booked cluster other times to prepare and to wipe in, when
// they are known by now to take longer, or much less, than was thought. Where
// there is no room to begin earlier the cluster's conditions say so.
func (m *Manager) retime(ctx context.Context, c cluster.Cluster, f forecast, now time.Time) (cluster.Cluster, error) {
	if !f.untimely(c, now) {
		return c, nil
	}
	var next cluster.Cluster
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		change, err := otherTimes(transaction{m, tx, now}, c, f, now)
		if err != nil {
			return err
		}
		var events []cluster.Event
		next, events = retimed(c, change, f, now)
		return m.putCluster(tx, &next, events)
	})
	if _, refused := errors.AsType[*calendar.Refusal](err); refused || errors.Is(err, errNothing) {
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

// otherTimes gives a booked cluster in the calendar the times of a forecast, or
// returns errNothing where that comes to nothing.
func otherTimes(d desk, c cluster.Cluster, f forecast, now time.Time) (change calendar.Change, err error) {
	_, err = yielding(d, now, c.ID, func(cal *calendar.Calendar) (err error) {
		if change, err = cal.Retime(c.ID, f.Prepare, f.Wipe); err != nil {
			return err
		}
		if change.After.From.Equal(c.PrepareAt) && change.After.Request.Wipe == wipeTimeOf(c) {
			return errNothing // best-effort clusters are wiped until then
		}
		return nil
	})
	return change, err
}

// untimely reports whether the times that are held for a booked cluster are
// not what it is known by now to take.
func (f forecast) untimely(c cluster.Cluster, now time.Time) bool {
	if c.State != cluster.Booked || !now.Before(c.PrepareAt) {
		return false
	}
	begin := later(c.Start.Add(-f.Prepare), now)
	return f.differs(c.Start.Sub(c.PrepareAt), c.Start.Sub(begin)) || f.differs(wipeTimeOf(c), f.Wipe)
}

// retimed is a booked cluster that was given other times, and what there is to
// tell: when its preparation begins, and which vnodes had to be planned
// elsewhere for it.
func retimed(old cluster.Cluster, change calendar.Change, f forecast, now time.Time) (cluster.Cluster, []cluster.Event) {
	next := old
	next.PrepareAt, next.Estimate = change.After.From, f.estimate()
	next.Nodes = slices.Clone(old.Nodes)
	for i := range next.Nodes {
		next.Nodes[i].Pnode = change.After.Pnode(next.Nodes[i].Name)
	}
	var events []cluster.Event
	if !next.PrepareAt.Equal(old.PrepareAt) {
		events = append(events, cluster.Event{Time: now, Cluster: old.Name, Type: "changed", Message: fmt.Sprintf(
			"preparation begins at %s instead of %s: it is expected to take %s: %s",
			next.PrepareAt.Format(time.RFC3339), old.PrepareAt.Format(time.RFC3339), next.Estimate.Prepare(), next.Estimate.PrepareWhy)})
	}
	for _, v := range change.Moves {
		events = append(events, cluster.Event{Time: now, Cluster: old.Name, Node: v.Vnode, Type: "changed", Message: fmt.Sprintf(
			"placed on %s instead of %s, where there is no room that early", v.To, v.From)})
	}
	return next, events
}

// late says why a booked cluster is expected to be ready after its start
// although its preparation has not begun, "" if it is not.
func (f forecast) late(c cluster.Cluster) string {
	if c.State.Begun() || !c.PrepareAt.Add(f.Expect).After(c.Start) {
		return ""
	}
	held := c.Start.Sub(c.PrepareAt).Round(time.Second)
	why := fmt.Sprintf("there is no room to begin it more than %s before the start", held)
	if held >= f.Prepare {
		why = fmt.Sprintf("no more than %s is given to it", held)
	}
	return fmt.Sprintf("preparing is expected to take %s and %s: %s", round(f.Expect), why, f.Why)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
