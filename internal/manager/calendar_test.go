package manager

import (
	"strings"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func (s *site) look(p Principal, from, to time.Time) calendar.Overview {
	s.t.Helper()
	o, err := s.m.Calendar(s.t.Context(), p, calendar.Look{From: from, To: to, Slots: 24, Limit: 100, Page: 1})
	s.must(err)
	return o
}

// What is booked and what ran is shown, by name to whose it is and to the
// provider, as sizes only to others.
func TestCalendarIsSeenByEveryone(t *testing.T) {
	s := newSite(t)
	began := s.now
	farm, err := s.book(s.tenant, nil)
	s.must(err)
	_, err = s.book(s.other, func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].Count, sp.Start = "secret", 1, s.now.Add(4*time.Hour) })
	s.must(err)
	for _, who := range []struct {
		p     Principal
		names []string
	}{
		{s.tenant, []string{"farm booked", "other-"}},
		{s.other, []string{"other-", "secret booked"}},
		{s.boss, []string{"demo/farm booked", "other/secret booked"}},
	} {
		o := s.look(who.p, began, began.Add(24*time.Hour))
		if len(o.Bookings) != 2 || o.PnodeCount != 4 || o.Capacity.CPUs != 16 {
			t.Fatalf("%+v", o)
		}
		for i, b := range o.Bookings {
			if got := b.Booking + " " + b.State; !strings.HasPrefix(got, who.names[i]) {
				t.Errorf("%+v sees %q, want %q", who.p, got, who.names[i])
			}
		}
		if u := o.Use[0]; u.Held.CPUs != 3 || o.Use[2].Held.CPUs != 0 || o.Use[4].Held.CPUs != 2 {
			t.Errorf("use %+v", o.Use)
		}
		if p := o.Pools[1]; p.Pool != addressPool || p.Of != 4 || p.Held[0] != 1 {
			t.Errorf("pools %+v", o.Pools)
		}
	}
	s.pnodes["p3"].dead = true
	s.pass(farm.End.Sub(s.now) + time.Minute)
	s.wantState("farm", cluster.Ended)
	past := s.look(s.tenant, began, s.now).Bookings
	if len(past) != 1 || past[0].Booking != "farm" || past[0].State != "ended" || past[0].Vnodes != 3 ||
		!past[0].Start.Equal(farm.Start) || !past[0].End.Equal(farm.End) || past[0].To.Before(farm.End) {
		t.Errorf("what ran is shown as %+v", past)
	}
	for _, p := range s.look(s.tenant, began, s.now).Pnodes {
		if p.Lost != (p.Pnode == "p3") || len(p.Stays) > 1 {
			t.Errorf("%+v", p)
		}
	}
	if o := s.look(s.boss, s.now.Add(6*time.Hour), s.now.Add(7*time.Hour)); len(o.Bookings) != 0 {
		t.Errorf("shown and not in the window: %+v", o.Bookings)
	}
	_, err = s.m.Calendar(t.Context(), Principal{Role: RolePnode, Pnode: "p1"}, calendar.Look{})
	if fault.KindOf(err) != fault.Forbidden {
		t.Errorf("a pnode looks: %v", err)
	}
}
