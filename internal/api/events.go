package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"quarry/internal/api/wire"
	"quarry/internal/cluster"
	"quarry/internal/manager"
)

type eventsInput struct {
	Name   string `path:"name" maxLength:"130" doc:"the cluster's name"`
	Follow bool   `query:"follow" default:"true" doc:"go on with what happens; false answers with a JSON list"`
	After  int64  `query:"after" minimum:"0" doc:"only events with a greater seq"`
	Last   int64  `header:"Last-Event-ID" minimum:"0" doc:"the same, as browsers send it"`
}

func (s *Server) registerEvents(api huma.API) {
	op := operation(http.MethodGet, "/v1/clusters/{name}/events", "cluster-events", "clusters", "Follow what happens to a cluster")
	schemas := api.OpenAPI().Components.Schemas
	event := schemas.Schema(reflect.TypeFor[cluster.Event](), true, "Event")
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events, each with seq as its id, the type as its name and an Event as its data; or a list.",
		Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: event},
			"application/json":  {Schema: &huma.Schema{Type: huma.TypeArray, Items: event}},
		},
	}}
	huma.Register(api, op, s.events)
}

func (s *Server) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	p, after := principalOf(ctx), max(in.After, in.Last)
	changed := s.Manager.Changed() // taken before reading: nothing falls in between
	first, err := listed(s.Manager.Events(ctx, p, in.Name, after))
	if err != nil {
		return nil, s.problem(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		r, w := humago.Unwrap(hc)
		if !in.Follow {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(first) // the client went away: nobody to tell
			return
		}
		f := follower{s: s, r: r, p: p, name: in.Name, after: after}
		if err := f.run(w, first, changed); err != nil && r.Context().Err() == nil {
			s.Log.DebugContext(r.Context(), "event stream ended", "error", err)
		}
	}}, nil
}

// follower is one stream of a cluster's events.
type follower struct {
	s     *Server
	r     *http.Request
	p     manager.Principal
	name  string
	after int64
}

// run sends events until the client leaves, its token ends, or the server stops.
func (f *follower) run(w http.ResponseWriter, events []cluster.Event, changed <-chan struct{}) error {
	ctx := f.r.Context()
	out, err := wire.StartEvents(w)
	if err != nil {
		return err
	}
	tick := time.NewTicker(wire.Heartbeat)
	defer tick.Stop()
	for {
		if err := f.send(out, events); err != nil {
			return err
		}
		events = nil
		select {
		case <-ctx.Done():
			return nil
		case <-f.s.stop:
			return nil
		case <-tick.C:
			if _, err := f.s.Manager.Authenticate(ctx, bearer(f.r)); err != nil {
				return err
			}
			if err := out.Comment("still here"); err != nil {
				return err
			}
		case <-changed:
			changed = f.s.Manager.Changed()
			if events, err = f.s.Manager.Events(ctx, f.p, f.name, f.after); err != nil {
				return err
			}
		}
	}
}

func (f *follower) send(out wire.Writer, events []cluster.Event) error {
	for _, e := range events {
		doc, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if err := out.Send(wire.Event{ID: strconv.FormatInt(e.Seq, 10), Type: e.Type, Data: doc}); err != nil {
			return err
		}
		f.after = e.Seq
	}
	return nil
}
