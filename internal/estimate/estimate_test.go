package estimate

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func key(profile, pnode string) Key {
	return Key{Stage: Up, Profile: profile, Size: Size(1, 512), Pnode: pnode, Crowd: 1}
}

// add measures something n times.
func add(h *History, k Key, seconds float64, n int) {
	for range n {
		h.Add(Sample{Key: k, Seconds: seconds, At: t0})
	}
}

func TestRank(t *testing.T) {
	for _, c := range []struct {
		percentile, confidence float64
		n, want                int
	}{
		// Conover, table of one-sided tolerance limits: 45 for (0.90, 0.95), 59 for (0.95, 0.95).
		{95, 90, 44, 0},
		{95, 90, 45, 45},
		{95, 95, 58, 0},
		{95, 95, 59, 59},
		{95, 95, 93, 92}, // as many as let one be above it
		{95, 95, 92, 92},
		{90, 95, 29, 29},
		{90, 95, 28, 0},
		{50, 90, 4, 4},
		{50, 90, 3, 0},
		{99, 99, 458, 0},
		{99, 99, 459, 459},
	} {
		p := Policy{Percentile: c.percentile, Confidence: c.confidence}
		if got := p.rank(c.n); got != c.want {
			t.Errorf("%v/%v of %d: rank %d, want %d", c.percentile, c.confidence, c.n, got, c.want)
		}
		if enough := c.n >= p.needed(); enough != (c.want > 0) {
			t.Errorf("%v/%v: %d are said to be needed", c.percentile, c.confidence, p.needed())
		}
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name         string
		measured     func(*History)
		ask          Key
		expect, hold float64
		why          string
	}{
		{"nothing", func(*History) {}, key("condor", "p1"), 75, 75, "nothing was measured yet"},
		{"few on the pnode", func(h *History) { add(h, key("condor", "p1"), 40, 3) }, key("condor", "p1"), 40, 60, "slowest of 3 preparations of condor (1 CPUs, 512 MiB) on p1 and half as much again, as the 95th percentile with 90 % confidence takes 45"},
		{"a pnode like the others", func(h *History) { add(h, key("condor", "p1"), 40, 3) }, key("condor", "p2"), 40, 60, "of condor (1 CPUs, 512 MiB) and half"},
		{"too few here, so the others count", func(h *History) {
			add(h, key("condor", "p1"), 80, 3)
			add(h, key("condor", "p2"), 40, 2)
		}, key("condor", "p2"), 80, 80, "slowest of 5 preparations of condor (1 CPUs, 512 MiB)"},
		{"one, and slower than the others", func(h *History) {
			add(h, key("condor", "p1"), 40, 3)
			add(h, key("condor", "p2"), 80, 1)
		}, key("condor", "p2"), 80, 120, "slowest of 1 preparations of condor (1 CPUs, 512 MiB) on p2 and half"},
		{"enough on the pnode", func(h *History) {
			add(h, key("condor", "p1"), 40, 60)
			add(h, key("condor", "p2"), 400, 60)
		}, key("condor", "p1"), 40, 40, "95th percentile with 90 % confidence of 60 preparations of condor (1 CPUs, 512 MiB) on p1"},
		{"enough elsewhere", func(h *History) { add(h, key("condor", "p1"), 40, 60) }, key("condor", "p3"), 40, 40, "of 60 preparations of condor (1 CPUs, 512 MiB)"},
		{"enough elsewhere, but slow here", func(h *History) {
			add(h, key("condor", "p1"), 40, 60)
			add(h, key("condor", "p2"), 100, 1)
		}, key("condor", "p2"), 100, 125, "slowest of the last 1 preparations of condor (1 CPUs, 512 MiB) on p2 and a quarter more"},
		{"it was slow here once", func(h *History) {
			add(h, key("condor", "p1"), 40, 90)
			add(h, key("condor", "p2"), 100, 1)
			add(h, key("condor", "p2"), 30, fresh)
		}, key("condor", "p2"), 40, 40, "of 90"},
		{"another size", func(h *History) { add(h, Key{Stage: Up, Profile: "condor", Size: Size(8, 4096), Pnode: "p1"}, 40, 60) }, key("condor", "p1"), 40, 40, "of 60 preparations of condor"},
		{"another profile", func(h *History) { add(h, key("base", "p1"), 20, 60) }, key("condor", "p1"), 20, 20, "of 60 preparations of any profile"},
		{"others do not count for one that was measured", func(h *History) {
			add(h, key("base", "p1"), 200, 60)
			add(h, key("condor", "p1"), 20, 1)
		}, key("condor", "p1"), 20, 30, "slowest of 1"},
		{"another stage", func(h *History) { add(h, Key{Stage: Join, Profile: "condor"}, 20, 60) }, key("condor", "p1"), 75, 75, "nothing"},
		{"a tenant's own are nobody else's", func(h *History) { add(h, Key{Stage: Up, Tenant: "demo", Profile: "condor"}, 900, 60) }, key("condor", "p1"), 75, 75, "nothing"},
		{"a tenant's own", func(h *History) { add(h, Key{Stage: Up, Tenant: "demo", Profile: "own"}, 200, 60) }, Key{Stage: Up, Tenant: "demo", Profile: "own", Pnode: "p1"}, 200, 200, "of 60"},
		{"many at once", func(h *History) {
			add(h, Key{Stage: Up, Profile: "condor", Pnode: "p1", Crowd: 3}, 90, 50)
			add(h, Key{Stage: Up, Profile: "condor", Pnode: "p1", Crowd: 1}, 30, 50)
		}, Key{Stage: Up, Profile: "condor", Pnode: "p1", Crowd: 4}, 90, 90, "up to 4 vnodes at once"},
		{"alone", func(h *History) {
			add(h, Key{Stage: Up, Profile: "condor", Pnode: "p1", Crowd: 3}, 90, 50)
			add(h, Key{Stage: Up, Profile: "condor", Pnode: "p1", Crowd: 1}, 30, 50)
		}, Key{Stage: Up, Profile: "condor", Pnode: "p1", Crowd: 1}, 30, 30, "of 50"},
		{"a slow spell passes", func(h *History) {
			add(h, key("condor", "p1"), 400, 60)
			add(h, key("condor", "p1"), 40, 90)
		}, key("condor", "p1"), 40, 40, "of 90"},
		{"builds", func(h *History) { add(h, Key{Stage: Build, Profile: "condor"}, 30, 45) }, Key{Stage: Build, Profile: "condor"}, 30, 30, "of 45 builds of condor"},
		{"what cannot be is left out", func(h *History) { add(h, key("condor", "p1"), -4, 60); add(h, key("condor", "p1"), 0, 60) }, key("condor", "p1"), 75, 75, "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := NewHistory(DefaultPolicy)
			c.measured(h)
			got := h.Of(c.ask)
			if got.Expect.Seconds() != c.expect || got.Hold.Seconds() != c.hold || !strings.Contains(got.Why(), c.why) {
				t.Errorf("expects %s, holds %s: %s", got.Expect, got.Hold, got.Why())
			}
		})
	}
}

func TestWorst(t *testing.T) {
	h := NewHistory(DefaultPolicy)
	add(h, key("condor", "p1"), 40, 50)
	add(h, key("condor", "p2"), 90, 3)
	crowded := key("condor", "p3")
	crowded.Crowd = 8
	add(h, crowded, 300, 50)
	usable := func(names ...string) func(string) bool {
		return func(p string) bool { return strings.Contains(strings.Join(names, " "), p) }
	}
	ask := key("condor", "")
	for _, c := range []struct {
		use  func(string) bool
		want float64
	}{
		{usable("p1", "p2"), 112.5},
		{usable("p1"), 90}, // like the others: p2 is one of them
		{usable("p4"), 90},
	} {
		if got := h.Worst(ask, c.use); got.Hold.Seconds() < c.want {
			t.Errorf("holds %s, want %v s at least: %s", got.Hold, c.want, got.Why())
		}
	}
}

// drawHistory measures a few profiles on a few pnodes.
func drawHistory(t *rapid.T, p Policy) (*History, []Sample) {
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Sample {
		return Sample{Key: drawKey(t), Seconds: float64(rapid.IntRange(1, 500).Draw(t, "seconds")), At: t0}
	}), 0, 60).Draw(t, "measured")
	h := NewHistory(p)
	h.Add(list...)
	return h, list
}

func drawKey(t *rapid.T) Key {
	return Key{
		Stage: Up, Profile: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "profile"), Size: rapid.SampledFrom([]string{"s", "l"}).Draw(t, "size"),
		Pnode: rapid.SampledFrom([]string{"p1", "p2", "p3"}).Draw(t, "pnode"), Crowd: rapid.IntRange(1, 4).Draw(t, "crowd"),
		Tenant: rapid.SampledFrom([]string{"", "", "demo"}).Draw(t, "tenant"),
	}
}

var loose = Policy{Percentile: 75, Confidence: 75, PrepareCeiling: time.Hour, WipeCeiling: time.Hour}

// Whatever was measured: what is held is never less than what is expected,
// the worst pnode is no better than any, and the same measurements in the
// same order give the same estimate.
func TestEstimatesAreOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, list := drawHistory(t, loose)
		k := drawKey(t)
		got := h.Of(k)
		if got.Hold < got.Expect || got.Expect <= 0 || got.Why() == "" {
			t.Fatalf("expects %s, holds %s", got.Expect, got.Hold)
		}
		if worst := h.Worst(k, func(string) bool { return true }); worst.Hold < got.Hold {
			t.Fatalf("on %s %s, at worst %s", k.Pnode, got.Hold, worst.Hold)
		}
		again := NewHistory(DefaultPolicy)
		again.Add(list...)
		again.SetPolicy(loose)
		if other := again.Of(k); other.Hold != got.Hold || other.Why() != got.Why() {
			t.Fatalf("%s (%s) and %s (%s)", got.Hold, got.Why(), other.Hold, other.Why())
		}
	})
}

// Raising a measurement never lowers an estimate.
func TestEstimatesAreMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, list := drawHistory(t, loose)
		if len(list) == 0 {
			return
		}
		k := drawKey(t)
		i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
		list[i].Seconds += float64(rapid.IntRange(1, 500).Draw(t, "more"))
		raised := NewHistory(loose)
		raised.Add(list...)
		before, after := h.Of(k), raised.Of(k)
		if after.Hold < before.Hold || after.Expect < before.Expect {
			t.Fatalf("%s/%s became %s/%s", before.Expect, before.Hold, after.Expect, after.Hold)
		}
	})
}

// The bound covers the percentile as often as it promises, whatever the
// distribution: drawn by simulation from one with a long tail and two humps.
func TestCoverage(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	draw := func() float64 { // 9 of 10 around 30 s, one around 90 s
		v := 30 + 10*chance.ExpFloat64()
		if chance.IntN(10) == 0 {
			v += 60
		}
		return v
	}
	for _, p := range []Policy{{Percentile: 95, Confidence: 90}, {Percentile: 80, Confidence: 95}, {Percentile: 50, Confidence: 60}} {
		for _, n := range []int{p.needed(), 2*p.needed() - 1, 5 * p.needed()} {
			const trials = 2000
			covered, short := 0, 0
			for range trials {
				h := NewHistory(p)
				for range n {
					h.Add(Sample{Key: key("condor", "p1"), Seconds: draw(), At: t0})
				}
				bound := h.Of(key("condor", "p1")).Hold.Seconds()
				// Enough draws to see on which side of the percentile it is.
				if share := below(bound); share >= p.Percentile/100 {
					covered++
				}
				if draw() > bound {
					short++
				}
			}
			// Four standard deviations below what is promised.
			if least := p.Confidence/100 - 4*0.5/44.7; float64(covered)/trials < least {
				t.Errorf("%v of %d: covers the percentile in %.1f %% of cases", p, n, 100*float64(covered)/trials)
			}
			if most := 1 - p.Percentile/100 + 4*0.5/44.7; float64(short)/trials > most {
				t.Errorf("%v of %d: %.1f %% of preparations take longer", p, n, 100*float64(short)/trials)
			}
		}
	}
}

// below is the share of the test's distribution that is below x.
func below(x float64) float64 {
	exp := func(v float64) float64 {
		if v <= 0 {
			return 0
		}
		return 1 - math.Exp(-v)
	}
	return 0.9*exp((x-30)/10) + 0.1*exp((x-90)/10)
}

func TestPolicy(t *testing.T) {
	if err := DefaultPolicy.Validate(); err != nil {
		t.Fatal(err)
	}
	bad := Policy{Percentile: 100, Confidence: 20, PrepareFloor: time.Hour, PrepareCeiling: time.Minute, WipeFloor: 0, WipeCeiling: 48 * time.Hour}
	err := bad.Validate()
	for _, want := range []string{"100 is not between 50 and 99.9", "20 is not between", "1h0m0s is more than the ceiling, 1m0s", "wipe-floor", "48h0m0s is more than a day"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the answer lacks %q: %v", want, err)
		}
	}
}

func TestOrdinal(t *testing.T) {
	for p, want := range map[float64]string{95: "95th", 91: "91st", 92: "92nd", 93: "93rd", 99.9: "99.9th", 50: "50th"} {
		if got := ordinal(p); got != want {
			t.Errorf("%v is %s", p, got)
		}
	}
}
