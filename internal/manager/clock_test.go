package manager

import (
	"fmt"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/store"
)

// A manager's clock that is wrong by an hour, from some instant on until it is
// set right, opens no cluster early or late and ends none early or late: the
// pnodes say what time it is. So it is when the manager was started with it.
func TestClockOfTheManagerIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		for phase, wrong := range map[string]func(c cluster.Cluster) (from, to time.Time){
			"before the start": func(c cluster.Cluster) (time.Time, time.Time) {
				return c.Start.Add(-20 * time.Second), c.Start.Add(2 * time.Minute)
			},
			"in the window": func(c cluster.Cluster) (time.Time, time.Time) {
				return c.Start.Add(2 * time.Minute), c.Start.Add(4 * time.Minute)
			},
			"until after the end": func(c cluster.Cluster) (time.Time, time.Time) {
				return c.Start.Add(-20 * time.Second), c.End.Add(time.Minute)
			},
		} {
			for _, restarted := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s, restarted %t", name, phase, restarted), func(t *testing.T) {
					s := newSite(t)
					c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Duration = 6 * time.Minute })
					s.must(err)
					from, to := wrong(c)
					s.pass(c.PrepareAt.Sub(s.now) + 5*time.Second)
					ready := s.wantState("farm", cluster.Ready)
					if from.After(c.Start) {
						s.pass(c.Start.Sub(s.now))
					}
					s.pass(from.Sub(s.now))
					s.ahead = by
					if restarted {
						s.restart()
					}
					placed := placesOf(s.cluster("farm"))
					for s.now.Before(c.End) {
						left := c.End.Sub(s.now)
						if s.now.Before(to) {
							left = min(left, to.Sub(s.now))
						}
						s.pass(min(left, 20*time.Second))
						if s.now.Equal(to) {
							s.ahead = 0
							s.settle()
						}
						s.wantKept(c, ready, placed)
					}
					if s.now.Before(to) {
						s.pass(to.Sub(s.now))
						s.ahead = 0
					}
					s.pass(time.Minute)
					if c := s.wantState("farm", cluster.Ended); !c.EndedAt.Equal(c.End) {
						t.Errorf("it ended at %s, its end was %s", c.EndedAt, c.End)
					}
				})
			}
		}
	}
}

// wantKept checks what the pnodes do of a cluster at an instant, by true time.
func (s *site) wantKept(c, ready cluster.Cluster, placed string) {
	s.t.Helper()
	if now := placesOf(s.cluster("farm")); now != placed {
		s.t.Fatalf("%s: placed anew: %s instead of %s", s.now, now, placed)
	}
	for _, n := range ready.Nodes {
		d, _, _ := s.m.Desired(s.t.Context(), n.Pnode)
		found := false
		for _, p := range d.Clusters {
			if p.ID != c.ID {
				continue
			}
			found = true
			if !p.Open || !p.OpenAt.Equal(c.Start) || !p.CloseAt.Equal(c.End) {
				s.t.Fatalf("%s: %s is told open %t from %s to %s", s.now, n.Pnode, p.Open, p.OpenAt, p.CloseAt)
			}
		}
		if !found && s.now.Before(c.End) {
			s.t.Fatalf("%s: %s is told to drop the cluster, whose end is %s", s.now, n.Pnode, c.End)
		}
	}
	opened, ok := s.pnodes["gw1"].opened[c.ID]
	if ok == s.now.Before(c.Start) || ok && !opened.Equal(c.Start) {
		s.t.Fatalf("%s: opened %t at %s, the start is %s", s.now, ok, opened, c.Start)
	}
}

func placesOf(c cluster.Cluster) (places string) {
	for _, n := range c.Nodes {
		places += n.Name + " on " + n.Pnode + " "
	}
	return places
}

// Setting the clock silences no pnode, and does not let one pass as alive that
// is silent: what was on that is made elsewhere in time.
func TestSilenceIsNotByTheClock(t *testing.T) {
	for name, by := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.pass(time.Minute)
			lost := func() (names []string) {
				list, err := s.m.Pnodes(t.Context(), s.boss)
				s.must(err)
				for _, p := range list {
					if p.State == "lost" {
						names = append(names, p.Name)
					}
				}
				return names
			}
			s.ahead = by
			if names := lost(); len(names) != 0 {
				t.Errorf("%v count as lost", names)
			}
			s.pnodes["p1"].dead = true
			s.pass(lostAfter + time.Second)
			if names := lost(); len(names) != 1 || names[0] != "p1" {
				t.Errorf("lost are %v, silent is p1", names)
			}
		})
	}
}

// An image that could not be made is made again soon, whatever the clock says.
func TestBuildIsTriedAgainWithTheClockSetBack(t *testing.T) {
	s := newSite(t)
	s.images.fail = errBroken
	_, err := s.book(s.tenant, nil)
	s.must(err)
	s.settle()
	s.ahead = -time.Hour
	s.pass(buildRetry + time.Second)
	if s.images.builds != 2 {
		t.Errorf("%d images are made", s.images.builds)
	}
}

// A window on a leap day, over a change of daylight saving and beyond 2038 is
// the same in the store, after a restart and in what pnodes are told.
func TestWindowsAtOddTimes(t *testing.T) {
	for name, start := range map[string]time.Time{
		"leap day":     time.Date(2028, 2, 29, 23, 30, 0, 0, time.UTC),
		"clock back":   time.Date(2026, 10, 25, 2, 30, 0, 0, time.FixedZone("", 2*3600)),
		"beyond 2038":  time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		"through 2038": time.Date(2038, 1, 19, 2, 50, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.now = start.Add(-15 * time.Minute).UTC()
			s.restart()
			s.settle()
			c, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Start, sp.Duration = start, 10*time.Minute })
			s.must(err)
			s.restart()
			s.settle()
			got := s.cluster("farm")
			if !got.Start.Equal(start) || got.End.Sub(got.Start) != 10*time.Minute || !got.PrepareAt.Equal(c.PrepareAt) {
				t.Fatalf("booked %s, kept %s to %s, prepared at %s", start, got.Start, got.End, got.PrepareAt)
			}
			s.pass(start.Sub(s.now))
			if got := s.wantState("farm", cluster.Active); !got.ActiveAt.Equal(start) {
				t.Errorf("handed over at %s", got.ActiveAt)
			}
			d, _, _ := s.m.Desired(t.Context(), "gw1")
			if p := d.Clusters[0]; !p.OpenAt.Equal(start) || !p.CloseAt.Equal(got.End) {
				t.Errorf("told %s to %s", p.OpenAt, p.CloseAt)
			}
			s.pass(got.End.Sub(s.now) - time.Second)
			s.wantState("farm", cluster.Active)
			s.pass(time.Second)
			s.must(s.st.View(t.Context(), func(tx *store.Tx) error {
				all, err := tx.Clusters(store.ClusterFilter{})
				if err == nil && (len(all) != 1 || !all[0].EndedAt.Equal(got.End)) {
					t.Errorf("kept %+v", all)
				}
				return err
			}))
		})
	}
}

// Whose clock is off is told to the provider.
func TestClocksThatAreOffAreTold(t *testing.T) {
	s := newSite(t)
	s.ahead, s.pnodes["p1"].ahead, s.pnodes["p2"].ahead = -time.Hour, time.Minute, 3*time.Second
	s.settle()
	info, err := s.m.Site(t.Context(), s.boss)
	s.must(err)
	if !info.Time.Equal(s.now) || info.ClockAheadSeconds != -3600 {
		t.Errorf("the time is %s, want %s; the manager is %g s ahead", info.Time, s.now, info.ClockAheadSeconds)
	}
	list, err := s.m.Pnodes(t.Context(), s.boss)
	s.must(err)
	for _, p := range list {
		if want := map[string]float64{"p1": 60}[p.Name]; p.ClockAheadSeconds != want {
			t.Errorf("%s is said to be %g s ahead, want %g", p.Name, p.ClockAheadSeconds, want)
		}
	}
}
