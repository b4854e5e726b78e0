package manager

import (
	"errors"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Whatever is offered instead of a refused cluster can be booked as it is.
func TestAlternativesCanBeBooked(t *testing.T) {
	s := newSite(t)
	_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Count = 6 })
	s.must(err)
	for i, change := range []func(*cluster.Spec){
		func(sp *cluster.Spec) { sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = 3, 1500 },
		func(sp *cluster.Spec) { sp.StartMode, sp.Start = cluster.StartNow, time.Time{}; sp.Nodes[0].Count = 9 },
		func(sp *cluster.Spec) { sp.Nodes[0].Count = 30 },
	} {
		_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Name = "second"; change(sp) })
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			t.Fatalf("%d: %v", i, err)
		}
		refusal, ok := f.Refusal.(Refusal)
		if !ok || len(refusal.Reasons) == 0 || len(refusal.Alternatives) < 3 {
			t.Fatalf("%d: %+v", i, f)
		}
		for _, a := range refusal.Alternatives {
			for _, spec := range a.Specs {
				_, err := s.m.CreateCluster(t.Context(), s.tenant, spec, false)
				if err != nil {
					t.Errorf("%d: %s: %v", i, a.Message, err)
				}
			}
			for _, spec := range a.Specs {
				_, err := s.m.CancelCluster(t.Context(), s.tenant, spec.Name, 0)
				s.must(err)
			}
		}
	}
}
