package cluster

import "time"

// Holding is what a cluster holds from an instant on, for the accounts. An
// event carries one whenever that changes, so that the accounts follow from
// the events alone.
type Holding struct {
	// Since is when it began, which may be before it was noticed.
	Since time.Time `json:"since"`
	// Prepare is what is being prepared, Window what was handed over.
	Prepare Amount `json:"prepare,omitzero"`
	Window  Amount `json:"window,omitzero"`
}

// Amount is how much is held.
type Amount struct {
	Vnodes    int `json:"vnodes"`
	CPUs      int `json:"cpus"`
	MemoryMiB int `json:"memoryMiB"`
	Addresses int `json:"addresses"` // outside addresses
}

// Holds returns what the cluster holds now, and whether that differs from what
// was noted last. A cluster that waits for its preparation holds nothing yet,
// one whose window is over holds nothing any more, as a vnode that is leaving:
// wiping is not the tenant's. A vnode that is joining is prepared.
func (c Cluster) Holds(last Holding, now time.Time) (next Holding, changed bool) {
	next.Since = now
	switch {
	case c.State == Preparing || c.State == Ready || c.State == Active:
		c.weigh(&next)
	case !c.State.waits() && c.End.Before(now):
		next.Since = c.End
	}
	if last.Window == (Amount{}) && next.Window != (Amount{}) && c.ActiveAt != nil {
		next.Since = *c.ActiveAt
	}
	if next.Since.Before(last.Since) {
		next.Since = last.Since
	}
	next.Since = next.Since.UTC()
	return next, next.Prepare != last.Prepare || next.Window != last.Window
}

func (c Cluster) weigh(h *Holding) {
	for _, n := range c.Nodes {
		a := &h.Prepare
		switch {
		case n.Leaving:
			continue
		case c.State == Active && !n.Joining:
			a = &h.Window
		}
		a.Vnodes++
		a.CPUs += n.CPUs
		a.MemoryMiB += n.MemoryMiB
		if n.Leg(OutsideNetwork).Address != "" {
			a.Addresses++
		}
	}
}
