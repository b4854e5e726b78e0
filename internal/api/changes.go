package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/manager"
)

// EndRequest asks for another end of a cluster's window.
type EndRequest struct {
	End       time.Time `json:"end,omitzero" doc:"the new end"`
	BySeconds float64   `json:"bySeconds,omitempty" doc:"instead of end: by how much"`
}

// MoveRequest asks for another window of a cluster.
type MoveRequest struct {
	Start      time.Time `json:"start" doc:"the new start"`
	End        time.Time `json:"end,omitzero" doc:"the new end; without it the window keeps its length"`
	ForSeconds float64   `json:"forSeconds,omitempty" doc:"instead of end: the new length"`
}

// GrowRequest asks for more vnodes.
type GrowRequest struct {
	Appliance string `json:"appliance,omitempty" maxLength:"63" doc:"of which there are to be more; compute without it"`
	Count     int    `json:"count" doc:"how many more"`
}

// ShrinkRequest asks for fewer vnodes.
type ShrinkRequest struct {
	Nodes     []string `json:"nodes,omitempty" maxItems:"4096" doc:"those to give back"`
	Appliance string   `json:"appliance,omitempty" maxLength:"63" doc:"without nodes: of which there are to be fewer; compute without it"`
	Count     int      `json:"count,omitempty" doc:"without nodes: how many fewer; those that came last go"`
}

// changeInput is a change with its body.
type changeInput[B any] struct {
	Name    string `path:"name" maxLength:"130" doc:"the cluster's name"`
	DryRun  bool   `query:"dryRun" doc:"say what would become of it, and change nothing"`
	IfMatch string `header:"If-Match" doc:"the ETag that was seen; the change is refused when there is another one now"`
	Body    B
}

// bareInput is a change that needs no body.
type bareInput struct {
	Name    string `path:"name" maxLength:"130" doc:"the cluster's name"`
	DryRun  bool   `query:"dryRun" doc:"say what would become of it, and change nothing"`
	IfMatch string `header:"If-Match" doc:"the ETag that was seen; the change is refused when there is another one now"`
}

func (s *Server) registerChanges(api huma.API) {
	registerChange(s, api, manager.Extend, "Move a cluster's end later", EndRequest.change)
	registerChange(s, api, manager.Shorten, "Move a cluster's end earlier", EndRequest.change)
	registerChange(s, api, manager.Move, "Give a cluster another window before its preparation begins", MoveRequest.change)
	registerChange(s, api, manager.Grow, "Add vnodes to a cluster", GrowRequest.change)
	registerChange(s, api, manager.Shrink, "Take vnodes from a cluster", ShrinkRequest.change)
	registerBare(s, api, manager.Confirm, "Make a held cluster a booked one")
	registerBare(s, api, manager.Release, "Give up a held cluster")
}

func registerChange[B any](s *Server, api huma.API, op manager.Operation, summary string, change func(B) (manager.Change, error)) {
	handle(s, api, changeOperation(op, summary), func(ctx context.Context, p manager.Principal, in *changeInput[B]) (cluster.Cluster, error) {
		ch, err := change(in.Body)
		if err != nil {
			return cluster.Cluster{}, err
		}
		ch.Operation = op
		return s.changeCluster(ctx, p, in.Name, in.IfMatch, in.DryRun, ch)
	})
}

func registerBare(s *Server, api huma.API, op manager.Operation, summary string) {
	handle(s, api, changeOperation(op, summary), func(ctx context.Context, p manager.Principal, in *bareInput) (cluster.Cluster, error) {
		return s.changeCluster(ctx, p, in.Name, in.IfMatch, in.DryRun, manager.Change{Operation: op})
	})
}

func changeOperation(op manager.Operation, summary string) huma.Operation {
	return operation(http.MethodPost, "/v1/clusters/{name}/"+string(op), string(op)+"-cluster", "clusters", summary)
}

func (s *Server) changeCluster(ctx context.Context, p manager.Principal, name, ifMatch string, dryRun bool, ch manager.Change) (cluster.Cluster, error) {
	version, err := seenVersion(ifMatch)
	if err != nil {
		return cluster.Cluster{}, err
	}
	return s.Manager.ChangeCluster(ctx, p, name, ch, manager.ChangeOptions{IfMatch: version, DryRun: dryRun})
}

func (r EndRequest) change() (manager.Change, error) {
	by, err := secondsIn("bySeconds", r.BySeconds)
	return manager.Change{End: r.End, By: by}, err
}

func (r MoveRequest) change() (manager.Change, error) {
	length, err := secondsIn("forSeconds", r.ForSeconds)
	return manager.Change{Start: r.Start, End: r.End, By: length}, err
}

func (r GrowRequest) change() (manager.Change, error) {
	return manager.Change{Appliance: r.Appliance, Count: r.Count}, nil
}

func (r ShrinkRequest) change() (manager.Change, error) {
	return manager.Change{Appliance: r.Appliance, Count: r.Count, Nodes: r.Nodes}, nil
}

// secondsIn is a duration that came as a number in a field.
func secondsIn(field string, n float64) (time.Duration, error) {
	const most = 10 * 366 * 24 * 3600
	if !(n >= 0 && n <= most) {
		return 0, fault.New(fault.Invalid, "the cluster cannot be changed",
			fault.Detail{Field: field, Message: fmt.Sprintf("%v is not between 0 and %d", n, most)})
	}
	return seconds(n).Round(time.Second), nil
}

// ChangeCluster does an operation on a cluster; with dryRun it only says what
// would become of it.
func (c *Client) ChangeCluster(ctx context.Context, name string, ch manager.Change, dryRun bool) (cluster.Cluster, error) {
	var body any
	switch ch.Operation {
	case manager.Extend, manager.Shorten:
		body = EndRequest{End: ch.End, BySeconds: ch.By.Seconds()}
	case manager.Move:
		body = MoveRequest{Start: ch.Start, End: ch.End, ForSeconds: ch.By.Seconds()}
	case manager.Grow:
		body = GrowRequest{Appliance: ch.Appliance, Count: ch.Count}
	case manager.Shrink:
		body = ShrinkRequest{Appliance: ch.Appliance, Count: ch.Count, Nodes: ch.Nodes}
	}
	at := c.link.Address("v1", "clusters", name, string(ch.Operation))
	return post[cluster.Cluster](ctx, c, with(at, "dryRun", strconv.FormatBool(dryRun)), body)
}

// HoldCluster books a cluster that is given up unless it is confirmed within
// hold; with dryRun it only says what would be held.
func (c *Client) HoldCluster(ctx context.Context, spec cluster.Spec, hold time.Duration, dryRun bool) (cluster.Cluster, error) {
	at := with(with(c.link.Address("v1", "clusters"), "dryRun", strconv.FormatBool(dryRun)), "hold", hold.String())
	return post[cluster.Cluster](ctx, c, at, spec)
}
