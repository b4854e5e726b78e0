package manager

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
)

// Yielding is a best-effort cluster that ends early because a booking needs its
// room. It is told at the instant of the booking.
type Yielding struct {
	// Name is that of one's own cluster, "" for another tenant's.
	Name string    `json:"name,omitempty"`
	Told time.Time `json:"told"`
	// End is when its window ends by now, Was when it would have ended. One that
	// is GivenUp never starts.
	End     time.Time `json:"end"`
	Was     time.Time `json:"was"`
	GivenUp bool      `json:"givenUp,omitempty"`

	tenant string
}

// seenBy are those that yield as a tenant sees them.
func seenBy(list []Yielding, tenant string) []Yielding {
	list = slices.Clone(list)
	for i := range list {
		if list[i].tenant != tenant {
			list[i].Name = ""
		}
	}
	return list
}

// yielding does one operation on one booking. Where there is no room for it but
// for best-effort clusters, as few of these as possible end early, in the same
// transaction: those of tenants of the lowest priority class first, of one class
// the newest first. It returns these.
func yielding(d desk, now time.Time, id string, do func(*calendar.Calendar) error) ([]Yielding, error) {
	err := d.change([]string{id}, do)
	refusal, refused := errors.AsType[*calendar.Refusal](err)
	if !refused || refusal.Request.BestEffort {
		return nil, err
	}
	var from time.Time
	var ids []string
	d.ask(func(c *calendar.Calendar) { ids, from = c.BestEffort(), c.NeededFrom(refusal) })
	if len(ids) == 0 {
		return nil, err
	}
	clusters, keep, err := bestEffort(d, ids)
	if err != nil {
		return nil, err
	}
	var cuts []calendar.Cut
	err = d.change(append(slices.Clone(keep), id), func(c *calendar.Calendar) (err error) {
		cuts, err = c.Yield(id, keep, now, from, func() error { return do(c) })
		return err
	})
	if err != nil {
		return nil, err
	}
	var list []Yielding
	for _, cut := range cuts {
		was := clusters[cut.Before.Request.ID]
		next, event := cluster.Yield(was, cut.End, now)
		if err := d.put(next, event); err != nil {
			return nil, err
		}
		list = append(list, Yielding{
			Name: was.Name, tenant: was.Tenant, Told: now, End: next.End, Was: was.End, GivenUp: next.State == cluster.Cancelled,
		})
	}
	return list, nil
}

// consider lets f look at the calendar. What f hands to vacated sees it as it is
// for who makes best-effort clusters yield; a best-effort request does not.
func (m *Manager) consider(now time.Time, bestEffort bool, f func(c *calendar.Calendar, vacated func(look func()))) {
	yield := false
	if !bestEffort {
		m.ledger.Ask(func(c *calendar.Calendar) { yield = len(c.BestEffort()) > 0 })
	}
	if !yield { // others may ask meanwhile
		m.ledger.Ask(func(c *calendar.Calendar) { f(c, func(look func()) { look() }) })
		return
	}
	_ = m.ledger.Try(func(c *calendar.Calendar) error {
		f(c, func(look func()) { c.Vacated(now, look) })
		return nil
	})
}

// bestEffort returns the clusters of best-effort bookings, and their IDs with
// those that yield last in front.
func bestEffort(d desk, ids []string) (clusters map[string]cluster.Cluster, keep []string, err error) {
	clusters = map[string]cluster.Cluster{}
	rank := map[string]int{}
	for _, id := range ids {
		c, err := d.cluster(id)
		if err != nil {
			return nil, nil, err
		}
		if c.State == cluster.Ending || !c.State.Live() {
			continue
		}
		limits, err := d.limits(c.Tenant)
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
