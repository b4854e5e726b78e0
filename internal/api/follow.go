package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// silence is how long a stream may be without any sign of life. The server
// sends one every heartbeat.
const (
	heartbeat = 15 * time.Second
	silence   = 3 * heartbeat
)

// Waits before a broken stream is asked for again.
const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 10 * time.Second
)

// Events lists what happened to a cluster after a sequence number.
func (c *Client) Events(ctx context.Context, name string, after int64) ([]cluster.Event, error) {
	u := with(c.address("v1", "clusters", name, "events"), "after", strconv.FormatInt(after, 10))
	return get[[]cluster.Event](ctx, c, with(u, "follow", "false"))
}

// Follow yields what happened to a cluster after a sequence number and then
// what happens, until ctx ends. A stream that breaks is taken up again after
// the last event. The only errors are ctx's, and faults of the request, after
// which nothing follows.
func (c *Client) Follow(ctx context.Context, name string, after int64) iter.Seq2[cluster.Event, error] {
	return func(yield func(cluster.Event, error) bool) {
		wait := retryFirst
		for {
			goOn := true
			err := c.stream(ctx, name, after, func(e cluster.Event) bool {
				after, wait = e.Seq, retryFirst
				goOn = yield(e, nil)
				return goOn
			})
			if !goOn {
				return
			}
			if kind := fault.KindOf(err); kind != "" && kind != fault.Unavailable {
				yield(cluster.Event{}, err)
				return
			}
			select {
			case <-ctx.Done():
				yield(cluster.Event{}, ctx.Err())
				return
			case <-time.After(wait):
				wait = min(2*wait, retryMost)
			}
		}
	}
}

// stream passes events on until the stream ends or accept returns false.
func (c *Client) stream(ctx context.Context, name string, after int64, accept func(cluster.Event) bool) error {
	req, err := c.request(ctx, http.MethodGet, c.address("v1", "clusters", name, "events"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	return c.link.stream(req, func(e sseEvent) error {
		var event cluster.Event
		if err := json.Unmarshal(e.Data, &event); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if !accept(event) {
			return io.EOF
		}
		return nil
	})
}

// stream sends a request whose answer is a stream of events and passes each
// on. It returns when the stream ends, is silent for too long, or accept
// returns an error.
func (l link) stream(req *http.Request, accept func(sseEvent) error) error {
	ctx, cancel := context.WithCancelCause(req.Context())
	defer cancel(nil)
	dead := time.AfterFunc(silence, func() { cancel(fmt.Errorf("no sign of life for %s", silence)) })
	defer dead.Stop()
	req = req.WithContext(ctx)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := l.exchange(req)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	events := newSSEReader(resp.Body, maxEvent, func() { dead.Reset(silence) })
	for {
		e, err := events.next()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("the stream from the manager broke: %w", err)
		}
		if err := accept(e); err != nil {
			return err
		}
	}
}
