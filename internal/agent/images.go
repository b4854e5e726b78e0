package agent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	prefetchEvery = 30 * time.Second
	// fetchStall is how long a fetch may make no visible progress.
	fetchStall = 10 * time.Minute
)

var errStalled = errors.New("no progress")

// fetch brings an image here.
func (a *agent) fetch(ctx context.Context, address string, progress func(percent int)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(fetchStall, func() { cancel(errStalled) })
	defer stall.Stop()
	err := a.images.Fetch(ctx, address, func(percent int) {
		stall.Reset(fetchStall)
		progress(percent)
	})
	if errors.Is(context.Cause(ctx), errStalled) {
		err = fmt.Errorf("%w for %s", errStalled, fetchStall)
	}
	if err != nil {
		err = fmt.Errorf("fetch image %.12s: %w", address, err)
	}
	if ctx.Err() == nil || errors.Is(err, errStalled) {
		a.trouble("image "+address, err)
	}
	a.changed.fire()
	return err
}

// prefetch brings the images that are wanted before any vnode needs them, one
// at a time, and makes room when there are too many.
func (a *agent) prefetch(ctx context.Context) {
	for {
		renewed := a.renewed.wait()
		for _, address := range a.wantedImages() {
			if a.images.Has(address) {
				continue
			}
			if err := a.fetch(ctx, address, func(int) {}); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "cannot fetch an image ahead", "image", address, "error", err)
			}
		}
		if ctx.Err() != nil {
			return
		}
		a.trouble("images", a.images.Prune(a.keepsImage))
		timer := time.NewTimer(prefetchEvery)
		select {
		case <-timer.C:
		case <-renewed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (a *agent) wantedImages() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired == nil {
		return nil
	}
	return a.desired.Images
}

// keepsImage says whether anything here is made of an image or soon will be.
func (a *agent) keepsImage(address string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.desired == nil {
		return true
	}
	for _, r := range a.runners {
		if r.record().Image == address {
			return true
		}
	}
	for _, wanted := range a.desired.Images {
		if wanted == address {
			return true
		}
	}
	for _, c := range a.desired.Clusters {
		for _, v := range c.Vnodes {
			if v.Image == address {
				return true
			}
		}
	}
	return false
}
