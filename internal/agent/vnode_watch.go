package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"quarry/internal/hypervisor"
	"quarry/internal/vnode"
)

// rotateEvery is how often console logs are looked at.
const rotateEvery = 30 * time.Second

// watch follows a running guest until it stops, fails or is silent too long.
// Snapshots up to mark were begun before the guest was there.
func (r *runner) watch(ctx context.Context, mark uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	var talk sync.WaitGroup
	defer talk.Wait()
	defer cancel()
	heard := make(chan vnode.FromGuest)
	talk.Go(func() { r.converse(ctx, heard) })

	rotation := time.NewTicker(rotateEvery)
	defer rotation.Stop()
	silence := time.NewTimer(r.patience())
	defer silence.Stop()
	for {
		seen := r.a.observer.seen.wait()
		if s := r.a.observer.latest(); s.err == nil && s.seq > mark && !s.running(r.guestName()) {
			return errStopped
		}
		select {
		case m := <-heard:
			if err := r.hear(ctx, m); err != nil {
				return err
			}
			silence.Reset(r.patience())
		case <-silence.C:
			if err := r.silent(ctx); err != nil {
				return err
			}
			silence.Reset(r.patience())
		case <-seen:
		case <-rotation.C:
			if err := hypervisor.RotateConsole(r.path(consoleFile), consoleMost); err != nil {
				r.log.WarnContext(ctx, "cannot rotate the console log", "error", err)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// patience is how long the guest may be silent in its stage.
func (r *runner) patience() time.Duration {
	cfg := r.a.cfg
	switch r.record().Stage {
	case vnode.StageReady:
		return cfg.Silence
	case vnode.StageIdentity, vnode.StageScripts, vnode.StageCluster, vnode.StageChecks:
		return cfg.StepDeadline
	}
	if cfg.BootDeadline != 0 {
		return cfg.BootDeadline
	}
	if r.a.knownFacts().Accelerator == "kvm" {
		return 2 * time.Minute
	}
	return 6 * time.Minute
}

// hear takes a message that was cleaned. An error means that the guest failed
// or that nothing can be remembered.
func (r *runner) hear(ctx context.Context, m vnode.FromGuest) error {
	if r.record().Failed && !(m.Type == "health" && m.Healthy) {
		return nil // until somebody wants it anew, or it has mended itself
	}
	switch m.Type {
	case "hello":
		return r.hearHello(m)
	case "step":
		return r.hearStep(m)
	case "health":
		r.hearUse(m, r.a.now())
		if m.Healthy {
			return r.becomeReady(ctx)
		}
		r.say(false, m.Message)
		return nil
	case "failed":
		return r.fail(ctx, cleanText(strings.Join(slices.DeleteFunc([]string{m.Stage, m.Step, m.Message},
			func(s string) bool { return s == "" }), ": "), maxMessage))
	}
	return nil
}

// hearHello takes the first hello of a boot for its beginning. Guests say
// hello on each new connection, too.
func (r *runner) hearHello(m vnode.FromGuest) error {
	if rec := r.record(); rec.BootID == m.BootID && rec.Stage != vnode.StageBoot {
		return nil
	}
	r.say(false, "")
	return r.update(func(rec *record) {
		rec.BootID = m.BootID
		rec.Stage, rec.Progress = vnode.StageIdentity, progress(vnode.StageIdentity, 0, 0)
	})
}

func (r *runner) hearStep(m vnode.FromGuest) error {
	if m.Stage == "" {
		return nil
	}
	if m.Stage == vnode.StageReady { // only a health message is evidence
		m.Stage, m.Done, m.Total = vnode.StageChecks, 1, 1
	}
	r.say(false, m.Step)
	return r.stage(m.Stage, int64(m.Done), int64(m.Total))
}

func (r *runner) becomeReady(ctx context.Context) error {
	if r.record().Stage != vnode.StageReady {
		r.log.InfoContext(ctx, "vnode is ready")
	}
	err := r.update(func(rec *record) {
		rec.Stage, rec.Progress = vnode.StageReady, progress(vnode.StageReady, 0, 0)
		rec.tookComingUp(r.a.now())
		rec.tookJoining(r.a.now())
		rec.WasReady, rec.Tries = true, 0
		rec.Failed, rec.Message = false, ""
	})
	if err != nil {
		return err
	}
	r.say(true, "")
	return nil
}

// fail marks the vnode as failed. The guest stays for whoever wants to look,
// until the manager wants another incarnation or the cluster ends.
func (r *runner) fail(ctx context.Context, message string) error {
	r.log.WarnContext(ctx, "vnode failed", "message", message)
	r.say(false, "")
	return r.update(func(rec *record) { rec.Failed, rec.Message = true, message })
}

// silent decides what a silence that was too long means.
func (r *runner) silent(ctx context.Context) error {
	rec := r.record()
	if rec.Failed {
		return nil
	}
	switch rec.Stage {
	case vnode.StageReady:
		r.say(false, fmt.Sprintf("no word from the guest for %s", r.a.cfg.Silence))
		return nil
	case vnode.StageIdentity, vnode.StageScripts, vnode.StageCluster, vnode.StageChecks:
		return r.fail(ctx, r.withConsole(fmt.Sprintf("no word from the guest for %s in stage %s", r.patience(), rec.Stage)))
	}
	if rec.Tries > 0 {
		return r.fail(ctx, r.withConsole(fmt.Sprintf("the guest was started twice and did not speak within %s", r.patience())))
	}
	r.log.WarnContext(ctx, "guest never spoke, trying once more", "guest", rec.Guest)
	return r.anew(ctx, rec)
}

// anew removes a guest that never spoke. Its disk goes too, unless it was in
// use before.
func (r *runner) anew(ctx context.Context, rec record) error {
	if rec.WasReady {
		removeCtx, cancel := context.WithTimeout(ctx, removeWithin)
		defer cancel()
		if err := r.a.hypervisor.Remove(removeCtx, rec.Guest); err != nil {
			return fmt.Errorf("remove guest: %w", err)
		}
	} else if err := r.discard(ctx, rec.Guest); err != nil {
		return err
	}
	if err := r.update(func(rec *record) { rec.Tries++ }); err != nil {
		return err
	}
	return errSilent
}

func (r *runner) withConsole(message string) string {
	return cleanText(message+"; its console ends with:\n"+tail(r.path(consoleFile)), maxMessage)
}
