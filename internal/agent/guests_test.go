package agent

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/pnode"
	"quarry/internal/vnode"
)

func TestDeadGuestIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		disk := w.view().disks["farm.compute-0.aaaaaaaa"]
		if err := os.WriteFile(disk, []byte("a tenant's work"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.turnOff("farm.compute-0.aaaaaaaa")
		p.await("notice", 10*time.Second, func(r pnode.Report) bool { return !ready(farm, 2)(r) })
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		if raw, err := os.ReadFile(disk); err != nil || string(raw) != "a tenant's work" {
			t.Errorf("the disk was not kept: %q, %v", raw, err)
		}
		if n := w.view().starts["farm.compute-0.aaaaaaaa"]; n != 2 {
			t.Errorf("started %d times", n)
		}
		if n := w.view().starts["farm.gateway.aaaaaaaa"]; n != 1 {
			t.Errorf("the other one was started %d times", n)
		}
	})
}

func TestDeafGuestIsRemovedAfterItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.habits["compute-0"] = habits{deaf: true}
		closeAt := time.Now().Add(5 * time.Minute)
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{testCluster(farm, "farm", 10, time.Now(), closeAt)}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		time.Sleep(time.Until(closeAt) + 5*time.Second)
		if diff := cmp.Diff([]string{"farm.compute-0.aaaaaaaa"}, w.running()); diff != "" {
			t.Errorf("5 s after the end: %s", diff)
		}
		time.Sleep(7 * time.Second)
		if n := len(w.running()); n != 0 {
			t.Errorf("%d guests run 12 s after the end", n)
		}
		p.await("end", 10*time.Second, gone(farm))
	})
}

func TestGuestFailureIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.habits["compute-0"] = habits{fail: "E: no \x1b[31mpool password\x00\nexit 1"}
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		failed := func(r pnode.Report) bool {
			for _, v := range vnodesOf(r, farm) {
				if v.Name == "compute-0" {
					return v.Failed && !v.Ready && v.Message == "scripts: condor/start: E: no [31mpool password\nexit 1"
				}
			}
			return false
		}
		p.await("failure", 2*time.Minute, failed)
		p.await("readiness of the other", 2*time.Minute, ready(farm, 1))
		time.Sleep(30 * time.Minute)
		p.stop()
		p = w.start()
		defer p.stop()
		time.Sleep(30 * time.Second)
		if r := p.currentReport(); !failed(r) || w.view().starts["farm.compute-0.aaaaaaaa"] != 1 {
			t.Errorf("tried again by itself: %+v", r)
		}

		w.change(func() { w.habits["compute-0"] = habits{} })
		c.Vnodes[1].Incarnation = 2
		w.want(&pnode.Desired{Epoch: 1, Generation: 2, Clusters: []pnode.Cluster{c}})
		p.await("readiness of the new incarnation", 2*time.Minute, ready(farm, 2))
		for _, v := range vnodesOf(p.currentReport(), farm) {
			if v.Name == "compute-0" && v.Incarnation != 2 {
				t.Errorf("incarnation %d is reported", v.Incarnation)
			}
		}
	})
}

func TestSilentGuestIsTriedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.habits["compute-0"] = habits{silent: true}
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		time.Sleep(2 * time.Minute)
		log := p.files.vnodeDir(Key{farm, "compute-0"}) + "/" + consoleFile
		time.Sleep(5 * time.Minute)
		if err := os.WriteFile(log, []byte("booting\nKernel panic - not syncing\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.await("failure", 7*time.Minute, func(r pnode.Report) bool {
			for _, v := range vnodesOf(r, farm) {
				if v.Failed {
					return strings.Contains(v.Message, "Kernel panic") && v.Stage == vnode.StageBoot
				}
			}
			return false
		})
		if !ready(farm, 1)(p.currentReport()) {
			t.Error("the other one is not ready")
		}
	})
}

func TestNewIdentityReachesTheGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		d := pnode.Desired{Epoch: 1}
		d.Generation = 2
		d.Clusters = []pnode.Cluster{testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))}
		d.Clusters[0].Vnodes[0].Identity.Hosts = []vnode.Host{{Name: "compute-0", Address: "10.1.0.99"}}
		w.want(&d)
		time.Sleep(time.Second)
		var g *fakeGuest
		w.change(func() { g = w.guests["farm.gateway.aaaaaaaa"] })
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.identity.Hosts) != 1 {
			t.Errorf("the guest knows %v", g.identity.Hosts)
		}
	})
}

// TestAssembledReachesTheGuests: vnodes with cluster scripts say that they wait
// and go on once the manager says that all are up; also after a restart of the
// agent, which does without its manager.
func TestAssembledReachesTheGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		for i := range c.Vnodes {
			c.Vnodes[i].Identity.ClusterScripts = []vnode.Script{{Name: "app/join", Body: "#!/bin/sh"}}
		}
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		waiting := func(r pnode.Report) bool {
			all := vnodesOf(r, farm)
			return len(all) == 2 && all[0].Stage == vnode.StageCluster && all[1].Stage == vnode.StageCluster && !all[0].Ready
		}
		p.await("waiting for the others", 2*time.Minute, waiting)
		time.Sleep(30 * time.Minute)
		if !waiting(p.currentReport()) {
			t.Fatalf("did not go on waiting: %+v", p.currentReport())
		}
		c.Assembled = true
		w.want(&pnode.Desired{Epoch: 1, Generation: 2, Clusters: []pnode.Cluster{c}})
		p.await("the word that all are up", 5*time.Second, func(r pnode.Report) bool {
			all := vnodesOf(r, farm)
			return all[0].Stage != vnode.StageCluster && all[1].Stage != vnode.StageCluster
		})
		p.stop()
		w.want(nil)
		p = w.start()
		defer p.stop()
		p.await("readiness", time.Minute, ready(farm, 2))
		// The wait for the others is no time of its own.
		for _, v := range vnodesOf(p.currentReport(), farm) {
			if v.Took.Up <= 0 || v.Took.Up > 120 || v.Took.Join <= 0 || v.Took.Join > 60 {
				t.Errorf("%s took %+v", v.Name, v.Took)
			}
		}
		w.want(&pnode.Desired{Epoch: 1, Generation: 3})
		p.await("the end", time.Minute, func(r pnode.Report) bool {
			return len(r.Clusters) == 1 && r.Clusters[0].Gone && r.Clusters[0].WipeSeconds > 0 && r.Clusters[0].WipeSeconds <= 60
		})
	})
}

// TestNoticesReachTheGuests: at once, to all vnodes of the cluster, and again
// from an agent that started anew without its manager; so do withdrawals.
func TestNoticesReachTheGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		told := func(want string) {
			t.Helper()
			time.Sleep(time.Second)
			w.mu.Lock()
			defer w.mu.Unlock()
			for name, g := range w.guests {
				g.mu.Lock()
				var got []string
				for _, n := range g.notices {
					got = append(got, n.Text)
				}
				g.notices = nil
				g.mu.Unlock()
				if strings.Join(got, " ") != want {
					t.Errorf("%s was told %q, want %q", name, got, want)
				}
			}
		}
		told("")
		c.Notices = []vnode.Notice{{Topic: "end", Text: "soon", From: c.CloseAt.Add(-time.Minute)}, {Topic: "unused", Text: "unused"}}
		w.want(&pnode.Desired{Epoch: 1, Generation: 2, Clusters: []pnode.Cluster{c}})
		told("soon unused")
		p.stop()
		w.want(nil)
		p = w.start()
		defer p.stop()
		time.Sleep(time.Minute)
		told("soon unused")
		c.Notices = c.Notices[:1]
		w.want(&pnode.Desired{Epoch: 1, Generation: 3, Clusters: []pnode.Cluster{c}})
		time.Sleep(time.Minute) // until it asks the manager again
		told("soon")
	})
}
