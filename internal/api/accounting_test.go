package api

import (
	"testing"
	"time"

	"quarry/internal/fault"
)

func TestAccounting(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1", "p2")
	ctx := t.Context()
	_, err := s.client(s.demo).CreateCluster(ctx, farm("farm"), false)
	must(t, err)
	from := s.now().Add(-time.Hour)
	for _, token := range []string{s.demo, s.provider} {
		r, err := s.client(token).Accounting(ctx, "demo", from, time.Time{}, []string{"cluster", "day"})
		must(t, err)
		if r.Rows == nil || len(r.Rows) != 0 || !r.To.After(r.From) {
			t.Errorf("what is only booked holds nothing: %+v", r)
		}
	}
	_, err = s.client(s.other).Accounting(ctx, "demo", from, time.Time{}, nil)
	wantKind(t, err, fault.Forbidden)
	_, err = s.client(s.demo).Accounting(ctx, "", from, time.Time{}, []string{"weekday"})
	wantKind(t, err, fault.Invalid)
	_, err = s.client(s.demo).AuditAccounting(ctx, from, time.Time{})
	wantKind(t, err, fault.Forbidden)
	a, err := s.client(s.provider).AuditAccounting(ctx, from, time.Time{})
	must(t, err)
	if a.Findings == nil || len(a.Findings) != 0 {
		t.Errorf("audit %+v", a)
	}
}
