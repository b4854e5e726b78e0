package cluster

import (
	"testing"
	"time"
)

func TestHolds(t *testing.T) {
	node := Node{CPUs: 2, MemoryMiB: 640, Addresses: []Address{{Network: OutsideNetwork, Address: "203.0.113.1"}}}
	one := Amount{Vnodes: 1, CPUs: 2, MemoryMiB: 640, Addresses: 1}
	at := func(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }
	opened := at(10)
	for name, c := range map[string]struct {
		state   State
		last    Holding
		now     int
		since   int
		prepare Amount
		window  Amount
		changed bool
	}{
		"booked holds nothing":                       {Booked, Holding{}, 0, 0, Amount{}, Amount{}, false},
		"preparation begins":                         {Preparing, Holding{}, 1, 1, one, Amount{}, true},
		"ready is prepared still":                    {Ready, Holding{Since: at(1), Prepare: one}, 5, 5, one, Amount{}, false},
		"handed over when the gateway opened":        {Active, Holding{Since: at(1), Prepare: one}, 14, 10, Amount{}, one, true},
		"it goes on":                                 {Active, Holding{Since: at(10), Window: one}, 15, 15, Amount{}, one, false},
		"the end counts, not when it was noticed":    {Ending, Holding{Since: at(10), Window: one}, 300, 100, Amount{}, Amount{}, true},
		"it was noted already":                       {Ended, Holding{Since: at(100)}, 300, 100, Amount{}, Amount{}, false},
		"a clock that was set back does not reverse": {Active, Holding{Since: at(50), Window: Amount{Vnodes: 9}}, 20, 50, Amount{}, one, true},
		"nor does it reverse the hand-over":          {Active, Holding{Since: at(50), Prepare: one}, 60, 50, Amount{}, one, true},
	} {
		cl := Cluster{State: c.state, Nodes: []Node{node}, End: at(100)}
		if c.state == Active {
			cl.ActiveAt = &opened
		}
		got, changed := cl.Holds(c.last, at(c.now))
		if want := (Holding{Since: at(c.since), Prepare: c.prepare, Window: c.window}); got != want || changed != c.changed {
			t.Errorf("%s: %+v, %t, want %+v, %t", name, got, changed, want, c.changed)
		}
	}
}
