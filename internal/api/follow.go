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

	"quarry/internal/api/wire"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Waits before a broken stream is asked for again.
const (
	retryFirst = 250 * time.Millisecond
	retryMost  = 10 * time.Second
)

// Events lists what happened to a cluster after a sequence number.
func (c *Client) Events(ctx context.Context, name string, after int64) ([]cluster.Event, error) {
	u := with(c.link.Address("v1", "clusters", name, "events"), "after", strconv.FormatInt(after, 10))
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
	req, err := c.link.Request(ctx, http.MethodGet, c.link.Address("v1", "clusters", name, "events"), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Last-Event-ID", strconv.FormatInt(after, 10))
	return c.link.Stream(req, func(e wire.Event) error {
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
