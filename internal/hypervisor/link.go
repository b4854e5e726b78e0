package hypervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"quarry/internal/fault"
)

// link is the connection to a libvirt daemon. The library's calls take no
// context and wait for ever for a daemon that hangs; closing the socket under
// them is the one way to end them. So each call has a deadline that drops the
// connection, and the next call makes a new one.
type link struct {
	socket  string
	uri     golibvirt.ConnectURI
	timeout time.Duration

	mu      sync.Mutex
	current *session
}

type session struct {
	conn   net.Conn
	client *golibvirt.Libvirt
}

// call runs f, which must be safe to repeat: when a connection that was made
// earlier turns out to be dead, f is run once more over a new one.
func call[T any](ctx context.Context, l *link, f func(*golibvirt.Libvirt) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	for {
		s, fresh, err := l.session(ctx)
		if err != nil {
			var zero T
			return zero, l.unavailable(err)
		}
		v, err := within(ctx, s.conn, func() (T, error) { return f(s.client) })
		if err == nil || answered(err) {
			return v, err
		}
		l.drop(s)
		if fresh || ctx.Err() != nil {
			return v, l.unavailable(err)
		}
	}
}

// answered tells what libvirt replied, or we concluded, from a broken connection.
func answered(err error) bool {
	_, replied := errors.AsType[golibvirt.Error](err)
	return replied || fault.KindOf(err) != ""
}

// within runs f and closes conn when ctx ends first. f may then go on for a
// moment; its result is thrown away.
func within[T any](ctx context.Context, conn net.Conn, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		conn.Close()
		var zero T
		return zero, context.Cause(ctx)
	}
}

// session returns the current connection, or a fresh one.
func (l *link) session(ctx context.Context) (s *session, fresh bool, err error) {
	l.mu.Lock()
	s = l.current
	l.mu.Unlock()
	if s != nil {
		return s, false, nil
	}
	// Connecting happens outside the lock: a daemon that hangs must not make
	// callers wait beyond their own deadline.
	s, err = l.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		s.conn.Close()
		return l.current, false, nil
	}
	l.current = s
	return s, true, nil
}

func (l *link) dial(ctx context.Context) (*session, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", l.socket)
	if err != nil {
		return nil, err
	}
	client := golibvirt.NewWithDialer(dialers.NewAlreadyConnected(conn))
	_, err = within(ctx, conn, func() (struct{}, error) {
		return struct{}{}, client.ConnectToURI(l.uri)
	})
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open %s: %w", l.uri, err)
	}
	return &session{conn: conn, client: client}, nil
}

func (l *link) drop(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current == s {
		l.current = nil
	}
	s.conn.Close()
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.current.conn.Close()
		l.current = nil
	}
}

func (l *link) unavailable(err error) error {
	return fault.New(fault.Unavailable, "libvirt does not answer", fault.Detail{
		Field:   l.socket,
		Message: fmt.Sprintf("%v: is libvirtd running?", err),
	})
}
