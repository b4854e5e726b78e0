package manager

import (
	"errors"
	"reflect"
	"testing"

	"quarry/internal/cluster"
	"quarry/internal/store"
)

// What is done and what is answered last together, or not at all.
func TestAnsweredWithTheChange(t *testing.T) {
	s := newSite(t)
	p := s.tenant
	broken := errors.New("the answer cannot be kept")
	var told []cluster.Cluster
	fail := true
	p.Answered = func(_ *store.Tx, what any) error {
		if fail {
			return broken
		}
		told = append(told, what.(cluster.Cluster))
		return nil
	}
	if _, err := s.book(p, nil); !errors.Is(err, broken) {
		t.Errorf("booked without its answer: %v", err)
	}
	fail = false
	booked, err := s.book(p, nil)
	s.must(err)
	fail = true
	if _, err := s.m.ChangeCluster(t.Context(), p, "farm", Change{Operation: Grow, Appliance: "compute", Count: 1}, ChangeOptions{}); !errors.Is(err, broken) {
		t.Errorf("grown without its answer: %v", err)
	}
	if _, err := s.m.CancelCluster(t.Context(), p, "farm", 0); !errors.Is(err, broken) {
		t.Errorf("cancelled without its answer: %v", err)
	}
	if c := s.cluster("farm"); c.State != cluster.Booked || c.Version != booked.Version || len(c.Nodes) != len(booked.Nodes) {
		t.Errorf("it is %s in version %d with %d vnodes", c.State, c.Version, len(c.Nodes))
	}
	if b, ok := s.m.ledger.Booking(booked.ID); !ok || len(b.Vnodes) != len(booked.Nodes) {
		t.Errorf("the calendar holds %v", b.Vnodes)
	}
	fail = false
	s.settle() // now it is known when the cluster is expected to be ready, and told
	grown, err := s.m.ChangeCluster(t.Context(), p, "farm", Change{Operation: Grow, Appliance: "compute", Count: 1}, ChangeOptions{})
	s.must(err)
	over, err := s.m.CancelCluster(t.Context(), p, "farm", 0)
	s.must(err)
	if len(told) != 3 || told[0].ID != booked.ID || !reflect.DeepEqual(told[1], grown) || told[2].State != over.State {
		t.Errorf("answers kept: %v", told)
	}
}
