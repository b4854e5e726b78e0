package api

import (
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

func TestChanges(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1", "p2")
	ctx, c := t.Context(), s.client(s.demo)
	held, err := c.HoldCluster(ctx, farm("farm"), 5*time.Minute, false)
	must(t, err)
	if held.State != cluster.Held || held.HoldUntil == nil {
		t.Fatalf("held: %+v", held)
	}
	do := func(ch manager.Change) cluster.Cluster {
		t.Helper()
		dry, err := c.ChangeCluster(ctx, "farm", ch, true)
		must(t, err)
		got, err := c.ChangeCluster(ctx, "farm", ch, false)
		must(t, err)
		if dry.End != got.End || len(dry.Nodes) != len(got.Nodes) || dry.State != got.State || dry.Version+1 != got.Version {
			t.Errorf("%s: the dry run says %+v, and then %+v", ch.Operation, dry, got)
		}
		return got
	}
	if got := do(manager.Change{Operation: manager.Confirm}); got.State != cluster.Booked {
		t.Errorf("confirmed: %s", got.State)
	}
	if got := do(manager.Change{Operation: manager.Extend, By: 90 * time.Second}); got.End.Sub(held.End) != 90*time.Second {
		t.Errorf("extended to %v", got.End)
	}
	if got := do(manager.Change{Operation: manager.Shorten, End: held.End}); !got.End.Equal(held.End) {
		t.Errorf("shortened to %v", got.End)
	}
	if got := do(manager.Change{Operation: manager.Move, Start: held.Start.Add(time.Hour), By: 2 * time.Hour}); got.End.Sub(held.Start) != 3*time.Hour {
		t.Errorf("moved to %v", got.End)
	}
	if got := do(manager.Change{Operation: manager.Grow, Count: 1}); len(got.Nodes) != len(held.Nodes)+1 {
		t.Errorf("grown to %d", len(got.Nodes))
	}
	got := do(manager.Change{Operation: manager.Shrink, Nodes: []string{"compute-0"}})
	if len(got.Nodes) != len(held.Nodes) {
		t.Errorf("shrunk to %d", len(got.Nodes))
	}
	_, err = c.ChangeCluster(ctx, "farm", manager.Change{Operation: manager.Release}, false)
	wantKind(t, err, fault.Refused)
	_, err = c.ChangeCluster(ctx, "farm", manager.Change{Operation: manager.Shrink, Nodes: []string{"gateway", "web-9"}}, false)
	wantKind(t, err, fault.Invalid)
	if !strings.Contains(err.Error(), "gateway cannot go") || !strings.Contains(err.Error(), "web-9") {
		t.Errorf("not all is listed: %v", err)
	}
	for _, op := range []manager.Operation{manager.Extend, manager.Move, manager.Grow, manager.Shrink, manager.Confirm, manager.Release} {
		_, err = s.client(s.other).ChangeCluster(ctx, "farm", manager.Change{Operation: op, Count: 1, By: time.Hour, Start: held.Start}, false)
		wantKind(t, err, fault.NotFound)
	}
}
