package manager

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// inStep checks that the calendar, in memory and in the store, holds what the
// clusters hold and nothing else.
func (s *site) inStep() {
	s.t.Helper()
	var live []cluster.Cluster
	var kept []calendar.Booking
	s.must(s.st.View(s.t.Context(), func(tx *store.Tx) (err error) {
		if live, err = tx.Clusters(store.ClusterFilter{Live: true}); err != nil {
			return err
		}
		kept, err = tx.Bookings()
		return err
	}))
	var held []calendar.Booking
	s.m.ledger.Ask(func(c *calendar.Calendar) { held = c.Bookings() })
	if len(held) != len(live) || len(kept) != len(live) {
		s.t.Fatalf("%d clusters live, %d bookings are held and %d kept", len(live), len(held), len(kept))
	}
	for _, c := range live {
		for _, list := range [][]calendar.Booking{held, kept} {
			i := slices.IndexFunc(list, func(b calendar.Booking) bool { return b.Request.ID == c.ID })
			if i < 0 || !slices.Equal(list[i].Vnodes, bookingOf(c, s.now).Vnodes) || !list[i].To.After(s.now) {
				s.t.Fatalf("cluster %s (%s) on %+v is booked as %+v", c.Name, c.State, c.Nodes, list)
			}
		}
	}
}

func TestDrainedPnodeIsPlannedAnew(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	old := c.Nodes[1].Pnode
	_, err = s.m.DrainPnode(t.Context(), s.boss, old, true, 0)
	s.must(err)
	s.settle()
	got := s.wantState("farm", cluster.Booked)
	if got.Nodes[1].Pnode == old || got.Nodes[2].Pnode != c.Nodes[2].Pnode {
		t.Fatalf("planned on %s and %s, was %s and %s", got.Nodes[1].Pnode, got.Nodes[2].Pnode, old, c.Nodes[2].Pnode)
	}
	events, err := s.m.Events(t.Context(), s.tenant, "farm", 0)
	s.must(err)
	if last := events[len(events)-1]; !strings.Contains(last.Message, old+" is drained: placed on") {
		t.Fatalf("told %q", last.Message)
	}
	// The only pnode with an uplink cannot be replaced: that is said, and it
	// is well again when the pnode is.
	onTime := func() cluster.Condition {
		list := s.cluster("farm").Conditions
		return list[slices.IndexFunc(list, func(c cluster.Condition) bool { return c.Type == cluster.ConditionOnTime })]
	}
	_, err = s.m.DrainPnode(t.Context(), s.boss, "gw1", true, 0)
	s.must(err)
	s.settle()
	if got := onTime(); got.Status != "False" || got.Reason != "AtRisk" || !strings.Contains(got.Message, "gw1 is drained") {
		t.Fatalf("%+v", got)
	}
	_, err = s.m.DrainPnode(t.Context(), s.boss, "gw1", false, 0)
	s.must(err)
	s.settle()
	if got := onTime(); got.Status != "True" {
		t.Fatalf("%+v", got)
	}
}

// A store from before there were bookings, or one with bookings that nobody
// has, is put right at the start.
func TestStartPutsBookingsRight(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, nil)
	s.must(err)
	stray := bookingOf(c, s.now)
	stray.Request.ID = "stray"
	s.must(s.st.Update(t.Context(), func(tx *store.Tx) error {
		if err := tx.PutBooking(stray); err != nil {
			return err
		}
		return tx.DeleteBooking(c.ID)
	}))
	s.restart()
	s.settle()
}

// However many book at the same moment, nothing is booked twice, and who is
// refused is told why.
func TestManyAtOnce(t *testing.T) {
	s := newSite(t)
	var work sync.WaitGroup
	var mu sync.Mutex
	booked := 0
	for i := range 12 {
		work.Go(func() {
			_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Name, sp.Nodes[0].Count = fmt.Sprint("farm", i), 1+i%2 })
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				booked++
			} else if fault.KindOf(err) != fault.Refused {
				t.Error(err)
			}
		})
	}
	work.Wait()
	if booked == 0 || booked == 12 {
		t.Fatalf("%d of 12 were booked on a site with 4 VLANs", booked)
	}
	s.settle()
	used := map[string]int{}
	vlans := map[int]bool{}
	all, err := s.m.Clusters(t.Context(), s.boss, false)
	s.must(err)
	for _, c := range all {
		if vlans[c.VLAN] {
			t.Errorf("VLAN %d is booked twice", c.VLAN)
		}
		vlans[c.VLAN] = true
		for _, n := range c.Nodes {
			if used[n.Pnode] += n.MemoryMiB; used[n.Pnode] > 2048 {
				t.Errorf("%s holds %d MiB of 2048", n.Pnode, used[n.Pnode])
			}
		}
	}
}
