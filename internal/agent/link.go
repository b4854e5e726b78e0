package agent

import (
	"context"
	"math/rand/v2"
	"time"

	"quarry/internal/pnode"
)

// follow keeps a stream of desired states from the manager.
func (a *agent) follow(ctx context.Context) {
	pause := backoff{first: time.Second, most: 15 * time.Second}
	for ctx.Err() == nil {
		began := time.Now()
		err := a.manager.Watch(ctx, func(d pnode.Desired) error { return a.accept(ctx, d) })
		a.mu.Lock()
		a.contact = false
		a.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			pause.reset()
		}
		wait := pause.next()
		wait += rand.N(wait/2 + 1) // pnodes must not come back all at once
		a.log.WarnContext(ctx, "no stream from the manager, trying again", "error", err, "wait", wait)
		sleep(ctx, wait)
	}
}
