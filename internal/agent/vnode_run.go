package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"quarry/internal/vnode"
)

const (
	overlayWithin = time.Minute
	startWithin   = 2 * time.Minute
	removeWithin  = time.Minute
	// steadyAfter is how long a guest must have lived for its next death to
	// count as the first one.
	steadyAfter = 5 * time.Minute
)

var (
	errStopped = errors.New("the guest stopped")
	errSilent  = errors.New("the guest never spoke")
)

// keep makes the vnode run and keeps it running until the context ends.
func (r *runner) keep(ctx context.Context) {
	pause := backoff{first: time.Second, most: 30 * time.Second}
	for ctx.Err() == nil {
		began := time.Now()
		err := r.live(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > steadyAfter {
			pause.reset()
		}
		wait := pause.next()
		r.log.WarnContext(ctx, "vnode does not run, trying again", "error", err, "wait", wait)
		r.say(false, cleanText(fmt.Sprintf("trying again in %s: %v", wait, err), maxMessage))
		sleep(ctx, wait)
	}
}

// live takes the vnode through its steps, skipping those that are done, and
// watches it until something is wrong. A vnode that failed stays as it is.
func (r *runner) live(ctx context.Context) error {
	if err := r.takeUp(ctx); err != nil {
		return err
	}
	guest := r.guestName()
	s, err := r.a.observer.fresh(ctx)
	if err != nil {
		return fmt.Errorf("list guests: %w", err)
	}
	if s.running(guest) {
		r.log.InfoContext(ctx, "adopted a running guest", "guest", guest)
		return r.watch(ctx, r.a.observer.mark())
	}
	if r.record().Failed {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := r.permitted(ctx); err != nil {
		return err
	}
	if err := r.makeReadyToStart(ctx); err != nil {
		return err
	}
	mark, err := r.start(ctx)
	if err != nil {
		return err
	}
	return r.watch(ctx, mark)
}

// takeUp makes the record that of the wanted incarnation. What is left of
// another one is removed first.
func (r *runner) takeUp(ctx context.Context) error {
	t := r.aim()
	rec := r.record()
	if rec.Guest != "" && rec.Incarnation == t.vnode.Incarnation {
		return nil
	}
	if rec.Guest != "" {
		r.log.InfoContext(ctx, "making a vnode anew", "incarnation", t.vnode.Incarnation, "old_incarnation", rec.Incarnation)
	}
	if err := r.discard(ctx, t.guest); err != nil {
		return err
	}
	r.say(false, "")
	return r.update(func(rec *record) {
		*rec = record{
			Cluster: r.key.Cluster, Name: r.key.Vnode, Guest: t.guest, Incarnation: t.vnode.Incarnation,
			Image: t.vnode.Image, Stage: vnode.StageImage, Begun: r.a.now().UnixMilli(),
		}
	})
}

// discard removes the guest and wipes everything of it.
func (r *runner) discard(ctx context.Context, guest string) error {
	removeCtx, cancel := context.WithTimeout(ctx, removeWithin)
	defer cancel()
	if err := r.a.hypervisor.Remove(removeCtx, guest); err != nil {
		return fmt.Errorf("remove guest: %w", err)
	}
	if err := r.a.files.wipeVnode(r.key); err != nil {
		return fmt.Errorf("wipe: %w", err)
	}
	return nil
}

// permitted waits until the machine is measured. A machine whose guests would
// be corrupted runs none.
func (r *runner) permitted(ctx context.Context) error {
	f, err := r.a.awaitFacts(ctx)
	if err != nil {
		return err
	}
	if f.refusal != "" {
		return errors.New(f.refusal)
	}
	return nil
}

// makeReadyToStart brings the image, the disk and the ports.
func (r *runner) makeReadyToStart(ctx context.Context) error {
	image := r.record().Image
	if !r.a.images.Has(image) {
		if err := r.stage(vnode.StageImage, 0, 0); err != nil {
			return err
		}
		r.say(false, "fetching the image")
		began := time.Now()
		if err := r.a.fetch(ctx, image, r.fetched); err != nil {
			return err
		}
		r.tookFetching(time.Since(began))
	}
	if err := r.stage(vnode.StageDisk, 0, 0); err != nil {
		return err
	}
	r.say(false, "")
	if err := r.makeDisk(ctx); err != nil {
		return err
	}
	r.say(false, "waiting for the switch")
	err := r.a.wired.until(ctx, func() bool { return r.a.isWired(r.aim()) })
	r.say(false, "")
	return err
}

// fetched moves the bar, which nobody needs after a crash.
func (r *runner) fetched(percent int) {
	r.mu.Lock()
	if r.rec.Stage == vnode.StageImage {
		r.rec.Progress = progress(vnode.StageImage, int64(percent), 100)
	}
	r.mu.Unlock()
	r.a.changed.fire()
}

// makeDisk gives the vnode its disk, unless it has one.
func (r *runner) makeDisk(ctx context.Context) error {
	disk := r.path(diskFile)
	if _, err := os.Stat(disk); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	boot, err := r.a.images.Boot(r.record().Image)
	if err != nil {
		return fmt.Errorf("open image: %w", err)
	}
	overlayCtx, cancel := context.WithTimeout(ctx, overlayWithin)
	defer cancel()
	if err := r.a.hypervisor.CreateOverlay(overlayCtx, boot.Disk, disk, r.aim().vnode.DiskMiB); err != nil {
		return fmt.Errorf("make disk: %w", err)
	}
	return nil
}

// start starts the guest and returns the mark after which it must be seen.
func (r *runner) start(ctx context.Context) (uint64, error) {
	select {
	case r.a.starts <- struct{}{}:
		defer func() { <-r.a.starts }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	t := r.aim()
	boot, err := r.a.images.Boot(r.record().Image)
	if err != nil {
		return 0, fmt.Errorf("open image: %w", err)
	}
	if err := r.stage(vnode.StageBoot, 0, 0); err != nil {
		return 0, err
	}
	startCtx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	err = r.a.hypervisor.Start(startCtx, guest{
		Name: t.guest, CPUs: t.vnode.CPUs, MemoryMiB: t.vnode.MemoryMiB, Disk: r.path(diskFile), Boot: boot, NICs: t.nics,
		ConsoleLog: r.path(consoleFile), Channel: r.a.files.socket(r.key), Accelerator: r.a.knownFacts().Accelerator,
	})
	if err != nil {
		return 0, fmt.Errorf("start guest: %w", err)
	}
	r.log.InfoContext(ctx, "started a guest", "guest", t.guest)
	mark := r.a.observer.mark()
	poke(r.a.observer.wake)
	return mark, nil
}
