package guest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"quarry/internal/vnode"
)

const (
	helloEvery  = 2 * time.Second  // until an identity comes
	repeatEvery = 10 * time.Second // what is current, from then on
	reopenPause = 500 * time.Millisecond
	writeLimit  = 5 * time.Second // then the agent counts as gone
	queueLimit  = 64
)

// link keeps the channel to the agent open and says on it what is current.
type link struct {
	open   func(context.Context) (io.ReadWriteCloser, error)
	bootID string
	handle func(context.Context, vnode.ToGuest)
	log    *slog.Logger
	wake   chan struct{} // capacity 1: there is something to send

	mu      sync.Mutex
	known   bool              // an identity came in this boot
	current vnode.FromGuest   // what is repeated; no type before the first report
	queue   []vnode.FromGuest // not yet sent, oldest first
}

// report makes m what is current and sends it as soon as there is an agent.
func (l *link) report(m vnode.FromGuest) {
	m.BootID = l.bootID
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = m
	l.push(m)
}

// repeat sends again what is current.
func (l *link) repeat() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current.Type == "" {
		l.push(l.hello())
		return
	}
	l.push(l.current)
}

// settled says that the agent's identity has come: no more hello is needed.
func (l *link) settled() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known = true
}

func (l *link) hello() vnode.FromGuest {
	return vnode.FromGuest{Type: "hello", BootID: l.bootID, Stage: l.current.Stage}
}

func (l *link) push(m vnode.FromGuest) {
	if len(l.queue) == queueLimit { // nobody listens; old news is worth least
		l.queue = l.queue[1:]
	}
	l.queue = append(l.queue, m)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *link) drain() []vnode.FromGuest {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.queue
	l.queue = nil
	return out
}

// greet is what a new connection starts with: hello, then how things stand.
func (l *link) greet() []vnode.FromGuest {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = nil
	if l.current.Type == "" {
		return []vnode.FromGuest{l.hello()}
	}
	return []vnode.FromGuest{l.hello(), l.current}
}

// beat is what goes out when nothing has happened for a while, and when next.
func (l *link) beat() ([]vnode.FromGuest, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.known {
		return []vnode.FromGuest{l.hello()}, helloEvery
	}
	if l.current.Type == "" {
		return nil, helloEvery
	}
	return []vnode.FromGuest{l.current}, repeatEvery
}

// run serves one connection after the other until ctx ends.
func (l *link) run(ctx context.Context) {
	for ctx.Err() == nil {
		conn, err := l.open(ctx)
		if err == nil {
			l.log.DebugContext(ctx, "agent connected")
			err = l.serve(ctx, conn)
		}
		if ctx.Err() != nil {
			return
		}
		l.log.DebugContext(ctx, "agent gone", "error", err)
		sleep(ctx, reopenPause)
	}
}

// serve runs one connection until it breaks.
func (l *link) serve(ctx context.Context, conn io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer conn.Close() // ends the reader
	wg.Go(func() { cancel(l.receive(ctx, conn)) })

	err := l.send(ctx, conn)
	cancel(err)
	return err
}

func (l *link) receive(ctx context.Context, conn io.Reader) error {
	r := vnode.NewReader(conn)
	for {
		var m vnode.ToGuest
		err := r.Read(&m)
		switch {
		case err == nil:
			l.handle(ctx, m)
		case errors.Is(err, vnode.ErrTooLong), errors.Is(err, vnode.ErrGarbage):
			l.log.WarnContext(ctx, "message of the agent refused", "error", err)
		default:
			return err
		}
	}
}

func (l *link) send(ctx context.Context, conn io.Writer) error {
	// Whatever an earlier connection left half written ends here.
	if err := write(conn, []byte("\n")); err != nil {
		return err
	}
	out := l.greet()
	timer := time.NewTimer(helloEvery)
	defer timer.Stop()
	for {
		for _, m := range out {
			if err := vnode.Write(limited{conn}, m); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.wake:
			out = l.drain()
		case <-timer.C:
			var next time.Duration
			out, next = l.beat()
			timer.Reset(next)
		}
	}
}

// limited bounds every write where the channel can: an agent that stopped
// reading must not stop the guest.
type limited struct{ w io.Writer }

func (l limited) Write(p []byte) (int, error) {
	if d, ok := l.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		if err := d.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
			return 0, err
		}
	}
	return l.w.Write(p)
}

func write(w io.Writer, p []byte) error {
	_, err := limited{w}.Write(p)
	return err
}

// sleep waits for d or for the end of ctx, and says whether ctx still lives.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
