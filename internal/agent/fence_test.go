package agent

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"quarry/internal/pnode"
)

// A vnode that another pnode runs too is given up, but only by a pnode that
// does not hear its manager, and never one of a cluster that was handed over.
func TestFence(t *testing.T) {
	const computeMAC = "52:54:00:00:0a:03"
	for _, test := range []struct {
		name        string
		alone, twin bool // the manager is not heard; frames of a twin arrive
		afterStart  bool
		survives    bool
	}{
		{name: "cut off", alone: true, twin: true},
		{name: "manager down", alone: true, survives: true},
		{name: "the newer one", twin: true, survives: true},
		{name: "handed over", alone: true, twin: true, afterStart: true, survives: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.twins = map[string]uint64{computeMAC: 7} // of an earlier move
				c := testCluster(farm, "farm", 10, time.Now().Add(10*time.Minute), time.Now().Add(time.Hour))
				c.Open = true
				d := &pnode.Desired{Epoch: 1, Generation: 1, Clusters: []pnode.Cluster{c}}
				w.want(d)
				p := w.start()
				defer p.stop()
				p.await("readiness", 2*time.Minute, ready(farm, 2))
				both := w.running()
				if test.afterStart {
					time.Sleep(time.Until(c.OpenAt) + time.Second)
				}
				if test.alone {
					w.want(nil)
				}
				time.Sleep(time.Minute)
				if test.twin {
					w.change(func() { w.twins = map[string]uint64{computeMAC: 9} })
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				left := w.running()
				if got := slices.Equal(left, both); got != test.survives {
					t.Errorf("of %v still run: %v", both, left)
				}
				if len(left) == 0 {
					t.Error("the gateway, which has no twin, was ended too")
				}
				w.want(d) // the manager is back and wants the same
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if left := w.running(); !slices.Equal(left, both) {
					t.Errorf("wanted again, but of %v only run: %v", both, left)
				}
			})
		})
	}
}
