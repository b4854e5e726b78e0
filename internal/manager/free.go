package manager

import (
	"context"
	"fmt"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// FreeQuestion asks what is free for clusters with a window [From, To), and
// how many vnodes of one kind are.
type FreeQuestion struct {
	From, To time.Time
	// Vnode is the kind of vnode: Count is how many are wanted, 0 for as many
	// as there is room for.
	Vnode cluster.Group
}

// Free is what a window has room for: everything is free at every second of
// what a cluster with that window would hold.
type Free struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// HeldFrom and HeldTo are the window with the preparation before it, as
	// long as it usually takes, and the wiping after it.
	HeldFrom time.Time `json:"heldFrom"`
	HeldTo   time.Time `json:"heldTo"`
	// Total is what all pnodes have free together, on Pnodes of them.
	Total  calendar.Size       `json:"total"`
	Pnodes int                 `json:"pnodes"`
	Pools  []calendar.PoolRoom `json:"pools"`
	// Vnode is the kind that was asked about, Fit how many of them fit beside
	// nothing else, Enough whether these are as many as asked for.
	Vnode  cluster.Group `json:"vnode"`
	Fit    int           `json:"fit"`
	Enough bool          `json:"enough"`
	// Room is what each pnode has free, for the provider.
	Room []calendar.PnodeRoom `json:"room,omitempty"`
}

// Free says what is free in a window.
func (m *Manager) Free(_ context.Context, p Principal, q FreeQuestion) (Free, error) {
	if p.Role != RoleProvider && p.Role != RoleTenant {
		return Free{}, fault.New(fault.Forbidden, "not allowed", fault.Detail{Message: "the calendar is for tenants and the provider"})
	}
	now := m.Now().UTC().Truncate(time.Second)
	q, err := q.complete(now)
	if err != nil {
		return Free{}, err
	}
	usual := m.forecasts(dossier{}).likely().forecast(cluster.Cluster{Nodes: []cluster.Node{{Appliance: q.Vnode.Appliance}}}, dossier{})
	size := calendar.Size{CPUs: q.Vnode.CPUs, MemoryMiB: q.Vnode.MemoryMiB, DiskMiB: q.Vnode.DiskMiB}
	group := calendarGroup(q.Vnode, q.Vnode.Appliance, size)
	group.Count = max(1, q.Vnode.Count)
	req := calendar.Request{
		ID: "free", Start: q.From, End: q.To, Prepare: usual.Prepare, Wipe: usual.Wipe, NotBefore: now, Groups: []calendar.Group{group},
	}
	held := calendar.Window{From: later(q.From.Add(-req.Prepare), now), To: q.To.Add(req.Wipe)}
	out := Free{From: q.From, To: q.To, HeldFrom: held.From, HeldTo: held.To, Vnode: q.Vnode}
	m.ledger.Ask(func(c *calendar.Calendar) {
		var fit []int
		if fit, err = c.HowMany(req); err != nil {
			return
		}
		room := c.Free(held.From, held.To)
		out.Fit, out.Total, out.Pnodes, out.Pools = fit[0], room.Total(), len(room.Pnodes), room.Pools
		if p.Role == RoleProvider {
			out.Room = room.Pnodes
		}
	})
	out.Enough = out.Fit >= group.Count
	return out, err
}

// complete fills in a usual vnode and refuses what cannot be asked.
func (q FreeQuestion) complete(now time.Time) (FreeQuestion, error) {
	var l fault.List
	q.From, q.To = q.From.UTC().Truncate(time.Second), q.To.UTC().Truncate(time.Second)
	if q.From.IsZero() {
		q.From = now
	}
	switch {
	case q.From.Before(now):
		l.Add("from", fmt.Sprintf("%s is in the past (it is %s)", q.From.Format(time.RFC3339), now.Format(time.RFC3339)))
	case q.To.IsZero():
		q.To = q.From.Add(cluster.DefaultDuration)
	case !q.To.After(q.From):
		l.Add("to", fmt.Sprintf("%s is not after %s", q.To.Format(time.RFC3339), q.From.Format(time.RFC3339)))
	case q.To.Sub(q.From) > cluster.MaxWindow:
		l.Add("to", fmt.Sprintf("a window of %s is longer than %s", q.To.Sub(q.From), cluster.MaxWindow))
	}
	if q.Vnode.Appliance == "" {
		q.Vnode.Appliance = cluster.Compute
	}
	spec := cluster.Spec{Name: "free", Nodes: []cluster.Group{q.Vnode}}
	if q.Vnode.Count == 0 {
		spec.Nodes[0].Count = 1
	}
	spec = spec.Complete(now)
	count := q.Vnode.Count
	q.Vnode = spec.Group(q.Vnode.Appliance)
	q.Vnode.Count = count
	for _, d := range (cluster.Spec{Nodes: []cluster.Group{spec.Group(q.Vnode.Appliance)}}).ValidateNodes() {
		l.Add(d.Field, d.Message)
	}
	return q, l.Err(fault.Invalid, "the question cannot be answered")
}
