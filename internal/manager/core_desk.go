package manager

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// coreDesk is the desk of a Core.
type coreDesk struct {
	k   *Core
	now time.Time
}

func (d coreDesk) change(ids []string, do func(*calendar.Calendar) error) error {
	d.k.cal.Advance(d.now)
	before := map[string]calendar.Booking{} // zero for none
	for _, id := range ids {
		before[id], _ = d.k.cal.Booking(id)
	}
	err := do(d.k.cal)
	if err == nil {
		return nil
	}
	for _, id := range ids {
		old := before[id]
		if b, _ := d.k.cal.Booking(id); reflect.DeepEqual(b, old) {
			continue
		}
		d.k.cal.Remove(id)
		if old.Request.ID != "" {
			_ = d.k.cal.Put(old) // it was there: it is complete
		}
	}
	return err
}

func (d coreDesk) ask(f func(*calendar.Calendar)) { f(d.k.cal) }

func (d coreDesk) cluster(id string) (cluster.Cluster, error) { return d.k.clusters[id], nil }

func (d coreDesk) limits(tenant string) (quota.Limits, error) { return d.k.LimitsOf(tenant), nil }

func (d coreDesk) past(tenant string, l quota.Limits) ([]quota.Claim, error) {
	if l.MaxNodeHours == 0 {
		return nil, nil
	}
	since := l.PeriodAt(d.now)
	return slices.DeleteFunc(slices.Clone(d.k.past[tenant]), func(c quota.Claim) bool { return !c.End.After(since) }), nil
}

func (d coreDesk) put(c cluster.Cluster, _ cluster.Event) error {
	d.k.yielded = append(d.k.yielded, c)
	return d.k.keep(c, d.now)
}

// Yielded returns the clusters that gave room up since it was asked last.
func (k *Core) Yielded() []cluster.Cluster {
	list := k.yielded
	k.yielded = nil
	return list
}

// LimitsOf are the limits that hold for a tenant.
func (k *Core) LimitsOf(tenant string) quota.Limits { return k.set[tenant].Or(k.set[""]) }

// SetLimits changes some of a tenant's limits, or of the site's defaults for "".
// What is booked stays.
func (k *Core) SetLimits(tenant string, by quota.LimitsChange) error {
	l, err := k.set[tenant].Changed(by)
	if err == nil {
		k.set[tenant] = l
	}
	return err
}

// Order compares clusters by who is planned anew first, as the manager does.
func (k *Core) Order(a, b cluster.Cluster) int {
	rank := func(tenant string) int { return k.LimitsOf(tenant).Priority.Rank() }
	return byPriority(rank, a, b)
}

// byPriority puts the clusters of tenants of a higher class first, of one class
// those that start first.
func byPriority(rank func(tenant string) int, a, b cluster.Cluster) int {
	return cmp.Or(cmp.Compare(rank(b.Tenant), rank(a.Tenant)), a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID))
}

// over keeps, of a cluster that is over, what counts of the tenant's node-hours.
func (k *Core) over(c cluster.Cluster) {
	if _, live := k.clusters[c.ID]; !live || !c.End.After(c.Start) {
		return
	}
	k.past[c.Tenant] = append(k.past[c.Tenant], quota.Claim{
		ID: c.ID, Name: c.Name, Start: c.Start, End: c.End, BestEffort: c.Spec.BestEffort, Nodes: int64(len(c.Nodes)),
	})
}

// Maintain gives a pnode other windows in which it holds nothing, as SetPnode of
// the manager does.
func (k *Core) Maintain(pnode string, windows []calendar.Window, now time.Time) error {
	p, known := k.state[pnode]
	if !known {
		return fault.New(fault.NotFound, setTitle, fault.Detail{Field: "pnode", Message: fmt.Sprintf("there is no pnode %q", pnode)})
	}
	old := calendar.Settings{Rack: p.Rack, Tags: p.Tags, Maintenance: p.Maintenance}
	next := PnodeChange{Maintenance: &windows}.of(old)
	var here []cluster.Cluster
	for _, id := range sortedKeys(k.clusters) {
		if c := k.clusters[id]; slices.ContainsFunc(c.Nodes, func(n cluster.Node) bool { return n.Pnode == pnode }) {
			here = append(here, c)
		}
	}
	if err := judge(pnode, old, next, here, now); err != nil {
		return err
	}
	p.Maintenance = next.Maintenance
	return k.SetPnode(p)
}

// Why says what a refused request fell short of: the limits of its tenant, then
// the resource or the label that most pnodes lack, for each group, and the
// pools. ok is false when the error is no refusal.
func (k *Core) Why(err error, now time.Time) (lacks []string, certain, ok bool) {
	if r, over := errors.AsType[*quota.Refusal](err); over {
		return limitNames(r.Over), false, true
	}
	r, refused := errors.AsType[*calendar.Refusal](err)
	if !refused {
		return nil, false, false
	}
	a, err := allowanceOf(coreDesk{k, now}, r.Request.Tenant, now)
	if use := a.limit(k.cal, r.Request.ID); err == nil && use != nil {
		lacks = limitNames(use.Check(nil, quota.ClaimOf(r.Request)))
	}
	var full *calendar.Refusal
	look := func() { full = k.cal.Reasons(r.Request) }
	if r.Request.BestEffort {
		look()
	} else {
		k.cal.Vacated(now, look) // who yields is not in the way
	}
	if full == nil && len(lacks) == 0 {
		return []string{"the competition of its groups"}, false, true
	}
	if full == nil {
		return lacks, false, true
	}
	for _, why := range full.Reasons {
		what := why.Pool
		if len(why.Causes) > 0 {
			what = why.Causes[0].What
		}
		if !slices.Contains(lacks, what) {
			lacks = append(lacks, what)
		}
	}
	return lacks, full.Certain, true
}

func limitNames(over []quota.Excess) (names []string) {
	for _, o := range over {
		names = append(names, o.Limit)
	}
	return names
}
