package agent

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/pnode"
)

func TestBrokenPortHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now().Add(3*time.Minute), time.Now().Add(5*time.Minute))
		c.Open = true
		w.badTap = fakeFabric{}.TapName(farm, "compute-0", "private")
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness of the gateway", 2*time.Minute, ready(farm, 1))
		if diff := cmp.Diff([]string{"farm.gateway.aaaaaaaa"}, w.running()); diff != "" {
			t.Error(diff)
		}
		if r := p.currentReport(); !strings.Contains(strings.Join(r.Errors, "\n"), w.badTap) {
			t.Errorf("the port is not reported: %v", r.Errors)
		}
		time.Sleep(time.Until(c.OpenAt) + 20*time.Millisecond)
		if w.view().opened[farm].IsZero() {
			t.Error("not opened")
		}
		p.await("end", 3*time.Minute, gone(farm))
	})
}

func TestPortsThatStayAreNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(3*time.Minute))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer func() { p.stop() }()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		w.change(func() { w.applyErr = errors.New("cannot remove taps") })
		time.Sleep(time.Until(c.CloseAt) + time.Minute)
		if gone(farm)(p.currentReport()) || len(w.running()) != 0 {
			t.Errorf("with ports left: %+v", p.currentReport())
		}
		p.stop()
		p = w.start() // it must ask the switch what is left
		time.Sleep(time.Minute)
		if gone(farm)(p.currentReport()) {
			t.Error("gone with ports left, after a restart")
		}
		p.stop()
		w.change(func() { w.fabricErr = errors.New("no switch") })
		p = w.start()
		time.Sleep(time.Minute)
		if gone(farm)(p.currentReport()) {
			t.Error("gone without a word from the switch")
		}
		w.change(func() { w.fabricErr, w.applyErr = nil, nil })
		p.await("end", time.Minute, gone(farm))
	})
}

func TestGuestThatLostItsFilesIsNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(3*time.Minute))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		p.stop()
		if err := os.RemoveAll(w.dir + "/vnodes/" + farm); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		w.listTakes = time.Second
		p = w.start()
		defer p.stop()
		p.await("end", time.Minute, gone(farm))
		if left := w.running(); left != nil {
			t.Errorf("gone, but %v run", left)
		}
	})
}

func TestLegClosesBeforeGuestsStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(3*time.Minute))
		c.Open = true
		w.applyTakes = 3 * time.Second
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		p.await("end", 4*time.Minute, gone(farm))
		for name, at := range w.view().turnedOff {
			if at.Before(w.view().closed[farm]) {
				t.Errorf("%s stopped %s before the leg closed", name, w.view().closed[farm].Sub(at))
			}
		}
	})
}

// TestSlowListsAreNotTakenForDeath: what was listed before a guest started
// says nothing about it.
func TestSlowListsAreNotTakenForDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.listTakes = 2 * time.Second
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, func(r pnode.Report) bool {
			for _, v := range vnodesOf(r, farm) {
				if strings.Contains(v.Message, "again") {
					t.Errorf("%s: %s", v.Name, v.Message)
				}
			}
			return ready(farm, 2)(r)
		})
	})
}

func TestManagerCancelsWhileFetching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		time.Sleep(1500 * time.Millisecond)
		for _, v := range vnodesOf(p.currentReport(), farm) {
			if v.Stage != "image" || v.Progress != progress("image", 50, 100) {
				t.Errorf("%s is at %s, %d %%", v.Name, v.Stage, v.Progress)
			}
		}
		w.want(&pnode.Desired{Epoch: 1, Generation: 2})
		p.await("end", 10*time.Second, gone(farm))
		if left := w.leftovers(); left != nil {
			t.Errorf("left over: %v", left)
		}
		if len(w.view().turnedOff) != 0 {
			t.Error("a guest was started")
		}
	})
}

func TestExtendedWhileEndingComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.habits["gateway"] = habits{deaf: true}
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(3*time.Minute))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		time.Sleep(time.Until(c.CloseAt) + 5*time.Second)
		c.CloseAt = c.CloseAt.Add(time.Hour)
		w.want(&pnode.Desired{Epoch: 1, Generation: 2, Clusters: []pnode.Cluster{c}})
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		for _, s := range p.currentReport().Clusters {
			if s.Gone {
				t.Error("reported gone")
			}
		}
		if n := w.view().starts["farm.gateway.aaaaaaaa"]; n != 1 {
			t.Errorf("the gateway, which had not stopped, was started %d times", n)
		}
	})
}
