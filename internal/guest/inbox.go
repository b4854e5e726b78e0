package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"

	"quarry/internal/vnode"
)

// inbox holds the newest identity. An agent sends it on every hello; only one
// that differs from the one before counts as new.
type inbox struct {
	mu    sync.Mutex
	id    *vnode.Identity
	raw   []byte
	taken bool
	newer chan struct{} // closed when a newer identity is put
}

func newInbox() *inbox {
	return &inbox{taken: true, newer: make(chan struct{})}
}

func (b *inbox) put(id *vnode.Identity) {
	raw, err := json.Marshal(id)
	if err != nil {
		return // an identity that came as JSON always is
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.Equal(raw, b.raw) {
		return
	}
	b.id, b.raw, b.taken = id, raw, false
	close(b.newer)
	b.newer = make(chan struct{})
}

// take waits for an identity not taken before. The channel it returns is
// closed once there is a newer one.
func (b *inbox) take(ctx context.Context) (*vnode.Identity, <-chan struct{}, error) {
	for {
		b.mu.Lock()
		newer := b.newer
		if !b.taken {
			b.taken = true
			id := b.id
			b.mu.Unlock()
			return id, newer, nil
		}
		b.mu.Unlock()
		select {
		case <-newer:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// whileOpen returns a context that also ends when ch is closed.
func whileOpen(ctx context.Context, ch <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-ch:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
