package agent

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	observeEvery  = 3 * time.Second
	observePause  = 250 * time.Millisecond // between two looks that were asked for
	observeWithin = 15 * time.Second
)

// snapshot is what the hypervisor said at one time.
type snapshot struct {
	seq    uint64
	err    error
	guests map[string]guestState
}

func (s snapshot) running(guest string) bool { return s.guests[guest].Running }

func (s snapshot) has(guest string) bool { _, ok := s.guests[guest]; return ok }

// observer lists the guests for everybody: regularly, and when asked for.
type observer struct {
	list func(context.Context) ([]guestState, error)
	log  *slog.Logger
	wake chan struct{}
	seen broadcast

	mu    sync.Mutex
	begun uint64 // lists begun
	last  snapshot
	good  snapshot // the last one without an error
}

func newObserver(list func(context.Context) ([]guestState, error), log *slog.Logger) *observer {
	return &observer{list: list, log: log, wake: make(chan struct{}, 1)}
}

func (o *observer) run(ctx context.Context) {
	for ctx.Err() == nil {
		o.look(ctx)
		if !sleep(ctx, observePause) {
			return
		}
		timer := time.NewTimer(observeEvery - observePause)
		select {
		case <-o.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (o *observer) look(ctx context.Context) {
	o.mu.Lock()
	o.begun++
	next := snapshot{seq: o.begun, guests: map[string]guestState{}}
	o.mu.Unlock()

	listCtx, cancel := context.WithTimeout(ctx, observeWithin)
	guests, err := o.list(listCtx)
	cancel()
	if ctx.Err() != nil {
		return
	}
	next.err = err
	for _, g := range guests {
		next.guests[g.Name] = g
	}
	o.mu.Lock()
	if err != nil && o.last.err == nil {
		o.log.WarnContext(ctx, "cannot list guests", "error", err)
	}
	o.last = next
	if err == nil {
		o.good = next
	}
	o.mu.Unlock()
	o.seen.fire()
}

// latest is the last snapshot, lastGood the last one without an error.
func (o *observer) latest() snapshot {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}

func (o *observer) lastGood() snapshot {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.good
}

// mark is a point in time: snapshots with a greater seq were begun after it.
func (o *observer) mark() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.begun
}

// fresh returns a snapshot that was begun after the call.
func (o *observer) fresh(ctx context.Context) (snapshot, error) {
	mark := o.mark()
	poke(o.wake)
	var s snapshot
	err := o.seen.until(ctx, func() bool {
		s = o.latest()
		return s.seq > mark
	})
	if err != nil {
		return snapshot{}, err
	}
	return s, s.err
}
