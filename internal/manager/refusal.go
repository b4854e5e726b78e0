package manager

import (
	"fmt"
	"slices"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// Refusal is why the calendar has no room for a cluster and what it has room
// for, for programs to read.
type Refusal struct {
	// Certain is set when no placement at all exists in that window.
	Certain bool `json:"certain"`
	// Limits are the tenant's limits that it would exceed.
	Limits       []quota.Excess    `json:"limits,omitempty"`
	Reasons      []calendar.Reason `json:"reasons"`
	Alternatives []Alternative     `json:"alternatives"`
}

// Alternative is something that can be had instead: each change of the cluster
// that was to be changed, then each specification as it is, one after the other.
type Alternative struct {
	Kind    calendar.Kind  `json:"kind"`
	Message string         `json:"message"`
	Changes []Change       `json:"changes,omitempty"`
	Specs   []cluster.Spec `json:"specs,omitempty"`
}

// refused tells why, and what could be booked instead.
func (b *booking) refused(r *calendar.Refusal, over []quota.Excess) error {
	out := Refusal{Certain: r.Certain, Limits: over, Reasons: r.Reasons, Alternatives: []Alternative{}}
	if out.Reasons == nil {
		out.Reasons = []calendar.Reason{}
	}
	var l fault.List
	for _, e := range over {
		l.Add("limit", e.Message)
	}
	for _, why := range r.Reasons {
		field := "spec.nodes"
		if why.Pool != "" {
			field = ""
		}
		l.Add(field, why.Message)
	}
	for _, a := range r.Alternatives {
		alternative := Alternative{Kind: a.Kind, Message: a.Message}
		for _, req := range a.Requests {
			alternative.Specs = append(alternative.Specs, specOf(b.c.Spec, req))
		}
		out.Alternatives = append(out.Alternatives, alternative)
		l.Add("alternative", fmt.Sprintf("%s: %s", a.Kind, a.Message))
	}
	if !slices.ContainsFunc(r.Alternatives, func(a calendar.Alternative) bool { return a.Kind == calendar.Later }) {
		l.Add("spec.nodes", fmt.Sprintf("as a whole it does not fit at any time in the next %d days, with the pnodes as they are now", int(b.horizon().Sub(b.now).Hours()/24)))
	}
	if len(r.Alternatives) == 0 {
		l.Add("alternative", "none: no part of it, however small, fits within that time either")
	}
	f := fault.New(fault.Refused, refusedTitle, l.Details()...)
	f.Refusal = out
	return f
}

// specOf is the specification that asks for an alternative.
func specOf(spec cluster.Spec, req calendar.Request) cluster.Spec {
	spec.Name = req.Name
	spec.StartMode, spec.Start, spec.End, spec.Duration = cluster.StartAt, req.Start, req.End, 0
	spec.Policy, spec.Together = req.Policy, req.Together
	asked := spec
	spec.Nodes = nil
	for _, g := range req.Groups {
		given := func(label string) bool { return !slices.Contains(g.Require, label) }
		spec.Nodes = append(spec.Nodes, cluster.Group{
			Appliance: g.Appliance, Count: g.Count, CPUs: g.Size.CPUs, MemoryMiB: g.Size.MemoryMiB, DiskMiB: g.Size.DiskMiB,
			Require: slices.DeleteFunc(slices.Clone(asked.Group(g.Appliance).Require), given), Prefer: g.Prefer, Apart: g.Apart,
		})
	}
	spec.Nodes = slices.Clip(spec.Nodes)
	return spec
}
