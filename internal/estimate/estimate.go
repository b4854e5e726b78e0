package estimate

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Estimate is how long something is going to take.
type Estimate struct {
	// Expect is what was seen: the bound, or the slowest. Hold is what to give
	// it: Expect, or more where few measurements say so.
	Expect, Hold time.Duration

	key    Key
	level  level
	of     int // measurements
	basis  basis
	policy Policy
}

// basis is what an estimate rests on.
type basis int

const (
	onNothing basis = iota
	onPercentile
	onFew   // the slowest, they are too few for the percentile
	onFresh // the slowest lately in a narrow group
	onWide  // the slowest of a wide group, as the narrow one has hardly any
)

// Why says where Hold comes from: "95th percentile with 90 % confidence of 60
// preparations of …".
func (e Estimate) Why() string {
	group, p := e.key.describe(e.level), e.policy
	percentile := fmt.Sprintf("%s percentile with %g %% confidence", ordinal(p.Percentile), p.Confidence)
	switch e.basis {
	case onPercentile:
		return fmt.Sprintf("%s of %d %s", percentile, e.of, group)
	case onFew:
		return fmt.Sprintf("slowest of %d %s and half as much again, as the %s takes %d", e.of, group, percentile, p.needed())
	case onFresh:
		return fmt.Sprintf("slowest of the last %d %s and a quarter more", e.of, group)
	case onWide:
		return fmt.Sprintf("slowest of %d %s", e.of, group)
	}
	return "nothing was measured yet"
}

// Measured says whether anything was measured that the estimate rests on.
func (e Estimate) Measured() bool { return e.basis != onNothing }

// Of estimates what a key names. A key without a pnode is for one that is
// like the others.
func (h *History) Of(k Key) Estimate {
	h.mu.Lock() // bounds are computed when they are asked for
	defer h.mu.Unlock()
	return h.of(k)
}

// Worst is the longest estimate of a key, with as many vnodes at once or
// fewer, over the pnodes for which use is true and one that is like the others.
func (h *History) Worst(k Key, use func(pnode string) bool) Estimate {
	h.mu.Lock()
	defer h.mu.Unlock()
	k.Pnode = ""
	worst := h.of(k)
	largest := crowdClass(k.Crowd)
	for class := 1; class <= largest; class *= 2 {
		k.Crowd = class
		list := h.slow(k)
		if i := slices.IndexFunc(list, func(p placed) bool { return use(p.pnode) }); i >= 0 && list[i].Hold > worst.Hold {
			worst = list[i].Estimate
		}
	}
	return worst
}

// slow lists the pnodes where a profile and size was measured, the slowest
// first.
func (h *History) slow(k Key) []placed {
	list, known := h.slowest[k]
	if known {
		return list
	}
	for _, pnode := range h.places[k.at(sameSize)] {
		at := k
		at.Pnode = pnode
		list = append(list, placed{pnode, h.of(at)})
	}
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Compare(b.Hold, a.Hold) })
	h.slowest[k] = list
	return list
}

func (h *History) of(k Key) Estimate {
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
func (h *History) widen(e *Estimate) {
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

func (e *Estimate) atLeast(expect, hold time.Duration, l level, of int, b basis) {
	e.Expect = max(e.Expect, expect)
	if hold > e.Hold {
		e.Hold, e.level, e.of, e.basis = hold, l, of, b
	}
}

// counts returns the level whose measurements count, levels for none, and the
// narrower ones that have some if they are enough. Other profiles count only
// for one that was never measured.
func (h *History) counts(k Key) (counts level, narrower []level) {
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
func (h *History) base(k Key, l level) Estimate {
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

func stretch(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// ordinal writes a percentile: "95th", "99.9th".
func ordinal(p float64) string {
	text := fmt.Sprintf("%g", p)
	if n := int(p); float64(n) == p && n%100/10 != 1 {
		switch n % 10 {
		case 1:
			return text + "st"
		case 2:
			return text + "nd"
		case 3:
			return text + "rd"
		}
	}
	return text + "th"
}
