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
	// BestEffort asks for a best-effort cluster, to which nobody yields.
	BestEffort bool
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
	// nothing else, Enough whether these are as many as asked for, with those
	// of BestEffort.
	Vnode  cluster.Group `json:"vnode"`
	Fit    int           `json:"fit"`
	Enough bool          `json:"enough"`
	// BestEffort is what best-effort clusters hold beside that, and yield to a
	// booking; nil where they hold nothing, or would not yield.
	BestEffort *HeldByBestEffort `json:"bestEffort,omitempty"`
	// Room is what each pnode has free, for the provider.
	Room []calendar.PnodeRoom `json:"room,omitempty"`
}

// HeldByBestEffort is what a booking for a window would have beside what is
// free, as best-effort clusters end early for it. Those that run need the time
// to be wiped, and keep what they could not give up before HeldFrom.
type HeldByBestEffort struct {
	Total calendar.Size `json:"total"`
	// Pools has for each pool how many units more would be free.
	Pools []calendar.PoolRoom `json:"pools"`
	// Fit is how many vnodes of the kind would fit in all.
	Fit int `json:"fit"`
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
	see := func(c *calendar.Calendar) (fit int, room calendar.Room) {
		var fits []int
		if fits, err = c.HowMany(req); err != nil {
			return 0, room
		}
		return fits[0], c.Free(held.From, held.To)
	}
	m.consider(now, q.BestEffort, func(c *calendar.Calendar, vacated func(func())) {
		fit, room := see(c)
		out.Fit, out.Total, out.Pnodes, out.Pools = fit, room.Total(), len(room.Pnodes), room.Pools
		if p.Role == RoleProvider {
			out.Room = room.Pnodes
		}
		vacated(func() { out.BestEffort = out.beside(see(c)) })
	})
	if err != nil {
		return Free{}, err
	}
	out.Enough = out.Fit >= group.Count || out.BestEffort != nil && out.BestEffort.Fit >= group.Count
	return out, nil
}

// beside is what a vacated calendar has beside what is free, nil for nothing.
func (f Free) beside(fit int, room calendar.Room) *HeldByBestEffort {
	b := HeldByBestEffort{Total: room.Total().Minus(f.Total), Fit: fit}
	more := b.Total != (calendar.Size{})
	for i, p := range room.Pools {
		p.Free -= f.Pools[i].Free
		more = more || p.Free > 0
		b.Pools = append(b.Pools, p)
	}
	if !more {
		return nil
	}
	return &b
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
