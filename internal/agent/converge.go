package agent

import (
	"context"
	"time"
)

const (
	// planEvery bounds how long a step of the wall clock goes unnoticed.
	planEvery = 5 * time.Second
)

// converge makes plans and carries them out, at each instant at which
// something is due and whenever something changed.
func (a *agent) converge(ctx context.Context) {
	pause := backoff{first: time.Second, most: 15 * time.Second}
	for round := uint64(1); ctx.Err() == nil; round++ {
		p, planned := a.plan(ctx, round)
		wait := planEvery
		if planned {
			if err := a.wire(ctx, round, p); err != nil {
				wait = pause.next()
			} else {
				pause.reset()
			}
			a.finish(ctx, p.gone)
		}
		if planned && !p.next.IsZero() {
			wait = min(wait, max(0, p.next.Sub(a.now())))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-a.kick:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// plan decides what has to be now and tells every vnode's runner.
func (a *agent) plan(ctx context.Context, round uint64) (plan, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired == nil {
		return plan{}, false
	}
	p := makePlan(*a.desired, a.actual(), a.fabric.TapName, a.now(), a.clock.Sure(1))
	for key, w := range p.run {
		r := a.runners[key]
		if r == nil {
			r = newRunner(a, key, record{Cluster: key.Cluster, Name: key.Vnode})
			a.runners[key] = r
		}
		if e, known := a.ledger[key.Cluster]; !known || e.Gone != nil {
			a.ledger[key.Cluster] = entry{}
		}
		a.point(ctx, r, target{wanted: w, round: round})
	}
	a.noteEnds(p)
	for _, key := range p.end {
		a.point(ctx, a.runners[key], target{end: true, early: p.early[key], round: round})
	}
	return p, true
}

// point gives a runner its target and starts it if it does not run yet.
func (a *agent) point(ctx context.Context, r *runner, t target) {
	if r.setTarget(t) {
		a.work.Go(func() { r.run(ctx) })
	}
}
