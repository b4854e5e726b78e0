package manager

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/estimate"
)

// margin is held beside what preparing takes: for agents that look every few
// seconds, and for evidence to travel.
const margin = 20 * time.Second

// forecast is how long preparing and wiping a cluster are going to take.
type forecast struct {
	// Prepare is what to hold before the start, Expect what it takes by what
	// was seen, both with the images that are still to be made.
	Prepare, Expect time.Duration
	Why             string
	// Measured says that none of it is a guess.
	Measured bool
	Wipe     time.Duration
	// builds is the part of Expect in which images are made.
	builds  time.Duration
	WipeWhy string
}

// estimate is the forecast as everybody sees it.
func (f forecast) estimate() cluster.Estimate {
	return cluster.Estimate{
		PrepareSeconds: f.Prepare.Seconds(), PrepareWhy: f.Why,
		WipeSeconds: f.Wipe.Seconds(), WipeWhy: f.WipeWhy,
	}
}

// part is one part of a forecast: as long as the slowest of what is done at
// the same time.
type part struct {
	hold, expect time.Duration
	who, why     string
	guessed      bool
}

// or takes what is slower.
func (p *part) or(hold, expect time.Duration, who string, why func() string) {
	p.expect = max(p.expect, expect)
	if hold > p.hold || p.who == "" {
		p.hold, p.who, p.why = hold, who, why()
	}
}

// forecaster asks for estimates.
type forecaster struct {
	of func(estimate.Key) estimate.Estimate
	// has says whether a pnode has an image.
	has    func(pnode, image string) bool
	policy estimate.Policy
	builds part
}

// forecasts says how long clusters take by what was measured.
type forecasts struct {
	past *estimate.History
	// has says whether a pnode has an image.
	has func(pnode, image string) bool
	// builds is making the images that are missing.
	builds part
}

// forecasts is for clusters made of the same as a dossier.
func (m *Manager) forecasts(d dossier) forecasts {
	missing := []plan{}
	plans := d.addresses()
	for _, address := range sortedKeys(plans) {
		if !m.ImageStore.Has(address) {
			missing = append(missing, plans[address])
		}
	}
	return forecasts{past: m.estimates, has: m.hasImage, builds: buildsOf(m.estimates, missing)}
}

// placed forecasts clusters on the pnodes where their vnodes are.
func (f forecasts) placed() forecaster {
	return forecaster{of: f.past.Of, has: f.has, policy: f.past.Policy(), builds: f.builds}
}

// anywhere forecasts clusters that are not placed yet, on the slowest of the
// pnodes that they may get: no placement takes longer.
func (f forecasts) anywhere(c *calendar.Calendar) forecaster {
	usable := map[string]bool{}
	for _, p := range c.Site().Pnodes {
		usable[p.Name] = !p.Lost && !p.Drained
	}
	out := f.likely()
	out.of = func(k estimate.Key) estimate.Estimate {
		return f.past.Worst(k, func(pnode string) bool { return usable[pnode] })
	}
	return out
}

// likely forecasts clusters that are not placed yet, on pnodes like most.
func (f forecasts) likely() forecaster {
	out := f.placed()
	out.has = func(string, string) bool { return false }
	return out
}

func (m *Manager) hasImage(pnode, image string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.reports[pnode].Images, image)
}

// buildsOf is how long making images takes, one after the other.
func buildsOf(past *estimate.History, missing []plan) part {
	var p part
	for _, m := range missing {
		k := estimate.Key{Stage: estimate.Build}
		k.Tenant, k.Profile = profileOf(m)
		e := past.Of(k)
		p.hold, p.expect, p.why = p.hold+e.Hold, p.expect+e.Expect, e.Why()
	}
	p.who = fmt.Sprintf("%d image", len(missing))
	if len(missing) > 1 {
		p.who += "s"
	}
	return p
}

// forecast says how long a cluster is going to take, and why.
func (f forecaster) forecast(c cluster.Cluster, d dossier) forecast {
	var up, join, wipe part
	count := crowds(c)
	seen := map[estimate.Key]bool{}
	for _, n := range c.Nodes {
		k := vnodeKey(d, n, count[n.Pnode])
		if seen[k] {
			continue
		}
		seen[k] = true
		who := n.Name
		if n.Pnode != "" {
			who += " on " + n.Pnode
		}
		f.vnode(&up, &join, k, who, f.has(n.Pnode, n.Image))
	}
	for _, pnode := range sortedKeys(count) {
		e := f.of(wipeKey(c, d, pnode, count[pnode]))
		wipe.or(e.Hold, e.Expect, pnode, e.Why)
	}
	return f.sum(up, join, wipe)
}

// vnode takes one vnode into account.
func (f forecaster) vnode(up, join *part, k estimate.Key, who string, has bool) {
	k.Stage = estimate.Up
	u := f.of(k)
	var fetch estimate.Estimate
	if !has {
		k.Stage = estimate.Fetch
		fetch = f.of(k)
	}
	up.guessed = up.guessed || !u.Measured()
	up.or(u.Hold+fetch.Hold, u.Expect+fetch.Expect, who, func() string {
		if fetch.Hold == 0 {
			return u.Why()
		}
		return fmt.Sprintf("%s; %s to fetch its image: %s", u.Why(), round(fetch.Hold), fetch.Why())
	})
	k.Stage = estimate.Join
	j := f.of(k)
	join.guessed = join.guessed || !j.Measured()
	join.or(j.Hold, j.Expect, who, j.Why)
}

// sum puts the parts together.
func (f forecaster) sum(up, join, wipe part) forecast {
	prepare := up.hold + join.hold + margin
	words := []string{
		fmt.Sprintf("%s until %s is up (%s)", round(up.hold), up.who, up.why),
		fmt.Sprintf("%s until %s has joined (%s)", round(join.hold), join.who, join.why),
		fmt.Sprintf("%s to spare", margin),
	}
	held, note := clamp(prepare, f.policy.PrepareFloor, f.policy.PrepareCeiling)
	if note != "" {
		words = append(words, note)
	}
	if f.builds.hold > 0 {
		words = append([]string{fmt.Sprintf("%s to make %s (%s)", round(f.builds.hold), f.builds.who, f.builds.why)}, words...)
	}
	out := forecast{
		Prepare: round(held + f.builds.hold), Expect: up.expect + join.expect + f.builds.expect, builds: f.builds.expect,
		Why: strings.Join(words, ", "), Measured: !up.guessed && !join.guessed,
	}
	held, note = clamp(wipe.hold, f.policy.WipeFloor, f.policy.WipeCeiling)
	out.Wipe, out.WipeWhy = round(held), wipe.why
	if note != "" {
		out.WipeWhy += ", " + note
	}
	return out
}

func clamp(d, floor, ceiling time.Duration) (held time.Duration, note string) {
	switch {
	case d < floor:
		return floor, fmt.Sprintf("but no less than %s", floor)
	case d > ceiling:
		return ceiling, fmt.Sprintf("but no more than %s", ceiling)
	}
	return d, ""
}

// round rounds up to whole seconds.
func round(d time.Duration) time.Duration { return (d + time.Second - 1).Truncate(time.Second) }

// remaining is how long it will take from now on, progress (in per cent) of
// the slowest vnode being done.
func (f forecast) remaining(progress int) time.Duration {
	return (f.Expect-f.builds)*time.Duration(100-progress)/100 + f.builds
}
