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
		if i := slices.IndexFunc(list, func(p placed) bool { return use(p.pnode) }); i >= 0 && list[i].hold > worst.Hold {
			at := k
			at.Pnode = list[i].pnode
			worst = h.of(at)
		}
	}
	return worst
}

// slow lists the pnodes where a profile and size was measured, the slowest
// first.
func (h *History) slow(k Key) []placed {
	whole := k.at(sameProfile)
	if list, known := h.slowest[whole][k]; known {
		return list
	}
	groups := h.groupsOf(k)
	places := h.places[k.at(sameSize)]
	list := make([]placed, 0, len(places))
	for _, p := range places {
		at := k
		at.Pnode = p.pnode
		groups[sameCrowd], groups[samePnode] = p.crowds[k.Crowd], p.group
		list = append(list, placed{p.pnode, h.estimate(at, groups).Hold})
	}
	slices.SortStableFunc(list, func(a, b placed) int { return cmp.Compare(b.hold, a.hold) })
	if h.slowest[whole] == nil {
		h.slowest[whole] = map[Key][]placed{}
	}
	h.slowest[whole][k] = list
	return list
}

func (h *History) of(k Key) Estimate { return h.estimate(k, h.groupsOf(k)) }

// among are the groups of each level that a key belongs to, nil for none.
type among [levels]*group

func (h *History) groupsOf(k Key) (groups among) {
	for l := range levels {
		if l > samePnode || k.Pnode != "" {
			groups[l] = h.groups[k.at(l)]
		}
	}
	return groups
}

func (h *History) estimate(k Key, groups among) Estimate {
	counts, narrower := h.counts(groups)
	e := h.base(k, counts, groups)
	for l := range level(len(narrower)) {
		if g := groups[l]; narrower[l] {
			e.atLeast(g.fresh, stretch(g.fresh, outlier), l, min(fresh, len(g.newest)), onFresh)
		}
	}
	if e.basis == onFew {
		e.widen(groups)
	}
	return e
}

// widen takes wider groups into account until there are a few measurements.
func (e *Estimate) widen(groups among) {
	for l, of := e.level, e.of; of < fewest && l+1 < anything; {
		l++
		if g := groups[l]; g != nil {
			of = min(recent, len(g.newest))
			e.atLeast(g.recent, g.recent, l, of, onWide)
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
func (h *History) counts(groups among) (counts level, narrower [levels]bool) {
	some := levels
	for l, g := range groups {
		if g == nil || level(l) == anything && some != levels {
			continue
		}
		if g.stale {
			g.settle(h.policy)
		}
		if g.counted > 0 {
			return level(l), narrower
		}
		some = min(some, level(l))
		narrower[l] = true
	}
	return some, [levels]bool{}
}

// base is the estimate by the measurements of one level.
func (h *History) base(k Key, l level, groups among) Estimate {
	e := Estimate{key: k, level: l, policy: h.policy}
	if l == levels {
		e.Expect, e.Hold = guesses[k.Stage], guesses[k.Stage]
		return e
	}
	g := groups[l]
	if g.counted > 0 {
		e.Expect, e.Hold, e.of, e.basis = g.bound, g.bound, g.counted, onPercentile
		return e
	}
	e.Expect, e.of, e.basis = g.recent, min(recent, len(g.newest)), onFew
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
