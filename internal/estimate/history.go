package estimate

import (
	"slices"
	"sync"
	"time"
)

// Bounds of what is remembered and what counts.
const (
	// most is how many measurements a group remembers.
	most = 1024
	// Keep is how many measurements of one key are worth keeping.
	Keep = 128
	// recent is how many of the newest count where they are too few for the
	// bound, and fresh how many in a group narrower than the one that counts.
	recent = 24
	fresh  = 5
	// fewest is how many make a narrow group better than a wider one.
	fewest = 3
)

// Factors by which few measurements are taken for more than they say.
const (
	provisional = 1.5
	outlier     = 1.25
)

// History is what was measured, ready to be asked. It may be used by several
// goroutines at the same time.
type History struct {
	mu     sync.RWMutex
	policy Policy
	groups map[Key]*group
	// places are where a profile and size was measured.
	places map[Key][]*place
	// slowest are those pnodes, the slowest first, by profile, size and crowd,
	// under their profile: nothing that was measured of another profile counts
	// for them, so they are forgotten when something of theirs was added.
	slowest map[Key]map[Key][]placed
}

// place is a pnode where a profile and size was measured, with the groups of
// these measurements: looking them up is what takes time.
type place struct {
	pnode  string
	group  *group
	crowds map[int]*group // by crowd class
}

// placed is how long a pnode is given.
type placed struct {
	pnode string
	hold  time.Duration
}

// group is the measurements of one group, the newest last, and what follows
// from them.
type group struct {
	newest []time.Duration
	bound  time.Duration // valid if counted > 0
	// counted is how many the bound is of; 0 while they are too few.
	counted int
	stale   bool
	// recent and fresh are the slowest of as many of the newest.
	recent, fresh time.Duration
}

// NewHistory returns an empty history.
func NewHistory(p Policy) *History {
	return &History{policy: p, groups: map[Key]*group{}, places: map[Key][]*place{}, slowest: map[Key]map[Key][]placed{}}
}

// SetPolicy changes what is decided about estimates.
func (h *History) SetPolicy(p Policy) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policy = p
	clear(h.slowest)
	for _, g := range h.groups {
		g.stale = true
	}
}

// Policy returns what is decided about estimates.
func (h *History) Policy() Policy {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.policy
}

// Add remembers measurements, the oldest first. Those that are not positive
// are left out.
func (h *History) Add(list ...Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range list {
		if s.Seconds <= 0 {
			continue
		}
		delete(h.slowest, s.at(sameProfile))
		last := Key{}
		for l := range levels {
			k := s.Key.at(l)
			if k == last || l == anything && s.Tenant != "" {
				continue
			}
			last = k
			h.group(k).add(s.Took())
		}
		h.place(s.Key)
	}
}

// place notes where a profile and size was measured.
func (h *History) place(k Key) {
	if k.Pnode == "" {
		return
	}
	crowd, pnode := h.groups[k.at(sameCrowd)], h.groups[k.at(samePnode)]
	if len(crowd.newest) > 1 {
		return // it is there already
	}
	whole := k.at(sameSize)
	i := slices.IndexFunc(h.places[whole], func(p *place) bool { return p.group == pnode })
	if i < 0 {
		i = len(h.places[whole])
		h.places[whole] = append(h.places[whole], &place{pnode: k.Pnode, group: pnode, crowds: map[int]*group{}})
	}
	h.places[whole][i].crowds[crowdClass(k.Crowd)] = crowd
}

func (h *History) group(k Key) *group {
	g := h.groups[k]
	if g == nil {
		g = &group{}
		h.groups[k] = g
	}
	return g
}

func (g *group) add(took time.Duration) {
	if len(g.newest) >= 2*most {
		g.newest = append([]time.Duration(nil), g.newest[len(g.newest)-most:]...)
	}
	g.newest = append(g.newest, took)
	g.recent, g.fresh = slices.Max(g.last(recent)), slices.Max(g.last(fresh))
	g.stale = true
}

// last returns the newest n measurements, or as many as there are.
func (g *group) last(n int) []time.Duration {
	return g.newest[max(0, len(g.newest)-n):]
}

// settle computes the bound. Twice as many as it takes count, so that the
// slowest of all does not stand for ever.
func (g *group) settle(p Policy) {
	g.stale = false
	window := slices.Clone(g.last(min(most, 2*p.needed())))
	g.counted = 0
	if k := p.rank(len(window)); k > 0 {
		slices.Sort(window)
		g.bound, g.counted = window[k-1], len(window)
	}
}
