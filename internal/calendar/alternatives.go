package calendar

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"time"
)

// Alternative is something that can be booked instead: each of its requests
// as it is, one after the other.
type Alternative struct {
	Kind     Kind      `json:"kind"`
	Message  string    `json:"message"`
	Requests []Request `json:"requests"`
}

// Kind is in which way an alternative differs.
type Kind string

// The kinds of alternatives.
const (
	Later   Kind = "later"   // another start
	Fewer   Kind = "fewer"   // fewer vnodes
	Smaller Kind = "smaller" // smaller vnodes
	Relaxed Kind = "relaxed" // another policy, or without a wish
	Split   Kind = "split"   // two clusters, one after the other
	Shorter Kind = "shorter" // an earlier end
)

// An Explain stops looking when it has mostAlternatives; with fewer than
// leastAlternatives it also tries what differs in two ways.
const (
	leastAlternatives = 3
	mostAlternatives  = 4
)

// finder gathers alternatives to one refused request. Each is placed on the
// calendar as it is before it is offered.
type finder struct {
	c       *Calendar
	req     Request
	got     []int     // vnodes of each group that fit
	view    *view     // of the window asked for
	certain bool      // no placement exists
	part    *Request  // what of it fits at the time asked for, once that is known
	first   time.Time // that it can be ready for
	horizon time.Time
	limit   Limit
	beyond  bool // of the limit, in the window asked for
	list    []Alternative
}

func newFinder(c *Calendar, t *trial, limit Limit, now, horizon time.Time) *finder {
	f := &finder{c: c, req: t.req.clone(), got: slices.Clone(t.got), view: t.view, certain: t.certain(), horizon: horizon, limit: limit}
	f.first = now.Add(t.req.Prepare)
	if f.first.Before(t.req.Start) {
		f.first = t.req.Start
	}
	return f
}

func (f *finder) look() []Alternative {
	for _, look := range []func(){f.later, f.fewer, f.smaller, f.relaxed, f.shorter} {
		if len(f.list) < mostAlternatives {
			look()
		}
	}
	if len(f.list) < leastAlternatives { // last, as it takes a quarter of the time
		f.split()
	}
	for share := 2; len(f.list) < leastAlternatives && share <= 64; share *= 2 {
		f.scaled(share)
	}
	f.vary()
	return f.list
}

// fits reports whether a request can be booked now.
func (f *finder) fits(req Request) bool {
	if !allows(f.limit, req) {
		return false
	}
	t := f.c.try(&req, f.view)
	if t == nil {
		return false
	}
	t.done()
	return true
}

// earliest is the request with the first window in which it fits.
func (f *finder) earliest(req Request, notBefore time.Time) (Request, bool) {
	return f.earliestWithin(f.limit, req, notBefore)
}

func (f *finder) earliestWithin(limit Limit, req Request, notBefore time.Time) (Request, bool) {
	t := f.c.earliestWithin(limit, f.view, req, notBefore, f.horizon)
	if t == nil {
		return req, false
	}
	defer t.done()
	return *t.req, true
}

// offer adds an alternative unless it is there already.
func (f *finder) offer(kind Kind, message string, reqs ...Request) {
	same := func(a Alternative) bool { return reflect.DeepEqual(a.Requests, reqs) }
	for i := range reqs {
		reqs[i].Start, reqs[i].End = reqs[i].Start.UTC(), reqs[i].End.UTC()
	}
	if !slices.ContainsFunc(f.list, same) {
		f.list = append(f.list, Alternative{Kind: kind, Message: message, Requests: reqs})
	}
}

func (f *finder) later() {
	if req, ok := f.earliest(f.req, f.first); ok {
		f.offer(Later, fmt.Sprintf("all of it from %s to %s", stamp(req.Start), stamp(req.End)), req)
	}
}

// fewer takes as many as fit now.
func (f *finder) fewer() {
	if req, ok := f.some(); ok {
		f.offer(Fewer, fmt.Sprintf("%s at the time asked for", f.counts(req)), req)
	}
}

// some is the request cut down to what fits in its own window.
func (f *finder) some() (Request, bool) {
	if f.part != nil {
		return f.part.clone(), true
	}
	req := f.req.clone()
	for g := range req.Groups {
		if f.got[g] < 1 {
			return req, false
		}
		req.Groups[g].cut(f.got[g])
	}
	f.trim(&req)
	for !f.fits(req) { // the rest of the groups may need some of that room
		if !f.halve(&req) {
			return req, false
		}
	}
	f.part = &req
	return req, true
}

// trim cuts the largest groups, one after the other, to as many vnodes as the
// limit allows.
func (f *finder) trim(req *Request) {
	for range req.Groups {
		if allows(f.limit, *req) {
			return
		}
		big := largest(req)
		less := func(n int) Request {
			cut := req.clone()
			cut.Groups[big].cut(n)
			return cut
		}
		n := sort.Search(req.Groups[big].Count-1, func(i int) bool { return !allows(f.limit, less(i+1)) })
		*req = less(max(1, n))
	}
}

// halve cuts the largest group to half of it; false when there is nothing to cut.
func (f *finder) halve(req *Request) bool {
	big := largest(req)
	if req.Groups[big].Count < 2 {
		return false
	}
	req.Groups[big].cut(req.Groups[big].Count / 2)
	return true
}

func largest(req *Request) int {
	big := 0
	for g := range req.Groups {
		if req.Groups[g].Count > req.Groups[big].Count {
			big = g
		}
	}
	return big
}

// cut leaves the first n vnodes of a group.
func (g *Group) cut(n int) {
	if g.Names != nil {
		g.Names = g.Names[:n]
	}
	g.Count = n
}

func (f *finder) counts(req Request) string {
	var parts []string
	for g, group := range req.Groups {
		if was := f.req.Groups[g].Count; was != group.Count {
			parts = append(parts, fmt.Sprintf("%d of %d %s", group.Count, was, group.Appliance))
		}
	}
	if len(parts) == 0 {
		return "all vnodes"
	}
	return strings.Join(parts, " and ")
}

// relaxed gives up what was wished beside the vnodes themselves.
func (f *finder) relaxed() {
	try := func(text string, edit func(*Request)) {
		req := f.req.clone()
		edit(&req)
		if f.fits(req) {
			f.offer(Relaxed, text, req)
		}
	}
	if f.req.Together == RequireRack {
		try("all of it now, in more than one rack", func(r *Request) { r.Together = PreferRack })
	}
	if slices.ContainsFunc(f.req.Groups, func(g Group) bool { return g.Apart }) {
		try("all of it now, several vnodes on one pnode", func(r *Request) {
			for g := range r.Groups {
				r.Groups[g].Apart = false
			}
		})
	}
	f.unlabelled()
	if f.certain {
		return // no policy helps
	}
	other := Pack
	if f.req.Policy == Pack {
		other = Spread
	}
	try(fmt.Sprintf("all of it now with the policy %s", other), func(r *Request) { r.Policy = other })
}

// unlabelled gives up the labels that groups that fall short require, but not
// an uplink: who asks for that cannot do without. It is offered for a later time
// when there is no room now.
func (f *finder) unlabelled() {
	req := f.req.clone()
	var parts []string
	for g := range req.Groups {
		group := &req.Groups[g]
		needs := slices.DeleteFunc(slices.Clone(group.Require), func(l string) bool { return l != Uplink })
		if f.got[g] < group.Count && len(needs) < len(group.Require) {
			given := slices.DeleteFunc(slices.Clone(group.Require), func(l string) bool { return l == Uplink })
			parts = append(parts, fmt.Sprintf("%s without requiring %s", group.Appliance, strings.Join(given, ", ")))
			group.Require = needs
		}
	}
	text := strings.Join(parts, " and ")
	switch {
	case text == "":
	case f.fits(req):
		f.offer(Relaxed, "all of it now, "+text, req)
	default:
		f.whenever(Relaxed, "all of it, "+text+",", req)
	}
}

// split books as many as fit now and the rest when those are over, each with
// what it needs beside the group that falls short.
func (f *finder) split() {
	now, ok := f.some()
	if !ok {
		return
	}
	rest := f.req.clone()
	rest.ID, rest.Name = rest.ID+"-rest", rest.Name+"-rest"
	some := false
	for g := range rest.Groups {
		group := &rest.Groups[g]
		if left := group.Count - now.Groups[g].Count; left > 0 {
			group.cut(left)
			some = true
		}
	}
	if !some || f.c.bookings[rest.ID] != nil {
		return
	}
	after := now.End.Add(now.Wipe).Add(rest.Prepare)
	rest, ok = f.earliestWithin(f.limit.With(now), rest, second(ceilSecond(after)))
	if !ok {
		return
	}
	f.offer(Split, fmt.Sprintf("%s at the time asked for, and the rest as %s from %s to %s",
		f.counts(now), rest.Name, stamp(rest.Start), stamp(rest.End)), now, rest)
}

// shorter tries the longest window that is allowed, then three quarters, a
// half and a quarter of the one asked for.
func (f *finder) shorter() {
	length := f.req.End.Sub(f.req.Start)
	lengths := []time.Duration{length * 3 / 4, length / 2, length / 4}
	if most := f.limit.Longest(); most > 0 && most < length {
		lengths = []time.Duration{most, most * 3 / 4, most / 2, most / 4}
	}
	for _, length := range lengths {
		req := f.req.clone()
		req.End = req.Start.Add(length.Truncate(time.Second))
		if req.End.After(req.Start) && f.fits(req) {
			f.offer(Shorter, fmt.Sprintf("all of it until %s", stamp(req.End)), req)
			return
		}
	}
}

// scaled asks for a share of the vnodes, and for smaller ones, whenever it fits.
func (f *finder) scaled(share int) {
	req := f.req.clone()
	cut := false
	for g := range req.Groups {
		if n := req.Groups[g].Count / share; n >= 1 && n < req.Groups[g].Count {
			req.Groups[g].cut(n)
			cut = true
		}
	}
	if cut {
		f.whenever(Fewer, f.counts(req), req)
	}
	if req, text := f.capped(); text != "" {
		f.whenever(Smaller, text, req)
	}
	if req, text := f.shrunk(max(1, 8/share)); text != "" {
		f.whenever(Smaller, text, req)
	}
}

// vary offers, where there is little to offer, half of the vnodes or of the
// window of what can be had.
func (f *finder) vary() {
	for _, a := range slices.Clone(f.list) {
		if len(f.list) >= leastAlternatives || len(a.Requests) != 1 {
			return
		}
		if less := a.Requests[0].clone(); f.halve(&less) && f.fits(less) {
			f.offer(Fewer, fmt.Sprintf("%s, but %s", a.Message, f.counts(less)), less)
		}
		brief := a.Requests[0].clone()
		brief.End = brief.Start.Add((brief.End.Sub(brief.Start) / 2).Truncate(time.Second))
		if brief.End.After(brief.Start) && f.fits(brief) {
			f.offer(Shorter, fmt.Sprintf("%s, but until %s", a.Message, stamp(brief.End)), brief)
		}
	}
}

func (f *finder) whenever(kind Kind, text string, req Request) {
	if req, ok := f.earliest(req, f.first); ok {
		f.offer(kind, fmt.Sprintf("%s from %s to %s", text, stamp(req.Start), stamp(req.End)), req)
	}
}
