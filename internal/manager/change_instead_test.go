package manager

import (
	"errors"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// crowded is farm in a state, beside a cluster that leaves it little room from
// 20 minutes after its end on, and little beside it.
func crowded(t *testing.T, state cluster.State) *site {
	t.Helper()
	s := newSite(t)
	farm := s.farmIn(state)
	_, err := s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Name, sp.Start, sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = "next", farm.End.Add(20*time.Minute), 4, 1300
		sp.Duration = 3 * time.Hour
	})
	s.must(err)
	return s
}

// Whatever is offered instead of a refused change can be had as it is offered.
func TestInsteadOfAChange(t *testing.T) {
	for _, c := range []struct {
		name  string
		state cluster.State
		ch    Change
		least int
	}{
		{"extend a running one", cluster.Active, Change{Operation: Extend, By: time.Hour}, 3},
		{"extend one that is prepared", cluster.Ready, Change{Operation: Extend, By: time.Hour}, 3},
		{"extend a booked one", cluster.Booked, Change{Operation: Extend, By: time.Hour}, 2},
		{"grow a running one", cluster.Active, Change{Operation: Grow, Count: 12}, 3},
		{"grow a booked one", cluster.Booked, Change{Operation: Grow, Count: 12}, 1},
		{"move a booked one", cluster.Booked, Change{Operation: Move, Start: time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC), By: 2 * time.Hour}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := crowded(t, c.state)
			before := s.fingerprint()
			_, err := s.change(c.ch)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok || f.Kind != fault.Refused {
				t.Fatalf("not refused: %v", err)
			}
			if s.fingerprint() != before {
				t.Error("looking for alternatives changed something")
			}
			s.inStep()
			refusal := f.Refusal.(Refusal)
			if len(refusal.Alternatives) < c.least || len(refusal.Reasons) == 0 {
				t.Fatalf("%d alternatives: %v", len(refusal.Alternatives), err)
			}
			for i, a := range refusal.Alternatives {
				if strings.Count(err.Error(), a.Message) == 0 {
					t.Errorf("%q is not told: %v", a.Message, err)
				}
				s := crowded(t, c.state)
				for _, ch := range a.Changes {
					if _, err := s.change(ch); err != nil {
						t.Errorf("alternative %d, %s, %+v: %v", i, a.Message, ch, err)
					}
				}
				for _, spec := range a.Specs {
					if _, err := s.m.CreateCluster(t.Context(), s.tenant, spec, false); err != nil {
						t.Errorf("alternative %d, %s: %v", i, a.Message, err)
					}
				}
				s.settle()
			}
		})
	}
}

// A change counts against the tenant's limits like a booking.
func TestChangesWithinLimits(t *testing.T) {
	s := newSite(t)
	s.farmIn(cluster.Active)
	most := int64(4)
	_, err := s.m.SetTenantLimits(t.Context(), s.boss, "demo", quota.LimitsChange{MaxCPUs: &most})
	s.must(err)
	_, err = s.change(Change{Operation: Grow, Count: 2})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Refused || len(f.Refusal.(Refusal).Limits) == 0 {
		t.Fatalf("beyond the limit: %v", err)
	}
	if !strings.Contains(err.Error(), "1 of 2 more compute") {
		t.Errorf("what is allowed is not offered: %v", err)
	}
	s.inStep()
	_, err = s.change(Change{Operation: Grow, Count: 1})
	s.must(err)
	_, err = s.change(Change{Operation: Shrink, Count: 1})
	s.must(err)
}
