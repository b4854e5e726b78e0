package manager

import (
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func TestHolds(t *testing.T) {
	s := newSite(t)
	farm := s.farmIn(cluster.Held)
	s.settle()
	if s.images.builds != 0 {
		t.Error("images are made for a hold")
	}
	if _, err := s.book(s.tenant, nil); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the name of a held cluster: %v", err)
	}
	s.restart()
	if b, ok := s.m.ledger.Booking(farm.ID); !ok || !b.Expires.Equal(*farm.HoldUntil) {
		t.Fatalf("after a restart the calendar has %+v", b)
	}
	s.pass(time.Minute)
	got, err := s.change(Change{Operation: Confirm})
	s.must(err)
	if got.State != cluster.Booked || got.HoldUntil != nil {
		t.Fatalf("confirmed: %+v", got)
	}
	s.pass(farm.Start.Sub(s.now) + time.Second)
	s.wantState("farm", cluster.Active)
	for _, e := range []string{"held", "booked"} {
		s.wantEvent("farm", e, "preparation begins")
	}
}

func TestHoldsEnd(t *testing.T) {
	for name, end := range map[string]func(*site){
		"by themselves": func(s *site) { s.pass(5 * time.Minute) },
		"while nobody looked": func(s *site) {
			s.now = s.now.Add(5 * time.Minute)
			id := s.cluster("farm").ID
			s.restart()
			if _, ok := s.m.ledger.Booking(id); ok {
				s.t.Error("a hold that was over holds on when a manager starts")
			}
			s.settle()
		},
		"released": func(s *site) {
			_, err := s.change(Change{Operation: Release})
			s.must(err)
		},
		"cancelled": func(s *site) {
			_, err := s.m.CancelCluster(s.t.Context(), s.tenant, "farm", 0)
			s.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			farm := s.farmIn(cluster.Held)
			s.settle()
			end(s)
			got := s.wantState("farm", cluster.Cancelled)
			if _, ok := s.m.ledger.Booking(farm.ID); ok || got.EndedAt == nil {
				t.Errorf("it holds on: %+v", got)
			}
			if _, err := s.change(Change{Operation: Confirm}); fault.KindOf(err) != fault.Refused {
				t.Errorf("confirmed when it was over: %v", err)
			}
			s.settle()
			_, err := s.book(s.tenant, nil)
			s.must(err)
		})
	}
}

func TestHoldsThatMakeNoSense(t *testing.T) {
	s := newSite(t)
	hold := func(d time.Duration, change func(*cluster.Spec)) error {
		spec := cluster.Spec{Name: "farm", Nodes: []cluster.Group{{Appliance: "compute", Count: 1}}, StartMode: cluster.StartASAP}
		if change != nil {
			change(&spec)
		}
		_, err := s.m.HoldCluster(t.Context(), s.tenant, spec, d, false)
		return err
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{hold(0, nil), "between 1s and"},
		{hold(30*24*time.Hour, nil), "between 1s and"},
		{hold(time.Minute, func(sp *cluster.Spec) { sp.StartMode = cluster.StartNow }), "starts now"},
		{hold(time.Hour, func(sp *cluster.Spec) { sp.StartMode, sp.Start = cluster.StartAt, s.now.Add(30*time.Minute) }), "preparation begins at"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v lacks %q", c.err, c.want)
		}
	}
	s.must(hold(time.Hour, nil)) // as soon as possible after the hold
	if c := s.cluster("farm"); c.PrepareAt.Before(*c.HoldUntil) {
		t.Errorf("prepared from %v, held until %v", c.PrepareAt, c.HoldUntil)
	}
}
