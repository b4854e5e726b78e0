package agent

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/pnode"
)

// set sets the pnode's clock ahead, or back.
func (w *world) set(by time.Duration) { w.ahead.Add(int64(by)) }

// A pnode's clock that is wrong by an hour, from when the agent begins or from
// later on, opens and closes a cluster neither early nor late: the agent keeps to
// the time that its manager told, also while that one is down.
func TestClockOfThePnodeIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"ahead": time.Hour, "back": -time.Hour} {
		for phase, when := range map[string]func(openAt, closeAt time.Time) time.Time{
			"from the beginning": func(time.Time, time.Time) time.Time { return time.Time{} },
			"before the start":   func(openAt, _ time.Time) time.Time { return openAt.Add(-time.Minute) },
			"in the window":      func(openAt, _ time.Time) time.Time { return openAt.Add(time.Minute) },
			"before the end":     func(_, closeAt time.Time) time.Time { return closeAt.Add(-time.Minute) },
		} {
			t.Run(name+" "+phase, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					openAt, closeAt := time.Now().Add(10*time.Minute), time.Now().Add(40*time.Minute)
					at := when(openAt, closeAt)
					if at.IsZero() {
						w.set(by)
					}
					c := testCluster(farm, "farm", 10, openAt, closeAt)
					c.Open = true
					w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
					p := w.start()
					defer func() { p.stop() }()
					p.await("readiness", 2*time.Minute, ready(farm, 2))
					w.want(nil)
					time.Sleep(time.Until(at))
					if !at.IsZero() {
						w.set(by)
					}
					time.Sleep(time.Until(closeAt) - time.Second)
					synctest.Wait()
					if v := w.view(); !onTime(v.opened[farm], openAt) || len(v.closed) != 0 || len(w.running()) != 2 {
						t.Fatalf("opened at %s, due at %s; closed %v; %d run", v.opened[farm], openAt, v.closed, len(w.running()))
					}
					time.Sleep(2 * time.Minute)
					if at := w.view().closed[farm]; !onTime(at, closeAt) {
						t.Errorf("closed at %s, due at %s", at, closeAt)
					}
					p.await("end", time.Minute, gone(farm))
				})
			})
		}
	}
}

// onTime allows for what the switch takes.
func onTime(at, due time.Time) bool { return !at.Before(due) && at.Sub(due) < 100*time.Millisecond }

// An agent that begins with a clock past the end of what is there asks its
// manager first, for half a minute: nothing is wiped for a wrong clock.
func TestAgentBeginsWithAClockAhead(t *testing.T) {
	for name, manager := range map[string]bool{"it answers": true, "it is down": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c := testCluster(farm, "farm", 10, time.Now().Add(time.Minute), time.Now().Add(30*time.Minute))
				c.Open = true
				d := &pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}}
				w.want(d)
				p := w.start()
				p.await("readiness", 2*time.Minute, ready(farm, 2))
				time.Sleep(2 * time.Minute)
				p.stop()
				w.set(time.Hour)
				if !manager {
					w.want(nil)
				}
				p = w.start()
				defer func() { p.stop() }()
				time.Sleep(20 * time.Second)
				synctest.Wait()
				if n := len(w.running()); n != 2 {
					t.Fatalf("%d run after 20 s", n)
				}
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if ended := len(w.running()) == 0; ended == manager {
					t.Errorf("%d run, the manager is heard: %t", len(w.running()), manager)
				}
			})
		})
	}
}

// Instants beyond 2038, on a leap day and with parts of a second are after a
// restart what they were.
func TestInstantsSurviveARestart(t *testing.T) {
	for name, openAt := range map[string]time.Time{
		"2038":            time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		"leap day":        time.Date(2028, 2, 29, 23, 59, 59, 123e6, time.UTC),
		"of another zone": time.Date(2100, 10, 31, 1, 30, 0, 0, time.FixedZone("", 2*3600)),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			f := files{dir: w.dir}
			if err := f.setUp(); err != nil {
				t.Fatal(err)
			}
			c := testCluster(farm, "farm", 10, openAt, openAt.Add(25*time.Hour))
			raw, err := json.Marshal(pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
			if err != nil {
				t.Fatal(err)
			}
			d, err := parseDesired(raw) // as it comes from the manager
			if err != nil {
				t.Fatal(err)
			}
			if err := f.write(desiredFile, d); err != nil {
				t.Fatal(err)
			}
			if err := f.write(ledgerFile, map[string]entry{farm: {Opened: &openAt}}); err != nil {
				t.Fatal(err)
			}
			held, err := f.desired()
			if err != nil {
				t.Fatal(err)
			}
			ledger, err := f.ledger()
			if err != nil {
				t.Fatal(err)
			}
			if got := held.Clusters[0]; !got.OpenAt.Equal(c.OpenAt) || !got.CloseAt.Equal(c.CloseAt) || !ledger[farm].Opened.Equal(openAt) {
				t.Errorf("%s to %s, opened %s", got.OpenAt, got.CloseAt, ledger[farm].Opened)
			}
			for at, want := range map[time.Time]int{openAt.Add(-time.Millisecond): 2, c.CloseAt.Add(-time.Millisecond): 2, c.CloseAt: 0} {
				if p := makePlan(*held, actual{}, testTap, at, true); len(p.run) != want {
					t.Errorf("%d vnodes run at %s, want %d", len(p.run), at, want)
				}
			}
		})
	}
}
