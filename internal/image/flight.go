package image

import (
	"context"
	"sync"
)

// Progress is told how far a piece of work is: its stage, and a percentage of
// the whole that never falls. It must not block.
type Progress func(stage string, percent int)

// flights lets callers who want the same thing share one making of it. The
// work goes on while anybody waits for it, and is cancelled when nobody does.
// The zero value is ready to use.
type flights struct {
	mu   sync.Mutex
	live map[string]*flight
}

type flight struct {
	cancel  context.CancelFunc
	waiters int
	done    chan struct{}
	err     error // valid once done is closed

	mu        sync.Mutex
	stage     string
	percent   int
	listeners []Progress
}

// do runs work for key, or waits for the run that is under way. progress may
// be nil; it is told rising values only.
func (fs *flights) do(ctx context.Context, key string, progress Progress,
	work func(context.Context, Progress) error,
) error {
	for {
		f, joined := fs.join(ctx, key, progress, work)
		select {
		case <-f.done:
			if joined {
				return f.err
			}
		case <-ctx.Done():
			if joined {
				fs.leave(f)
			}
			return ctx.Err()
		}
	}
}

// join returns the run for key. It is not joined if everybody has left it
// already: two runs of one key must not overlap, so the caller waits it out.

func (fs *flights) join(ctx context.Context, key string, progress Progress,
	work func(context.Context, Progress) error,
) (*flight, bool) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.live[key]
	if f != nil && f.waiters == 0 {
		return f, false
	}
	if f == nil {
		f = &flight{done: make(chan struct{}), percent: -1}
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f.cancel = cancel
		if fs.live == nil {
			fs.live = map[string]*flight{}
		}
		fs.live[key] = f
		go func() {
			defer cancel()
			f.err = work(shared, f.report)
			fs.forget(key)
			close(f.done)
		}()
	}
	f.waiters++
	if progress != nil {
		f.listen(progress)
	}
	return f, true
}

func (fs *flights) leave(f *flight) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.waiters--; f.waiters == 0 {
		f.cancel()
	}
}

func (fs *flights) forget(key string) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.live, key)
}

func (f *flight) listen(progress Progress) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = append(f.listeners, progress)
	if f.percent >= 0 {
		progress(f.stage, f.percent)
	}
}

func (f *flight) report(stage string, percent int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if percent <= f.percent {
		return
	}
	f.stage, f.percent = stage, percent
	for _, tell := range f.listeners {
		tell(stage, percent)
	}
}
