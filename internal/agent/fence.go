package agent

import (
	"context"
	"time"

	"quarry/internal/pnode"
)

// fenceEvery is how often a pnode that does not hear its manager looks for
// twins of its vnodes.
const fenceEvery = 5 * time.Second

// fence gives up vnodes that the manager has made again elsewhere. It does so
// when this pnode is lost to it; the machine may run all the same, with only
// the management network broken, and two of one vnode would answer to the same
// addresses. A manager that is merely down makes nothing again, so without a
// twin's frames everything stays as it is.
func (a *agent) fence(ctx context.Context) {
	var before map[string]uint64 // frames until the manager was not heard any more
	for sleep(ctx, fenceEvery) {
		if a.hearsManager() {
			before = nil
			continue
		}
		now, err := a.fabric.Twins(ctx)
		a.trouble("twins", err)
		switch {
		case err != nil:
		case before == nil:
			before = now
		default:
			a.giveUp(ctx, before, now)
		}
	}
}

func (a *agent) hearsManager() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.contact
}

// giveUp ends the vnodes whose MAC sent frames elsewhere between two counts.
func (a *agent) giveUp(ctx context.Context, before, now map[string]uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired == nil || a.contact {
		return
	}
	for key, incarnation := range twins(*a.desired, before, now, a.now()) {
		if _, known := a.superseded[key]; known {
			continue
		}
		if a.superseded == nil {
			a.superseded = map[Key]int{}
		}
		a.superseded[key] = incarnation
		a.log.WarnContext(ctx, "vnode runs on another pnode now, ending it here",
			"cluster", key.Cluster, "vnode", key.Vnode, "incarnation", incarnation)
		poke(a.kick)
	}
}

// twins are the vnodes that another pnode runs too. Those of a cluster that
// was handed over never move, so they are never given up.
func twins(d pnode.Desired, before, now map[string]uint64, at time.Time) map[Key]int {
	found := map[Key]int{}
	for _, c := range d.Clusters {
		if c.Open && !at.Before(c.OpenAt) {
			continue
		}
		for _, v := range c.Vnodes {
			for _, leg := range v.Identity.Legs {
				if now[leg.MAC] > before[leg.MAC] {
					found[Key{c.ID, v.Name}] = v.Incarnation
				}
			}
		}
	}
	return found
}
