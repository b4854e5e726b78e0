package manager

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Whatever is offered instead of a refused cluster can be booked as it is.
func TestAlternativesCanBeBooked(t *testing.T) {
	s := newSite(t)
	_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Nodes[0].Count = 6 })
	s.must(err)
	for i, change := range []func(*cluster.Spec){
		func(sp *cluster.Spec) { sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = 3, 1500 },
		func(sp *cluster.Spec) { sp.StartMode, sp.Start = cluster.StartNow, time.Time{}; sp.Nodes[0].Count = 9 },
		func(sp *cluster.Spec) { sp.Nodes[0].Count = 30 },
	} {
		_, err := s.book(s.tenant, func(sp *cluster.Spec) { sp.Name = "second"; change(sp) })
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			t.Fatalf("%d: %v", i, err)
		}
		refusal, ok := f.Refusal.(Refusal)
		if !ok || len(refusal.Reasons) == 0 || len(refusal.Alternatives) < 3 {
			t.Fatalf("%d: %+v", i, f)
		}
		for _, a := range refusal.Alternatives {
			for _, spec := range a.Specs {
				_, err := s.m.CreateCluster(t.Context(), s.tenant, spec, false)
				if err != nil {
					t.Errorf("%d: %s: %v", i, a.Message, err)
				}
			}
			for _, spec := range a.Specs {
				_, err := s.m.CancelCluster(t.Context(), s.tenant, spec.Name, 0)
				s.must(err)
			}
		}
	}
}

// Wishes for the placement are kept where they can be, and what is offered
// without them can be booked as it is.
func TestPlacement(t *testing.T) {
	s := newSite(t)
	c, err := s.book(s.tenant, func(sp *cluster.Spec) {
		sp.Policy, sp.Nodes[0].Count, sp.Nodes[0].MemoryMiB = calendar.Pack, 3, 512
		sp.Nodes[0].Prefer = []string{calendar.Uplink}
	})
	s.must(err)
	for _, n := range c.Nodes {
		if n.Pnode != "gw1" && n.Name != "compute-2" { // it has room for two of these
			t.Errorf("%s is on %s", n.Name, n.Pnode)
		}
	}
	if c.Spec.Policy != calendar.Pack {
		t.Errorf("the policy is %q", c.Spec.Policy)
	}
	apart := func(sp *cluster.Spec) {
		sp.Name, sp.Nodes[0].Count, sp.Nodes[0].Apart, sp.Nodes[0].MemoryMiB = "second", 5, true, 256
		sp.Nodes[0].Prefer = []string{"arch=amd64"}
		sp.Nodes = append(sp.Nodes, cluster.Group{Appliance: cluster.Gateway, Count: 1, MemoryMiB: 256, Require: []string{"accelerator=kvm"}})
	}
	_, err = s.book(s.tenant, apart)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatal(err)
	}
	alternatives := f.Refusal.(Refusal).Alternatives
	i := slices.IndexFunc(alternatives, func(a Alternative) bool { return a.Kind == calendar.Relaxed })
	if i < 0 {
		t.Fatalf("%+v", alternatives)
	}
	spec := alternatives[i].Specs[0]
	gateway, compute := spec.Group(cluster.Gateway), spec.Group(cluster.Compute)
	if compute.Apart || !slices.Equal(compute.Prefer, []string{"arch=amd64"}) || !slices.Equal(gateway.Require, []string{"accelerator=kvm"}) {
		t.Fatalf("offered %+v", spec.Nodes)
	}
	if _, err := s.m.CreateCluster(t.Context(), s.tenant, spec, false); err != nil {
		t.Fatal(err)
	}
	s.settle()
	s.restart()
	s.settle() // what the calendar holds is the same after a restart
	_, err = s.book(s.other, func(sp *cluster.Spec) { sp.Nodes[0].Require = []string{"ssd"} })
	if fault.KindOf(err) != fault.Refused || !strings.Contains(err.Error(), "4 lack ssd") {
		t.Fatal(err)
	}
}

// What no pnode has at all is offered without it, or as big as pnodes are; where
// nothing can be had that is said.
func TestWhatNoPnodeHas(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cluster.Spec)
		drain  bool
		want   []string
	}{
		"a label": {
			func(sp *cluster.Spec) { sp.Nodes[0].Require = []string{"ssd", "arch=amd64"} }, false,
			[]string{"relaxed: all of it now, compute without requiring ssd, arch=amd64"},
		},
		"a rack": {func(sp *cluster.Spec) { sp.Nodes[0].Require = []string{"rack=r9"} }, false, []string{"compute without requiring rack=r9"}},
		"as much": {
			func(sp *cluster.Spec) { sp.Nodes[0].MemoryMiB = 9000 }, false,
			[]string{"smaller: compute with 1 CPUs, 2048 MiB memory"},
		},
		"anything": {func(*cluster.Spec) {}, true, []string{"none: no part of it, however small", "with the pnodes as they are now", "4 are drained"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			for p := range s.pnodes {
				_, err := s.m.DrainPnode(t.Context(), s.boss, p, c.drain, 0)
				s.must(err)
			}
			_, err := s.book(s.tenant, c.change)
			f, ok := errors.AsType[*fault.Error](err)
			if !ok {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(f.Error(), want) {
					t.Errorf("%q is not in:\n%v", want, f)
				}
			}
			refusal, _ := f.Refusal.(Refusal)
			if n := len(refusal.Alternatives); c.drain != (n == 0) || !c.drain && n < 3 {
				t.Fatalf("alternatives: %+v", refusal.Alternatives)
			}
			for _, a := range refusal.Alternatives {
				if _, err := s.m.CreateCluster(t.Context(), s.tenant, a.Specs[0], true); err != nil {
					t.Errorf("%s: %v", a.Message, err)
				}
			}
		})
	}
}
