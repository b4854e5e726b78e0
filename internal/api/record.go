package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/manager"
)

type recordInput struct {
	From  time.Time `query:"from" doc:"clusters that were not over then (the beginning)"`
	To    time.Time `query:"to" doc:"clusters that were booked before (now)"`
	After string    `query:"after" maxLength:"64" doc:"next of the page before"`
}

func (s *Server) registerRecord(api huma.API) {
	op := operation(http.MethodGet, "/v1/record", "get-record", "site", "Tell what was asked of the site, and what it took")
	op.Description = "For the provider: what a simulator needs to play it again, without keys and accounts. Requests that were refused are not kept. " +
		"In pages, in the order in which clusters were booked."
	handle(s, api, op, func(ctx context.Context, p manager.Principal, in *recordInput) (manager.Record, error) {
		return s.Manager.Record(ctx, p, in.From, in.To, in.After)
	})
}

// Record returns a page of what was asked of the site, of the clusters that were
// booked before to (zero for now) and not over at from; after is the page
// before's Next.
func (c *Client) Record(ctx context.Context, from, to time.Time, after string) (manager.Record, error) {
	u := c.link.Address("v1", "record")
	q := windowQuery(from, to)
	if after != "" {
		q.Set("after", after)
	}
	u.RawQuery = q.Encode()
	return get[manager.Record](ctx, c, u)
}
