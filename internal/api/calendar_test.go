package api

import (
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/fault"
)

func TestCalendar(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1", "p2")
	ctx := t.Context()
	_, err := s.client(s.demo).CreateCluster(ctx, farm("farm"), false)
	must(t, err)
	look := calendar.Look{From: s.now(), To: s.now().Add(30 * 24 * time.Hour), Slots: 10, Limit: 5, Page: 1}
	for token, want := range map[string]bool{s.demo: true, s.provider: true, s.other: false} {
		o, err := s.client(token).Calendar(ctx, look)
		must(t, err)
		if len(o.Bookings) != 1 || o.Bookings[0].Own != want || len(o.Use) != 10 || len(o.Pnodes) != 2 || o.Bookings[0].Vnodes != 3 {
			t.Errorf("%+v", o)
		}
	}
	o, err := get[calendar.Overview](ctx, s.client(s.demo), s.client(s.demo).link.Address("v1", "calendar"))
	must(t, err)
	if o.To.Sub(o.From) < 24*time.Hour || len(o.Use) != 96 {
		t.Errorf("without parameters it is from %s to %s in %d slots", o.From, o.To, len(o.Use))
	}
	look.To = look.From.Add(500 * 24 * time.Hour)
	_, err = s.client(s.demo).Calendar(ctx, look)
	wantKind(t, err, fault.Invalid)
	_, err = s.client("quarry_wrong").Calendar(ctx, look)
	wantKind(t, err, fault.Unauthorized)
}
