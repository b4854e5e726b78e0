package manager

import (
	"context"
	"fmt"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/store"
)

// Why says why a cluster is where and when it is.
type Why struct {
	Cluster string        `json:"cluster"`
	State   cluster.State `json:"state"`
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	// Asked says how the start came about.
	Asked string `json:"asked"`
	// Parts are what is held beside the window, and what it is made of.
	Parts []TimePart `json:"parts"`
	// Expected is when it should be ready by the present estimate.
	Expected time.Time `json:"expected,omitzero"`
	// Vnodes says why each vnode is on its pnode.
	Vnodes []calendar.Choice `json:"vnodes"`
	// Sooner says whether it could start sooner, and what stands against that;
	// only of a cluster that is booked.
	Sooner *Sooner `json:"sooner,omitempty"`
	// Risks are why it may be late, or may not keep its pnodes.
	Risks []string `json:"risks"`
}

// Sooner is whether a cluster could start sooner by now, other best-effort
// clusters yielding to it.
type Sooner struct {
	calendar.Sooner
	// Change moves it there; nil when it cannot start sooner.
	Change *Change `json:"change,omitempty"`
}

// grace is how long there is at least to order a move that was shown.
const grace = time.Minute

// TimePart is a length of time that is held, and why it is so long.
type TimePart struct {
	What    string  `json:"what"` // "prepare", "wipe"
	Seconds float64 `json:"seconds"`
	Because string  `json:"because"`
}

// WhyCluster says why a cluster of the asker's is where and when it is.
func (m *Manager) WhyCluster(ctx context.Context, p Principal, name string) (Why, error) {
	var c cluster.Cluster
	var a allowance
	now := m.Now().UTC()
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		if c, err = findCluster(tx, p, name); err != nil {
			return err
		}
		a, err = allowanceOf(transaction{m, tx, now}, c.Tenant, now)
		return err
	})
	if err != nil {
		return Why{}, err
	}
	out := Why{Cluster: c.Name, State: c.State, Start: c.Start, End: c.End, Asked: asked(c), Vnodes: []calendar.Choice{}, Risks: []string{}}
	m.mu.Lock()
	out.Expected = m.expected[c.ID]
	m.mu.Unlock()
	for _, o := range c.Conditions {
		if o.Status == "False" && (o.Type == cluster.ConditionOnTime || o.Type == cluster.ConditionPlaced) {
			out.Risks = append(out.Risks, o.Message)
		}
	}
	if !store.Live(c) {
		return out, nil
	}
	out.Parts = parts(c)
	err = m.ledger.Try(func(cal *calendar.Calendar) error {
		if out.Vnodes, err = cal.Why(c.ID); err != nil || c.State != cluster.Booked {
			return err
		}
		out.Sooner, err = sooner(cal, a, c)
		return err
	})
	return out, err
}

// sooner looks for a start before that of a booked cluster, and for the move to it.
func sooner(cal *calendar.Calendar, a allowance, c cluster.Cluster) (s *Sooner, err error) {
	var limit calendar.Limit = calendar.Unlimited{}
	if use := a.limit(cal, c.ID); use != nil {
		limit = use
	}
	s = &Sooner{}
	ordered := a.now.Add(grace)
	look := func() { s.Sooner, err = cal.Sooner(limit, c.ID, ordered.Add(c.Start.Sub(c.PrepareAt))) }
	if c.Spec.BestEffort {
		look()
	} else {
		cal.Vacated(ordered, look)
	}
	if err == nil && !s.Start.IsZero() {
		s.Change = &Change{Operation: Move, Start: s.Start}
	}
	return s, err
}

// asked says how the start of a cluster came about.
func asked(c cluster.Cluster) string {
	switch c.Spec.StartMode {
	case cluster.StartNow:
		return "the window was to open at once, ready or not"
	case cluster.StartASAP:
		return fmt.Sprintf("as soon as possible was asked for: this was the first start that could be promised at %s", c.CreatedAt.UTC().Format(time.RFC3339))
	}
	return "this start was asked for"
}

// parts are the times before and after the window, and what they are made of.
func parts(c cluster.Cluster) []TimePart {
	prepare := TimePart{What: "prepare", Seconds: c.Start.Sub(c.PrepareAt).Seconds(), Because: c.Estimate.PrepareWhy}
	wipe := TimePart{What: "wipe", Seconds: wipeTimeOf(c).Seconds(), Because: c.Estimate.WipeWhy}
	for _, p := range []*TimePart{&prepare, &wipe} {
		if p.Because == "" {
			p.Because = "it was booked before estimates were explained"
		}
	}
	return []TimePart{prepare, wipe}
}
