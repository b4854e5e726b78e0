package manager

import (
	"testing"
	"time"

	"quarry/internal/cluster"
)

// Events of older releases have no details: their clusters are recorded as they
// came to be, and marked.
func TestRecordOfOlderRelease(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := cluster.Cluster{ID: "id", Name: "farm", Tenant: "demo", Spec: cluster.Spec{
		Name: "farm", StartMode: cluster.StartAt, Start: start, End: start.Add(2 * time.Hour), Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: 3}},
	}}
	events := []cluster.Event{
		{Seq: 4, Time: start.Add(-time.Hour), Type: "booked", Message: "booked from 2026-03-01T12:00:00Z to 2026-03-01T13:00:00Z; preparation begins at …"},
		{Seq: 5, Time: start.Add(-time.Minute), Type: "changed", Message: "grown by request: compute-2", Detail: &cluster.EventDetail{Operation: "grow", Count: 1}},
		{Seq: 6, Time: start, Type: "failed", Message: "a script failed"},
	}
	r := record(c, events, nil, start.Add(time.Hour))
	if !r.Old || len(r.Asked) != 1 || r.Asked[0].Operation != Cancel || !r.Asked[0].Failed || r.Spec.Nodes[0].Count != 3 || !r.Spec.End.Equal(c.Spec.End) {
		t.Errorf("%+v", r)
	}
	events[0].Detail = &cluster.EventDetail{Operation: "book", Start: start, End: start.Add(time.Hour)}
	events[2].Detail = &cluster.EventDetail{Operation: "fail"}
	r = record(c, events, nil, start.Add(time.Hour))
	if r.Old || len(r.Asked) != 2 || r.Asked[0].Operation != Grow || r.Asked[1].Operation != Cancel {
		t.Errorf("%+v", r)
	}
}
