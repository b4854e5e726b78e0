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
	Sooner *calendar.Sooner `json:"sooner,omitempty"`
	// Risks are why it may be late, or may not keep its pnodes.
	Risks []string `json:"risks"`
}

// TimePart is a length of time that is held, and why it is so long.
type TimePart struct {
	What    string  `json:"what"` // "prepare", "wipe"
	Seconds float64 `json:"seconds"`
	Because string  `json:"because"`
}

// WhyCluster says why a cluster of the asker's is where and when it is.
func (m *Manager) WhyCluster(ctx context.Context, p Principal, name string) (Why, error) {
	var c cluster.Cluster
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		c, err = findCluster(tx, p, name)
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
	now := m.Now().UTC()
	err = m.ledger.Try(func(cal *calendar.Calendar) error {
		if out.Vnodes, err = cal.Why(c.ID); err != nil || c.State != cluster.Booked {
			return err
		}
		sooner, err := cal.Sooner(c.ID, now.Add(c.Start.Sub(c.PrepareAt)))
		out.Sooner = &sooner
		return err
	})
	return out, err
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
