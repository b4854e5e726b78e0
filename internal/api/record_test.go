package api

import (
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
	"quarry/internal/quota"
	"quarry/internal/simulate"
)

// What was asked of a real manager comes over its API as it was asked, to the
// provider alone.
func TestRecord(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1", "p2")
	ctx, boss, demo := t.Context(), s.client(s.provider), s.client(s.demo)
	cpus := int64(16)
	_, err := boss.SetTenantLimits(ctx, "demo", quota.LimitsChange{MaxCPUs: &cpus})
	must(t, err)
	held, err := demo.HoldCluster(ctx, farm("farm"), 5*time.Minute, false)
	must(t, err)
	for _, ch := range []manager.Change{
		{Operation: manager.Confirm},
		{Operation: manager.Extend, By: 10 * time.Minute},
		{Operation: manager.Grow, Count: 1},
		{Operation: manager.Move, Start: held.Start.Add(time.Hour)},
		{Operation: manager.Shrink, Nodes: []string{"compute-0"}},
	} {
		_, err := demo.ChangeCluster(ctx, "farm", ch, false)
		must(t, err)
	}
	_, err = demo.CreateCluster(ctx, farm("second"), false)
	must(t, err)
	_, err = demo.CancelCluster(ctx, "second")
	must(t, err)

	_, err = demo.Record(ctx, time.Time{}, time.Time{}, "")
	wantKind(t, err, fault.Forbidden)
	_, err = boss.Record(ctx, s.now().Add(time.Hour), time.Time{}, "")
	wantKind(t, err, fault.Invalid)
	page, err := boss.Record(ctx, time.Time{}, time.Time{}, "")
	must(t, err)
	if len(page.Clusters) != 2 || page.Next != "" || page.Clusters[0].Hold != 5*time.Minute || page.Clusters[0].Old || len(page.Clusters[0].Spec.SSHKeys) > 0 {
		t.Fatalf("%+v", page)
	}
	rest, err := boss.Record(ctx, time.Time{}, time.Time{}, page.Clusters[0].ID)
	if err != nil || len(rest.Clusters) != 1 || rest.Clusters[0].ID != page.Clusters[1].ID {
		t.Errorf("after the first: %+v, %v", rest, err)
	}

	r, err := simulate.RecordFrom(ctx, boss, time.Time{}, time.Time{})
	must(t, err)
	want := []simulate.Do{simulate.Book, simulate.Confirm, simulate.Extend, simulate.Grow, simulate.Move, simulate.Shrink, simulate.Book, simulate.Cancel}
	for i, e := range r.Trace.Entries {
		if len(r.Trace.Entries) != len(want) || e.Do != want[i] {
			t.Fatalf("recorded %+v, want %v", r.Trace.Entries, want)
		}
	}
	booked := r.Trace.Entries[0].Spec
	if booked.Group(cluster.Compute).Count != held.Spec.Group(cluster.Compute).Count || !booked.Start.Equal(held.Start) || !booked.End.Equal(held.End) {
		t.Errorf("booked %+v, was %+v", booked, held.Spec)
	}
	if r.Trace.Site.Tenants["demo"].MaxCPUs != 16 || len(r.Trace.Site.Pnodes) != 2 {
		t.Errorf("site %+v", r.Trace.Site)
	}
}
