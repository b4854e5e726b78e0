package simulate

import (
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
)

func liveTrace(start time.Time) *Trace {
	trace := &Trace{Name: "live"}
	book := func(at time.Duration, name string, count, cpus int, ahead, length time.Duration) {
		spec := &cluster.Spec{Name: name, Policy: calendar.Spread, Duration: length, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: count, CPUs: cpus}}}
		if spec.StartMode = cluster.StartASAP; ahead > 0 {
			spec.StartMode, spec.Start = cluster.StartAt, start.Add(at+ahead)
		}
		trace.Entries = append(trace.Entries, Entry{At: start.Add(at), Do: Book, Tenant: "demo", Spec: spec})
	}
	do := func(at time.Duration, what Do, name string) {
		trace.Entries = append(trace.Entries, Entry{At: start.Add(at), Do: what, Tenant: "demo", Cluster: name})
	}
	book(0, "first", 3, 2, 20*time.Minute, 30*time.Minute)
	book(time.Minute, "soon", 2, 1, 0, 20*time.Minute)
	book(2*time.Minute, "big", 12, 1, 25*time.Minute, 30*time.Minute)
	book(3*time.Minute, "packed", 4, 1, 30*time.Minute, 10*time.Minute)
	book(4*time.Minute, "dropped", 2, 1, 40*time.Minute, 10*time.Minute)
	do(7*time.Minute, Cancel, "dropped")
	book(8*time.Minute, "later", 6, 2, 0, 10*time.Minute)
	do(25*time.Minute, End, "first")
	book(26*time.Minute, "after", 6, 1, 0, 10*time.Minute)
	book(27*time.Minute, "last", 2, 2, 10*time.Minute, 5*time.Minute)
	return trace
}

// rulesTrace has tenants that may not hold everything, a best-effort cluster in
// the way of a booking, a pnode in maintenance, one that falls silent and comes
// back, and holds.
func rulesTrace(start time.Time) *Trace {
	trace := &Trace{Name: "rules"}
	const minute = time.Minute
	do := func(at time.Duration, what Do, e Entry) {
		e.At, e.Do = start.Add(at), what
		trace.Entries = append(trace.Entries, e)
	}
	book := func(at time.Duration, tenant, name string, count, cpus int, ahead, length, hold time.Duration) {
		spec := &cluster.Spec{Name: name, Policy: calendar.Spread, Duration: length, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: count, CPUs: cpus}}}
		if spec.StartMode = cluster.StartASAP; ahead > 0 {
			spec.StartMode, spec.Start = cluster.StartAt, start.Add(ahead)
		}
		spec.BestEffort = name == "soak"
		do(at, Book, Entry{Tenant: tenant, Spec: spec, Hold: Duration(hold)})
	}
	book(0, "demo", "mine", 2, 1, 30*minute, 20*minute, 0)
	book(1*minute, "demo", "toomuch", 8, 1, 35*minute, 20*minute, 0)
	book(2*minute, "other", "soak", 3, 3, 0, time.Hour, 0)
	book(3*minute, "other", "kept", 1, 1, 75*minute, 10*minute, 5*minute)
	book(4*minute, "other", "forgotten", 1, 1, 75*minute, 10*minute, 2*minute)
	do(5*minute, Confirm, Entry{Tenant: "other", Cluster: "kept"})
	book(8*minute, "other", "needs", 3, 3, 52*minute, 15*minute, 0)
	do(10*minute, Maintain, Entry{Pnode: "p3", Start: start.Add(100 * minute), End: start.Add(2 * time.Hour)})
	book(11*minute, "demo", "around", 4, 1, 105*minute, 10*minute, 0)
	do(12*minute, Lose, Entry{Pnode: "p2"})
	book(16*minute, "demo", "without", 2, 1, 85*minute, 5*minute, 0)
	do(20*minute, Recover, Entry{Pnode: "p2"})
	book(25*minute, "demo", "again", 2, 2, 80*minute, 10*minute, 0)
	do(32*minute, Extend, Entry{Tenant: "demo", Cluster: "mine", By: Duration(5 * minute)})
	do(33*minute, Grow, Entry{Tenant: "demo", Cluster: "mine", Count: 1})
	do(34*minute, Grow, Entry{Tenant: "demo", Cluster: "mine", Count: 9})
	do(38*minute, Shrink, Entry{Tenant: "demo", Cluster: "mine", Nodes: []string{"compute-0"}})
	do(40*minute, Shorten, Entry{Tenant: "demo", Cluster: "mine", By: Duration(2 * minute)})
	return trace
}

// changesTrace changes clusters in every way, at every part of their lives.
func changesTrace(start time.Time) *Trace {
	trace := &Trace{Name: "changes"}
	book := func(at time.Duration, name string, count int, ahead, hold time.Duration) {
		spec := &cluster.Spec{Name: name, Policy: calendar.Spread, Duration: 20 * time.Minute, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: count}}}
		if spec.StartMode = cluster.StartASAP; ahead > 0 {
			spec.StartMode, spec.Start = cluster.StartAt, start.Add(ahead)
		}
		trace.Entries = append(trace.Entries, Entry{At: start.Add(at), Do: Book, Tenant: "demo", Spec: spec, Hold: Duration(hold)})
	}
	change := func(at time.Duration, what Do, name string, e Entry) {
		e.At, e.Do, e.Tenant, e.Cluster = start.Add(at), what, "demo", name
		trace.Entries = append(trace.Entries, e)
	}
	const minute = time.Minute
	book(0, "soon", 2, 0, 0)
	book(1*minute, "far", 3, 60*minute, 0)
	book(2*minute, "kept", 2, 40*minute, 5*minute)
	book(2*minute, "dropped", 1, 45*minute, 5*minute)
	change(3*minute, Confirm, "kept", Entry{})
	change(3*minute, Release, "dropped", Entry{})
	book(4*minute, "forgotten", 1, 45*minute, 2*minute)
	change(5*minute, Extend, "far", Entry{By: Duration(10 * minute)})
	change(6*minute, Grow, "far", Entry{Appliance: cluster.Compute, Count: 2})
	change(7*minute, Move, "far", Entry{Start: start.Add(70 * minute)})
	change(8*minute, Shrink, "far", Entry{Nodes: []string{"compute-1"}})
	change(15*minute, Extend, "soon", Entry{By: Duration(15 * minute)})
	change(16*minute, Grow, "soon", Entry{Count: 1})
	change(20*minute, Shrink, "soon", Entry{Nodes: []string{"compute-0"}})
	change(22*minute, Shorten, "soon", Entry{By: Duration(5 * minute)})
	book(23*minute, "after", 7, 0, 0)
	book(24*minute, "last", 1, 0, 0)
	return trace
}
