package estimate

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plainHistory is History as it is understood most easily: nothing is kept but
// the measurements, and each question looks all of its groups up.
type plainHistory struct {
	policy Policy
	groups map[Key]*plainGroup
	places map[Key][]string
}

type plainGroup struct {
	newest  []time.Duration
	bound   time.Duration
	counted int
	stale   bool
}

type plainPlaced struct {
	pnode string
	Estimate
}

// Worst is the longest estimate of a key, with as many vnodes at once or
// fewer, over the pnodes for which use is true and one that is like the others.
func (h *plainHistory) Worst(k Key, use func(pnode string) bool) Estimate {
	k.Pnode = ""
	worst := h.of(k)
	largest := crowdClass(k.Crowd)
	for class := 1; class <= largest; class *= 2 {
		k.Crowd = class
		list := h.slow(k)
		if i := slices.IndexFunc(list, func(p plainPlaced) bool { return use(p.pnode) }); i >= 0 && list[i].Hold > worst.Hold {
			worst = list[i].Estimate
		}
	}
	return worst
}

// slow lists the pnodes where a profile and size was measured, the slowest
// first.
func (h *plainHistory) slow(k Key) []plainPlaced {
	var list []plainPlaced
	for _, pnode := range h.places[k.at(sameSize)] {
		at := k
		at.Pnode = pnode
		list = append(list, plainPlaced{pnode, h.of(at)})
	}
	slices.SortStableFunc(list, func(a, b plainPlaced) int { return cmp.Compare(b.Hold, a.Hold) })
	return list
}

func (h *plainHistory) of(k Key) Estimate {
	counts, narrower := h.counts(k)
	e := h.base(k, counts)
	for _, l := range narrower {
		newest := h.groups[k.at(l)].last(fresh)
		slow := slices.Max(newest)
		e.atLeast(slow, stretch(slow, outlier), l, len(newest), onFresh)
	}
	if e.basis == onFew {
		h.widen(&e)
	}
	return e
}

// widen takes wider groups into account until there are a few measurements.
func (h *plainHistory) widen(e *Estimate) {
	for l, of := e.level, e.of; of < fewest && l+1 < anything; {
		l++
		if g := h.groups[e.key.at(l)]; g != nil {
			newest := g.last(recent)
			of = len(newest)
			slow := slices.Max(newest)
			e.atLeast(slow, slow, l, of, onWide)
		}
	}
}

// counts returns the level whose measurements count, levels for none, and the
// narrower ones that have some if they are enough. Other profiles count only
// for one that was never measured.
func (h *plainHistory) counts(k Key) (counts level, narrower []level) {
	some := levels
	for l := range levels {
		g := h.groups[k.at(l)]
		if g == nil || l == anything && some != levels || l <= samePnode && k.Pnode == "" {
			continue
		}
		if g.stale {
			g.settle(h.policy)
		}
		if g.counted > 0 {
			return l, narrower
		}
		some = min(some, l)
		narrower = append(narrower, l)
	}
	return some, nil
}

// base is the estimate by the measurements of one level.
func (h *plainHistory) base(k Key, l level) Estimate {
	e := Estimate{key: k, level: l, policy: h.policy}
	if l == levels {
		e.Expect, e.Hold = guesses[k.Stage], guesses[k.Stage]
		return e
	}
	g := h.groups[k.at(l)]
	if g.counted > 0 {
		e.Expect, e.Hold, e.of, e.basis = g.bound, g.bound, g.counted, onPercentile
		return e
	}
	newest := g.last(recent)
	e.Expect, e.of, e.basis = slices.Max(newest), len(newest), onFew
	e.Hold = stretch(e.Expect, provisional)
	return e
}

// Add remembers measurements, the oldest first. Those that are not positive
// are left out.
func (h *plainHistory) Add(list ...Sample) {
	for _, s := range list {
		if s.Seconds <= 0 {
			continue
		}
		h.place(s.Key)
		last := Key{}
		for l := range levels {
			k := s.Key.at(l)
			if k == last || l == anything && s.Tenant != "" {
				continue
			}
			last = k
			h.group(k).add(s.Took())
		}
	}
}

// place notes where a profile and size was measured.
func (h *plainHistory) place(k Key) {
	whole := k.at(sameSize)
	if k.Pnode != "" && h.groups[k.at(samePnode)] == nil {
		h.places[whole] = append(h.places[whole], k.Pnode)
	}
}

func (h *plainHistory) group(k Key) *plainGroup {
	g := h.groups[k]
	if g == nil {
		g = &plainGroup{}
		h.groups[k] = g
	}
	return g
}

// last returns the newest n measurements, or as many as there are.
func (g *plainGroup) last(n int) []time.Duration {
	return g.newest[max(0, len(g.newest)-n):]
}

// settle computes the bound. Twice as many as it takes count, so that the
// slowest of all does not stand for ever.
func (g *plainGroup) settle(p Policy) {
	g.stale = false
	window := slices.Clone(g.last(min(most, 2*p.needed())))
	g.counted = 0
	if k := p.rank(len(window)); k > 0 {
		slices.Sort(window)
		g.bound, g.counted = window[k-1], len(window)
	}
}

func (g *plainGroup) add(took time.Duration) {
	if len(g.newest) >= 2*most {
		g.newest = append([]time.Duration(nil), g.newest[len(g.newest)-most:]...)
	}
	g.newest = append(g.newest, took)
	g.stale = true
}

// What is kept to answer fast never changes an answer.
func TestSameAsPlain(t *testing.T) {
	pnodes, profiles := []string{"", "a", "b", "c"}, []string{"compute of condor", "compute of slurm", ""}
	rapid.Check(t, func(t *rapid.T) {
		key := func() Key {
			return Key{
				Stage: rapid.SampledFrom([]Stage{Up, Join, Build}).Draw(t, "stage"), Tenant: rapid.SampledFrom([]string{"", "", "own"}).Draw(t, "tenant"),
				Profile: rapid.SampledFrom(profiles).Draw(t, "profile"), Size: rapid.SampledFrom([]string{"", "small", "large"}).Draw(t, "size"),
				Pnode: rapid.SampledFrom(pnodes).Draw(t, "pnode"), Crowd: rapid.IntRange(0, 5).Draw(t, "crowd"),
			}
		}
		policy := DefaultPolicy
		h, plain := NewHistory(policy), &plainHistory{policy: policy, groups: map[Key]*plainGroup{}, places: map[Key][]string{}}
		last := key()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				policy.Percentile = rapid.SampledFrom([]float64{50, 80, 95}).Draw(t, "percentile")
				h.SetPolicy(policy)
				plain.policy = policy
				for _, g := range plain.groups {
					g.stale = true
				}
			case 1, 2, 3, 4:
				k, seconds := last, rapid.IntRange(0, 20).Draw(t, "seconds")
				for i := range rapid.IntRange(1, 30).Draw(t, "times") {
					s := Sample{Key: k, Seconds: float64((seconds + i*7) % 23)}
					h.Add(s)
					plain.Add(s)
				}
			}
			if rapid.Bool().Draw(t, "another") {
				last = key()
			}
			k, but := last, rapid.SampledFrom(pnodes).Draw(t, "but")
			use := func(pnode string) bool { return pnode != but }
			if got, want := h.Of(k), plain.of(k); got != want {
				t.Fatalf("%+v: %+v, want %+v", k, got, want)
			}
			if got, want := h.Worst(k, use), plain.Worst(k, use); got != want {
				t.Fatalf("worst of %+v: %+v, want %+v", k, got, want)
			}
		}
	})
}
