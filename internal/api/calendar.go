package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/calendar"
	"quarry/internal/manager"
)

type calendarInput struct {
	From  time.Time `query:"from" doc:"where the window begins (now)"`
	To    time.Time `query:"to" doc:"where the window ends (a day after its beginning), at most 366 days later"`
	Slots int       `query:"slots" default:"96" minimum:"1" maximum:"1000" doc:"into how many equal slots the use over time is cut"`
	Limit int       `query:"limit" default:"200" minimum:"1" maximum:"1000" doc:"how many pnodes, and how many bookings, are on a page"`
	Page  int       `query:"page" default:"1" minimum:"1" maximum:"1000000" doc:"which page of pnodes and bookings"`
}

func (s *Server) registerCalendar(api huma.API) {
	op := operation(http.MethodGet, "/v1/calendar", "get-calendar", "calendar", "Show what is held of the site over a window")
	op.Description = "A tenant sees its own clusters by name and those of others as sizes only; the provider sees all as TENANT/NAME. " +
		"The use covers the whole site, pnodes and bookings come in pages. Up to 2,000 clusters that are over are shown, those that ended last."
	handle(s, api, op, func(ctx context.Context, p manager.Principal, in *calendarInput) (calendar.Overview, error) {
		l := calendar.Look{From: in.From, To: in.To, Slots: in.Slots, Limit: in.Limit, Page: in.Page}
		if l.From.IsZero() {
			l.From = s.Manager.Now()
		}
		if l.To.IsZero() {
			l.To = l.From.Add(24 * time.Hour)
		}
		return s.Manager.Calendar(ctx, p, l)
	})
}

// Calendar shows the site over a window; Now and Tenant of the look are the
// manager's to say.
func (c *Client) Calendar(ctx context.Context, l calendar.Look) (calendar.Overview, error) {
	u := c.link.Address("v1", "calendar")
	u.RawQuery = url.Values{
		"from": {l.From.UTC().Format(time.RFC3339)}, "to": {l.To.UTC().Format(time.RFC3339)},
		"slots": {strconv.Itoa(l.Slots)}, "limit": {strconv.Itoa(l.Limit)}, "page": {strconv.Itoa(l.Page)},
	}.Encode()
	return get[calendar.Overview](ctx, c, u)
}
