package agent

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/pnode"
)

func TestWholeLifeWithoutManagerAtBothInstants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		openAt, closeAt := time.Now().Add(5*time.Minute+123*time.Millisecond), time.Now().Add(15*time.Minute)
		c := testCluster(farm, "farm", 10, openAt, closeAt)
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		if w.view().fetched[testImage()] > 2 { // the real store lets the two share one
			t.Errorf("image fetched %d times", w.view().fetched[testImage()])
		}
		c.Open = true
		w.want(&pnode.Desired{Epoch: 1, Generation: 2, Clusters: []pnode.Cluster{c}})
		time.Sleep(time.Second)
		if len(w.view().reports) == 0 || !ready(farm, 2)(w.view().reports[len(w.view().reports)-1]) {
			t.Error("the manager was not told that the cluster is ready")
		}
		w.want(nil)

		time.Sleep(time.Until(openAt) - time.Millisecond)
		synctest.Wait()
		if len(w.view().opened) != 0 {
			t.Fatal("opened before its time")
		}
		time.Sleep(50 * time.Millisecond)
		if late := w.view().opened[farm].Sub(openAt); late < 0 || late > 20*time.Millisecond {
			t.Errorf("opened %s after its time", late)
		}
		time.Sleep(time.Until(closeAt) - time.Millisecond)
		synctest.Wait()
		if len(w.view().closed) != 0 || len(w.running()) != 2 {
			t.Fatal("ended before its time")
		}
		time.Sleep(50 * time.Millisecond)
		if late := w.view().closed[farm].Sub(closeAt); late < 0 || late > 20*time.Millisecond {
			t.Errorf("closed %s after its time", late)
		}
		p.await("end", 15*time.Second, gone(farm))
		if left := w.leftovers(); left != nil {
			t.Errorf("left over: %v", left)
		}
		for _, s := range p.currentReport().Clusters {
			if s.Opened == nil || s.Closed == nil {
				t.Errorf("opened %v and closed %v are not both reported", s.Opened, s.Closed)
			}
		}
		for name, starts := range w.view().starts {
			t.Errorf("guest %s is left after %d starts", name, starts)
		}
	})
}

// TestKilledAtEveryEffect kills the agent before or after its Nth effect on
// the world or on its files, for every N, and starts another one.
func TestKilledAtEveryEffect(t *testing.T) {
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			died := false
			t.Run(fmt.Sprintf("late=%v/n=%d", late, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { died = lifeWithCrash(t, n, late) })
			})
			if !died || t.Failed() {
				if n < 20 {
					t.Errorf("only %d effects in a whole life", n)
				}
				break
			}
		}
	}
}

func lifeWithCrash(t *testing.T, n int, late bool) bool {
	w := newWorld(t)
	w.crashAt, w.crashLate = n, late
	begin := time.Now()
	c := testCluster(farm, "farm", 10, begin.Add(3*time.Minute), begin.Add(6*time.Minute))
	c.Open = true
	w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
	p := w.start()
	died := false
	follow := func(until time.Duration) {
		for rest := until - time.Since(begin); rest > 0; rest = until - time.Since(begin) {
			select {
			case <-p.done:
				died = true
				time.Sleep(2 * time.Second) // as long as a supervisor takes
				p = w.start()
			case <-time.After(rest):
			}
		}
	}
	follow(150 * time.Second)
	p.await("readiness", time.Minute, ready(farm, 2))
	follow(8 * time.Minute)
	defer p.stop()
	for _, what := range w.view().doubled {
		t.Error(what)
	}
	if left := w.leftovers(); left != nil {
		t.Errorf("left over: %v", left)
	}
	if opened := w.view().opened[farm].Sub(begin); opened < 3*time.Minute || opened > 3*time.Minute+4*time.Second {
		t.Errorf("opened after %s", opened)
	}
	if closed := w.view().closed[farm].Sub(begin); closed < 6*time.Minute || closed > 6*time.Minute+4*time.Second {
		t.Errorf("closed after %s", closed)
	}
	if !gone(farm)(p.currentReport()) {
		t.Errorf("not reported gone: %+v", p.currentReport())
	}
	return died
}

func TestRestartAdoptsGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		p.stop()
		w.want(nil) // the second agent must do without
		effects := w.view().effects - w.view().applies
		p = w.start()
		defer p.stop()
		for range 300 {
			time.Sleep(100 * time.Millisecond)
			for _, v := range vnodesOf(p.currentReport(), farm) {
				if !v.Ready {
					t.Fatalf("%s is not taken as ready after the restart: %+v", v.Name, v)
				}
			}
		}
		if n := w.view().effects - w.view().applies - effects; n != 0 {
			t.Errorf("%d effects beside the switch", n)
		}
		p.await("readiness", 10*time.Second, ready(farm, 2))
		time.Sleep(10 * time.Minute)
		if !ready(farm, 2)(p.currentReport()) {
			t.Errorf("no longer ready: %+v", p.currentReport())
		}
		for name, starts := range w.view().starts {
			if starts != 1 {
				t.Errorf("%s was started %d times", name, starts)
			}
		}
	})
}

func TestOlderDesiredIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 2, Generation: 7, Clusters: []pnode.Cluster{c}})
		p := w.start()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		for _, old := range []pnode.Desired{{Epoch: 1, Generation: 99}, {Epoch: 2, Generation: 6}, {Epoch: 2, Generation: 7}} {
			w.want(&old)
			time.Sleep(time.Minute)
			if r := p.currentReport(); r.Epoch != 2 || r.Generation != 7 || !ready(farm, 2)(r) {
				t.Errorf("%+v was taken: %+v", old, r)
			}
		}
		p.stop()
		p = w.start() // it must remember
		defer p.stop()
		w.want(&pnode.Desired{Epoch: 1, Generation: 100})
		time.Sleep(time.Minute)
		if len(w.running()) != 2 {
			t.Error("an older state was taken after a restart")
		}
		w.want(&pnode.Desired{Epoch: 3, Generation: 0})
		p.await("end", time.Minute, gone(farm))
	})
}

func TestOrphansAreEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		close := time.Now().Add(time.Hour)
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{
			testCluster(farm, "farm", 10, time.Now(), close), testCluster(shop, "shop", 20, time.Now(), close),
		}})
		p := w.start()
		p.await("readiness", 2*time.Minute, ready(shop, 2))
		p.stop()
		w.change(func() { // a guest whose files somebody deleted, and a folder without a record
			stray := &fakeGuest{w: w, busy: make(chan struct{}, 1), guest: guest{Name: "old.compute-0.cccccccc"}}
			w.guests[stray.guest.Name] = stray
			stray.boot()
		})
		if err := os.MkdirAll(w.dir+"/vnodes/"+strings.Replace(shop, "b", "d", 8)+"/gateway", 0o700); err != nil {
			t.Fatal(err)
		}
		w.want(&pnode.Desired{Epoch: 1, Generation: 2, Clusters: []pnode.Cluster{testCluster(shop, "shop", 20, time.Now(), close)}})
		p = w.start()
		defer p.stop()
		p.await("end of the orphan", 30*time.Second, gone(farm))
		time.Sleep(10 * time.Second)
		if diff := cmp.Diff([]string{"shop.compute-0.bbbbbbbb", "shop.gateway.bbbbbbbb"}, w.running()); diff != "" {
			t.Error(diff)
		}
		if left := strings.Join(w.leftovers(), " "); strings.Contains(left, "aaaa") || strings.Contains(left, "dddd") || strings.Contains(left, "cccc") {
			t.Errorf("left over: %s", left)
		}
	})
}

func TestWithoutDesiredNothingIsTouched(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"absent":  os.Remove,
		"damaged": func(path string) error { return os.WriteFile(path, []byte(`{"epoch":`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
				w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
				p := w.start()
				p.await("readiness", 2*time.Minute, ready(farm, 2))
				p.stop()
				if err := damage(w.dir + "/" + desiredFile); err != nil {
					t.Fatal(err)
				}
				d := &pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}}
				w.want(nil)
				effects := w.view().effects
				p = w.start()
				defer p.stop()
				time.Sleep(5 * time.Minute)
				if w.view().effects != effects || len(w.running()) != 2 {
					t.Errorf("%d effects without a desired state", w.view().effects-effects)
				}
				w.want(d)
				p.await("readiness", time.Minute, ready(farm, 2))
				if n := w.view().starts["farm.gateway.aaaaaaaa"]; n != 1 {
					t.Errorf("started %d times", n)
				}
			})
		})
	}
}

func TestHangingHypervisorDelaysNoInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		openAt, closeAt := time.Now().Add(5*time.Minute), time.Now().Add(8*time.Minute)
		c := testCluster(farm, "farm", 10, openAt, closeAt)
		c.Open = true
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		w.change(func() { w.hang = true })
		time.Sleep(time.Until(closeAt) + time.Minute)
		if late := w.view().opened[farm].Sub(openAt); late < 0 || late > 20*time.Millisecond {
			t.Errorf("opened %s late", late)
		}
		if late := w.view().closed[farm].Sub(closeAt); late < 0 || late > 20*time.Millisecond {
			t.Errorf("closed %s late", late)
		}
		r := p.currentReport()
		if gone(farm)(r) || !strings.Contains(strings.Join(r.Errors, "\n"), "hypervisor") {
			t.Errorf("the hang is not reported: %+v", r)
		}
		w.change(func() { w.hang = false })
		p.await("end", time.Minute, gone(farm))
		if left := w.leftovers(); left != nil {
			t.Errorf("left over: %v", left)
		}
	})
}

func TestBrokenSwitchDelaysNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		closeAt := time.Now().Add(5 * time.Minute)
		c := testCluster(farm, "farm", 10, time.Now(), closeAt)
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		p.await("readiness", 2*time.Minute, ready(farm, 2))
		w.change(func() { w.fabricErr = errors.New("no such bridge") })
		time.Sleep(time.Until(closeAt) + 30*time.Second)
		if n := len(w.running()); n != 0 {
			t.Errorf("%d guests still run", n)
		}
		if r := p.currentReport(); gone(farm)(r) || len(r.Errors) == 0 {
			t.Errorf("the broken switch is not reported: %+v", r)
		}
		w.change(func() { w.fabricErr = nil })
		p.await("end", time.Minute, gone(farm))
	})
}

func TestOldQEMUIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.version = "QEMU 7.2.17"
		c := testCluster(farm, "farm", 10, time.Now(), time.Now().Add(time.Hour))
		w.want(&pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}})
		p := w.start()
		defer p.stop()
		time.Sleep(time.Minute)
		r := p.currentReport()
		if len(w.view().starts) != 0 || len(r.Errors) == 0 || !strings.Contains(r.Errors[0], "8.2") {
			t.Errorf("not refused: %+v", r)
		}
		for _, v := range vnodesOf(r, farm) {
			if !strings.Contains(v.Message, "QEMU 7.2.17") {
				t.Errorf("vnode %s does not say why: %q", v.Name, v.Message)
			}
		}
	})
}
