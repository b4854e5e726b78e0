package api

import (
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// Questions are answered over the wire as they are within; a refusal is an
// answer, a wrong question is not.
func TestQuestions(t *testing.T) {
	s := newSite(t)
	s.pnodes("p1", "p2")
	ctx, c := t.Context(), s.client(s.demo)
	from := s.now().Add(time.Hour)
	free, err := c.Free(ctx, manager.FreeQuestion{From: from, To: from.Add(time.Hour), Vnode: cluster.Group{
		Appliance: "compute", Count: 1, CPUs: 1, MemoryMiB: 512, DiskMiB: 2048, Require: []string{"accelerator=tcg", "arch=none"}, Apart: true,
	}})
	must(t, err)
	if free.Fit != 0 || free.Enough || free.Pnodes != 2 || len(free.Vnode.Require) != 2 || !free.Vnode.Apart || free.Vnode.MemoryMiB != 512 {
		t.Errorf("%+v", free)
	}
	if free, err = c.Free(ctx, manager.FreeQuestion{}); err != nil || free.Fit == 0 || !free.Enough {
		t.Errorf("%+v, %v", free, err)
	}
	a, err := c.Earliest(ctx, farm("farm"), 24*time.Hour)
	must(t, err)
	if !a.Fits || a.Spec == nil {
		t.Fatalf("%+v", a)
	}
	if a, err = c.Fits(ctx, *a.Spec); err != nil || !a.Fits {
		t.Errorf("%+v, %v", a, err)
	}
	_, err = c.CreateCluster(ctx, *a.Spec, false)
	must(t, err)
	why, err := c.WhyCluster(ctx, "farm")
	if err != nil || len(why.Vnodes) == 0 || len(why.Parts) != 2 {
		t.Errorf("%+v, %v", why, err)
	}
	huge := farm("huge")
	huge.Nodes[0].Count = 200
	if a, err = c.Fits(ctx, huge); err != nil || a.Fits || a.Refusal == nil || len(a.Problems) == 0 {
		t.Errorf("%+v, %v", a, err)
	}
	huge.Rolls = []string{"condr"}
	_, err = c.Fits(ctx, huge)
	wantKind(t, err, fault.Invalid)
	_, err = s.client(s.other).WhyCluster(ctx, "farm")
	wantKind(t, err, fault.NotFound)
}
