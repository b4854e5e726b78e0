package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"quarry/internal/vnode"
)

// closeWithin is how long an end waits for the switch: a stopped guest is as
// good as a closed leg.
const closeWithin = 10 * time.Second

// earlyGrace is how many times longer a vnode may take to shut down whose
// cluster goes on: nobody waits for its place, and it has to take its leave.
const earlyGrace = 6

const shutdownPoll = 500 * time.Millisecond

// end leaves nothing of the vnode but its ports, which the switch drops once
// the vnode is gone. It returns false when the context ended first.
func (r *runner) end(ctx context.Context, t target) bool {
	r.say(false, "ending")
	r.awaitRound(ctx, t.round)
	grace := r.a.cfg.Grace
	if t.early {
		grace *= earlyGrace
	}
	r.shutDown(ctx, grace)
	pause := backoff{first: time.Second, most: 15 * time.Second}
	for ctx.Err() == nil {
		err := r.remove(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		r.log.WarnContext(ctx, "cannot end a vnode, trying again", "error", err)
		r.say(false, cleanText(fmt.Sprintf("ending: %v", err), maxMessage))
		sleep(ctx, pause.next())
	}
	return false
}

// awaitRound waits, not for ever, until the switch is as the plan that asked
// for the end wants it: the outside leg shut.
func (r *runner) awaitRound(ctx context.Context, round uint64) {
	ctx, cancel := context.WithTimeout(ctx, closeWithin)
	defer cancel()
	_ = r.a.wired.until(ctx, func() bool { //nolint:errcheck // going on is right either way
		r.a.mu.Lock()
		defer r.a.mu.Unlock()
		return r.a.applied.round >= round
	})
}

// shutDown gives a guest that listens the time to shut down by itself. One
// that never spoke is not worth the wait.
func (r *runner) shutDown(ctx context.Context, grace time.Duration) {
	guest := r.guestName()
	switch r.record().Stage {
	case vnode.StageImage, vnode.StageDisk, vnode.StageBoot, "":
		return
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	s, err := r.a.observer.fresh(ctx)
	if err != nil || !s.running(guest) {
		return
	}
	ask, hangUp := r.asker(ctx, guest)
	defer hangUp()
	for i := 0; ctx.Err() == nil; i++ {
		if s, err = r.a.observer.fresh(ctx); err == nil && !s.running(guest) {
			return
		}
		if i%4 == 0 { // a guest that just lost its connection may miss one
			if err := ask(); err != nil {
				r.log.DebugContext(ctx, "cannot ask the guest to shut down", "error", err)
			}
		}
		sleep(ctx, shutdownPoll)
	}
}

// asker asks over the channel or, when that cannot be reached, through the
// hypervisor. The connection stays open until the guest has had its time.
func (r *runner) asker(ctx context.Context, guest string) (ask func() error, hangUp func()) {
	conn, err := r.connect(ctx)
	if err != nil {
		return func() error { return r.a.hypervisor.Shutdown(ctx, guest) }, func() {}
	}
	w := &writer{conn: conn}
	go io.Copy(io.Discard, conn) //nolint:errcheck // ends with the connection
	ask = func() error { return w.say(vnode.ToGuest{Type: "shutdown", Time: r.a.now()}) }
	return ask, func() { conn.Close() }
}

// remove removes the guest, sees that it is gone, and wipes its files.
func (r *runner) remove(ctx context.Context) error {
	guest := r.guestName()
	if guest != "" {
		removeCtx, cancel := context.WithTimeout(ctx, removeWithin)
		err := r.a.hypervisor.Remove(removeCtx, guest)
		cancel()
		if err != nil {
			return fmt.Errorf("remove guest: %w", err)
		}
		s, err := r.a.observer.fresh(ctx)
		if err != nil {
			return fmt.Errorf("list guests: %w", err)
		}
		if s.has(guest) {
			return fmt.Errorf("guest %s is still there", guest)
		}
	}
	if err := r.a.files.wipeVnode(r.key); err != nil {
		return fmt.Errorf("wipe: %w", err)
	}
	r.log.InfoContext(ctx, "vnode is gone", "guest", guest)
	return nil
}
