package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"quarry/internal/vnode"
)

const (
	checkTimeout = 5 * time.Minute        // for a check that names none: until it first passes
	checkAttempt = time.Minute            // one run of a check
	retryFirst   = 500 * time.Millisecond // pause after a check's first failure
	retryMost    = 3 * time.Second
	watchEvery   = 30 * time.Second
	// A round of checks may take this part of the time at most: 5 %.
	watchShare = 20
)

// watch brings the vnode to ready, then says whether it stays healthy, until
// ctx ends. Checks that ran out of time are tried on: the vnode becomes ready
// late rather than never.
func (g *guest) watch(ctx context.Context, id *vnode.Identity) {
	ready := g.awaitChecks(ctx, id)
	if ready {
		g.reportReady()
	}
	var pause time.Duration
	for {
		if !sleep(ctx, max(watchEvery, pause)) {
			return
		}
		start := time.Now()
		err := g.roundOfChecks(ctx, id)
		if ctx.Err() != nil {
			return
		}
		pause = (watchShare - 1) * time.Since(start)
		switch {
		case ready:
			g.reportHealth(err)
		case err == nil:
			ready = true
			g.reportReady()
		}
	}
}

func (g *guest) reportReady() {
	g.tell(vnode.FromGuest{Type: "step", Stage: vnode.StageReady, Done: 1, Total: 1})
	g.ready = true
	g.reportHealth(nil)
}

func (g *guest) reportHealth(err error) {
	m := vnode.FromGuest{Type: "health", Stage: vnode.StageReady, Healthy: err == nil}
	if err != nil {
		m.Message = err.Error()
	}
	sessions, idle := g.use.note(os.DirFS(filepath.Join(g.tree.root, "proc")), time.Now())
	m.Sessions, m.IdleSeconds = sessions, int64(idle/time.Second)
	g.link.report(m)
}

// awaitChecks retries each check until it passes; false when one ran out of time.
func (g *guest) awaitChecks(ctx context.Context, id *vnode.Identity) bool {
	total := len(id.Checks)
	for i, c := range id.Checks {
		step := vnode.FromGuest{Type: "step", Stage: vnode.StageChecks, Step: c.Name, Done: i, Total: total}
		g.tell(step)
		start := time.Now()
		if err := g.awaitCheck(ctx, id, i); err != nil {
			if ctx.Err() == nil {
				g.log.ErrorContext(ctx, "check did not pass in time", "check", c.Name)
				g.ready = false
				g.link.report(failed(&failure{
					stage: vnode.StageChecks, step: c.Name, done: i, total: total, message: err.Error(),
				}))
			}
			return false
		}
		step.Done, step.Took = i+1, time.Since(start)
		g.tell(step)
	}
	return ctx.Err() == nil
}

func (g *guest) awaitCheck(ctx context.Context, id *vnode.Identity, i int) error {
	limit := or(id.Checks[i].Timeout, checkTimeout)
	deadline := time.Now().Add(limit)
	pause := retryFirst
	for {
		begun := time.Now()
		err := g.check(ctx, id, i, min(checkAttempt, time.Until(deadline)))
		if err == nil || ctx.Err() != nil {
			return err
		}
		// A check leaves at least half of the processor to what it waits for.
		wait := max(pause, min(time.Since(begun), retryMost))
		if time.Until(deadline) <= wait {
			return fmt.Errorf("not passed within %s: %w", limit, err)
		}
		sleep(ctx, wait)
		pause = min(pause*3/2, retryMost)
	}
}

// roundOfChecks runs every check once and returns the first failure.
func (g *guest) roundOfChecks(ctx context.Context, id *vnode.Identity) error {
	for i, c := range id.Checks {
		if err := g.check(ctx, id, i, checkAttempt); err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
	}
	return nil
}

// check runs one check once. Its log is of the last run only.
func (g *guest) check(ctx context.Context, id *vnode.Identity, i int, limit time.Duration) error {
	c := id.Checks[i]
	number := fmt.Sprintf("check-%02d", i+1)
	log := runDir + "/checks/" + number + "-" + plain(c.Name) + ".log"
	if err := g.runScript(ctx, c, number, log, environment(id), limit); err != nil {
		return fmt.Errorf("%s", g.explain(err, log))
	}
	return nil
}
