package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quarry/internal/cluster"
	"quarry/internal/manager"
)

type freeInput struct {
	From       time.Time `query:"from" doc:"where the window begins (now)"`
	To         time.Time `query:"to" doc:"where it ends (an hour after its beginning)"`
	Appliance  string    `query:"appliance" maxLength:"63" doc:"of the vnodes asked about (compute); the gateway needs an uplink"`
	Count      int       `query:"count" minimum:"0" maximum:"4096" doc:"how many are wanted (any)"`
	CPUs       int       `query:"cpus" doc:"of each (1)"`
	MemoryMiB  int       `query:"memoryMiB" doc:"of each (640)"`
	DiskMiB    int       `query:"diskMiB" doc:"of each (4096)"`
	Require    []string  `query:"require,explode" maxItems:"16" doc:"labels that their pnodes have (repeatable)"`
	Apart      bool      `query:"apart" doc:"no two of them on one pnode"`
	BestEffort bool      `query:"bestEffort" doc:"for a best-effort cluster, to which nobody yields"`
}

type fitsInput struct{ Body cluster.Spec }

type earliestInput struct {
	Within float64 `query:"within" doc:"how far ahead to look, in seconds from now (30 days)"`
	Body   cluster.Spec
}

// usualWithin is how far ahead a start is looked for, in seconds.
const usualWithin = 30 * 24 * 3600

func (s *Server) registerQuestions(api huma.API) {
	const tag = "calendar"
	free := operation(http.MethodGet, "/v1/calendar/free", "get-free", tag, "Tell what is free in a window")
	free.Description = "What is free at every second that a cluster with that window would hold: in all, and how many vnodes of a size; " +
		"and what best-effort clusters hold beside that and would yield. " +
		"The provider also sees what each pnode has free."
	handle(s, api, free, func(ctx context.Context, p manager.Principal, in *freeInput) (manager.Free, error) {
		return s.Manager.Free(ctx, p, manager.FreeQuestion{From: in.From, To: in.To, Vnode: cluster.Group{
			Appliance: in.Appliance, Count: in.Count, CPUs: in.CPUs, MemoryMiB: in.MemoryMiB, DiskMiB: in.DiskMiB,
			Require: in.Require, Apart: in.Apart,
		}, BestEffort: in.BestEffort})
	})
	fits := operation(http.MethodPost, "/v1/calendar/fits", "ask-fits", tag, "Tell whether a cluster could be booked")
	fits.Description = "Nothing is booked. That it cannot be booked is an answer, with status 200 and all reasons; what is wrong with the question is a problem."
	handle(s, api, fits, func(ctx context.Context, p manager.Principal, in *fitsInput) (manager.Answer, error) {
		return s.Manager.Fits(ctx, p, in.Body)
	})
	earliest := operation(http.MethodPost, "/v1/calendar/earliest", "ask-earliest", tag, "Tell when a cluster could start first")
	earliest.Description = "The first start, not before the specification's own, at which it could be booked for its length. Nothing is booked."
	handle(s, api, earliest, func(ctx context.Context, p manager.Principal, in *earliestInput) (manager.Answer, error) {
		if in.Within == 0 {
			in.Within = usualWithin
		}
		return s.Manager.Earliest(ctx, p, in.Body, seconds(in.Within))
	})
	handle(s, api, operation(http.MethodGet, "/v1/clusters/{name}/why", "get-cluster-why", tag, "Tell why a cluster is where and when it is"),
		func(ctx context.Context, p manager.Principal, in *clusterPath) (manager.Why, error) {
			return s.Manager.WhyCluster(ctx, p, in.Name)
		})
}

// Free says what is free in a window.
func (c *Client) Free(ctx context.Context, q manager.FreeQuestion) (manager.Free, error) {
	u := c.link.Address("v1", "calendar", "free")
	v := url.Values{"require": q.Vnode.Require}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	for name, n := range map[string]int{"count": q.Vnode.Count, "cpus": q.Vnode.CPUs, "memoryMiB": q.Vnode.MemoryMiB, "diskMiB": q.Vnode.DiskMiB} {
		if n != 0 {
			v.Set(name, strconv.Itoa(n))
		}
	}
	if q.Vnode.Appliance != "" {
		v.Set("appliance", q.Vnode.Appliance)
	}
	if q.Vnode.Apart {
		v.Set("apart", "true")
	}
	if q.BestEffort {
		v.Set("bestEffort", "true")
	}
	u.RawQuery = v.Encode()
	return get[manager.Free](ctx, c, u)
}

// Fits says whether a cluster could be booked; that it could not is no error.
func (c *Client) Fits(ctx context.Context, spec cluster.Spec) (manager.Answer, error) {
	return post[manager.Answer](ctx, c, c.link.Address("v1", "calendar", "fits"), spec)
}

// Earliest says when a cluster could start first, within so long from now.
func (c *Client) Earliest(ctx context.Context, spec cluster.Spec, within time.Duration) (manager.Answer, error) {
	u := with(c.link.Address("v1", "calendar", "earliest"), "within", strconv.FormatFloat(within.Seconds(), 'f', -1, 64))
	return post[manager.Answer](ctx, c, u, spec)
}

// WhyCluster says why a cluster is where and when it is.
func (c *Client) WhyCluster(ctx context.Context, name string) (manager.Why, error) {
	return get[manager.Why](ctx, c, c.link.Address("v1", "clusters", name, "why"))
}
