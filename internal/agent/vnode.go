package agent

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"

	"quarry/internal/pnode"
	"quarry/internal/vnode"
)

// target is what a runner works towards.
type target struct {
	wanted
	end   bool
	early bool   // its cluster goes on: it may take its time to end
	round uint64 // of the plan that asked for it first
}

// sameWork says whether work on t may go on for u.
func (t target) sameWork(u target) bool {
	return t.end == u.end && t.vnode.Incarnation == u.vnode.Incarnation
}

// runner makes one vnode what its target says, beside all the others.
type runner struct {
	a       *agent
	key     Key
	dir     string
	log     *slog.Logger
	changed chan struct{} // the target changed; for run
	aimed   broadcast     // the target changed; for all others

	mu      sync.Mutex
	target  *target
	rec     record
	ready   bool   // healthy right now
	message string // what holds it up right now; rec.Message is what failed it
	use     use
}

func newRunner(a *agent, key Key, rec record) *runner {
	return &runner{
		a: a, key: key, dir: a.files.vnodeDir(key), rec: rec, changed: make(chan struct{}, 1),
		ready: rec.Stage == vnode.StageReady && !rec.Failed,
		log:   a.log.With("cluster", key.Cluster, "vnode", key.Vnode),
	}
}

// setTarget returns true for the first one.
func (r *runner) setTarget(t target) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.target == nil
	if !first && r.target.sameWork(t) {
		t.round = r.target.round
	}
	if t.assembled && r.rec.Met == 0 {
		r.rec.Met = r.a.now().UnixMilli()
	}
	r.target = &t
	poke(r.changed)
	r.aimed.fire()
	return first
}

// aim is the newest target.
func (r *runner) aim() target {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *r.target
}

// guestName is the hypervisor's name of the vnode, "" if it never had one.
func (r *runner) guestName() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.rec.Guest == "" && r.target != nil {
		return r.target.guest
	}
	return r.rec.Guest
}

// run works on the newest target until the vnode is gone or the context ends.
func (r *runner) run(ctx context.Context) {
	for ctx.Err() == nil {
		t := r.aim()
		workCtx, cancel := context.WithCancel(ctx)
		done := make(chan bool, 1)
		go func() { done <- r.act(workCtx, t) }()
		gone := r.await(ctx, t, done, cancel)
		cancel()
		if gone && r.leave() {
			return
		}
	}
}

// await returns once the work is done, or was stopped for another target.
func (r *runner) await(ctx context.Context, t target, done chan bool, stop func()) bool {
	for {
		select {
		case gone := <-done:
			return gone
		case <-r.changed:
			if r.aim().sameWork(t) {
				continue
			}
		case <-ctx.Done():
		}
		stop()
		return <-done
	}
}

// act returns true when nothing of the vnode is left.
func (r *runner) act(ctx context.Context, t target) bool {
	if t.end {
		return r.end(ctx, t)
	}
	r.keep(ctx)
	return false
}

// leave takes the runner off the list, unless its vnode is wanted again.
func (r *runner) leave() bool {
	r.a.mu.Lock()
	defer r.a.mu.Unlock()
	if !r.aim().end {
		r.mu.Lock()
		r.rec = record{Cluster: r.key.Cluster, Name: r.key.Vnode}
		r.mu.Unlock()
		return false
	}
	delete(r.a.runners, r.key)
	poke(r.a.kick)
	r.a.changed.fire()
	return true
}

// update changes what is remembered and reported; what must survive the agent
// is on disk when it returns.
func (r *runner) update(change func(*record)) error {
	r.mu.Lock()
	old := r.rec
	change(&r.rec)
	rec := r.rec
	r.mu.Unlock()
	if old == rec {
		return nil
	}
	r.a.changed.fire()
	old.Progress = rec.Progress
	if old == rec { // a bar that moves is not worth a write
		return nil
	}
	return r.a.files.writeRecord(r.key, rec)
}

// stage notes how far the preparation is.
func (r *runner) stage(stage string, done, total int64) error {
	return r.update(func(rec *record) {
		rec.Stage, rec.Progress = stage, progress(stage, done, total)
		rec.tookComingUp(r.a.now())
	})
}

// say notes whether the vnode is ready and what there is to tell about it.
func (r *runner) say(ready bool, message string) {
	r.mu.Lock()
	same := r.ready == ready && r.message == message
	r.ready, r.message = ready, message
	r.mu.Unlock()
	if !same {
		r.a.changed.fire()
	}
}

func (r *runner) record() record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rec
}

// status is what is reported of the vnode.
func (r *runner) status(guests snapshot) pnode.VnodeStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := pnode.VnodeStatus{
		Name: r.key.Vnode, Incarnation: r.rec.Incarnation, Stage: r.rec.Stage, Progress: r.rec.Progress,
		Running: r.rec.Guest != "" && guests.running(r.rec.Guest),
		Ready:   r.ready && !r.rec.Failed, Failed: r.rec.Failed, Message: r.message, Took: r.rec.Took,
	}
	if s.Ready {
		s.Sessions, s.IdleSince = r.use.sessions, r.use.idleSince
	}
	if r.rec.Failed {
		s.Message = r.rec.Message
	}
	return s
}

func (r *runner) path(name string) string { return filepath.Join(r.dir, name) }
