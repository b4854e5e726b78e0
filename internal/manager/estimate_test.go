package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/cluster"
	"quarry/internal/estimate"
	"quarry/internal/roll"
)

// pool is a cluster of one gateway and two compute nodes, and what it is made of.
func pool(pnodes ...string) (cluster.Cluster, dossier) {
	c := cluster.Cluster{Name: "farm", Rolls: []string{"condor@1"}}
	for i, name := range []string{"gateway", "compute-0", "compute-1"} {
		appliance, _, _ := strings.Cut(name, "-")
		n := cluster.Node{Name: name, Appliance: appliance, CPUs: 1, MemoryMiB: 512, Image: appliance}
		if len(pnodes) > i {
			n.Pnode = pnodes[i]
		}
		c.Nodes = append(c.Nodes, n)
	}
	d := dossier{Plans: map[string]plan{}}
	for _, a := range []string{"gateway", "compute"} {
		d.Plans[a] = plan{Address: a, Profile: roll.Profile{Appliance: a, Rolls: []string{"condor@1"}}}
	}
	return c, d
}

func forecasterOf(h *estimate.History, images bool) forecaster {
	return forecaster{of: h.Of, policy: h.Policy(), has: func(string, string) bool { return images }}
}

// took measures one preparation of a pool.
func took(h *estimate.History, stage estimate.Stage, appliance, pnode string, seconds float64) {
	c, d := pool()
	for _, n := range c.Nodes {
		if n.Appliance != appliance {
			continue
		}
		n.Pnode = pnode
		k := vnodeKey(d, n, 1)
		k.Stage = stage
		h.Add(estimate.Sample{Key: k, Seconds: seconds})
		return
	}
}

func TestForecast(t *testing.T) {
	two := part{hold: 2 * time.Minute, expect: 2 * time.Minute, who: "2 images", why: "nothing was measured yet"}
	for _, c := range []struct {
		name     string
		measured func(*estimate.History)
		builds   part
		images   bool
		prepare  time.Duration
		why      string
	}{
		{"nothing known, no images", func(*estimate.History) {}, two, false, 4 * time.Minute, "2m0s to make 2 images (nothing was measured yet), 1m15s until gateway on gw1 is up"},
		{"nothing known, images at hand", func(*estimate.History) {}, part{}, true, 2 * time.Minute, "25s until gateway on gw1 has joined (nothing was measured yet), 20s to spare"},
		{"the slowest pnode decides", func(h *estimate.History) {
			for _, p := range []string{"gw1", "p1", "p2"} {
				for range fewestOf {
					took(h, estimate.Up, "gateway", p, 30)
					took(h, estimate.Up, "compute", p, map[string]float64{"p1": 40, "p2": 120}[p]+1)
					took(h, estimate.Join, "compute", p, 10)
					took(h, estimate.Join, "gateway", p, 10)
				}
			}
		}, part{}, true, 217 * time.Second, "182s until compute-1 on p2 is up (slowest of 3 preparations of compute of condor@1 (1 CPUs, 512 MiB) on p2"},
		{"an image has to be fetched", func(h *estimate.History) { took(h, estimate.Fetch, "compute", "p1", 20) }, part{}, false, 150 * time.Second, "30s to fetch its image"},
		{"an image is there", func(h *estimate.History) { took(h, estimate.Fetch, "compute", "p1", 20) }, part{}, true, 2 * time.Minute, "nothing was measured yet"},
		{"never less than the floor", func(h *estimate.History) {
			took(h, estimate.Up, "compute", "p1", 5)
			took(h, estimate.Join, "compute", "p1", 1)
		}, part{}, true, time.Minute, "but no less than 1m0s"},
		{"never more than the ceiling", func(h *estimate.History) { took(h, estimate.Up, "compute", "p1", 9000) }, two, true, 32 * time.Minute, "but no more than 30m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := estimate.NewHistory(estimate.DefaultPolicy)
			c.measured(h)
			f := forecasterOf(h, c.images)
			f.builds = c.builds
			cl, d := pool("gw1", "p1", "p2")
			got := f.forecast(cl, d)
			if got.Prepare != c.prepare || !strings.Contains(strings.ReplaceAll(got.Why, "3m2s", "182s"), c.why) {
				t.Errorf("%s: %s", got.Prepare, got.Why)
			}
		})
	}
}

// fewestOf is how many measurements make a pnode known.
const fewestOf = 3

// Whatever was measured: a cluster needs no more where it is placed than what
// was asked for before, and what is held is no less than what is expected,
// but for the ceiling.
func TestPlacedNeedsNoMoreThanAnywhere(t *testing.T) {
	pnodes := []string{"gw1", "p1", "p2", "p3"}
	rapid.Check(t, func(t *rapid.T) {
		h := estimate.NewHistory(estimate.DefaultPolicy)
		for i := range rapid.IntRange(0, 60).Draw(t, "measured") {
			stage := rapid.SampledFrom([]estimate.Stage{estimate.Up, estimate.Join, estimate.Fetch}).Draw(t, fmt.Sprint("stage", i))
			took(h, stage, rapid.SampledFrom([]string{"gateway", "compute"}).Draw(t, fmt.Sprint("appliance", i)),
				rapid.SampledFrom(pnodes).Draw(t, fmt.Sprint("pnode", i)), float64(rapid.IntRange(1, 900).Draw(t, fmt.Sprint("seconds", i))))
		}
		any := rapid.SampledFrom(pnodes)
		c, d := pool(any.Draw(t, "gateway"), any.Draw(t, "compute-0"), any.Draw(t, "compute-1"))
		got := forecasterOf(h, rapid.Bool().Draw(t, "images")).forecast(c, d)
		open, _ := pool()
		anywhere := forecasterOf(h, false)
		anywhere.of = func(k estimate.Key) estimate.Estimate { return h.Worst(k, func(string) bool { return true }) }
		if most := anywhere.forecast(open, d); got.Prepare > most.Prepare || got.Wipe > most.Wipe {
			t.Fatalf("placed %s, %s; anywhere %s, %s", got.Prepare, got.Why, most.Prepare, most.Why)
		}
		if got.Prepare < got.Expect && got.Prepare < estimate.DefaultPolicy.PrepareCeiling {
			t.Fatalf("holds %s, expects %s", got.Prepare, got.Expect)
		}
	})
}
