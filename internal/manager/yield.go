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

// yielding does one operation on one booking. Where there is no room for it but
// for best-effort clusters, as few of these as possible end early, in the same
// transaction: those of tenants of the lowest priority class first, of one class
// the newest first.
func yielding(d desk, now time.Time, id string, do func(*calendar.Calendar) error) error {
	err := d.change([]string{id}, do)
	refusal, refused := errors.AsType[*calendar.Refusal](err)
	if !refused || refusal.Request.BestEffort {
		return err
	}
	var from time.Time
	var ids []string
	d.ask(func(c *calendar.Calendar) { ids, from = c.BestEffort(), c.NeededFrom(refusal) })
	if len(ids) == 0 {
		return err
	}
	clusters, keep, err := bestEffort(d, ids)
	if err != nil {
		return err
	}
	var cuts []calendar.Cut
	err = d.change(append(slices.Clone(keep), id), func(c *calendar.Calendar) (err error) {
		cuts, err = c.Yield(id, keep, now, from, func() error { return do(c) })
		return err
	})
	if err != nil {
		return err
	}
	for _, cut := range cuts {
		next, event := cluster.Yield(clusters[cut.Before.Request.ID], cut.End, now)
		if err := d.put(next, event); err != nil {
			return err
		}
	}
	return nil
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
