package calendar

import (
	"fmt"
	"slices"
	"time"

	"quarry/internal/fault"
)

// Shorten moves the end of a booking earlier. Nothing moves, and it is never
// refused for lack of room.
func (c *Calendar) Shorten(id string, end time.Time) (Change, error) {
	old, err := c.find(id)
	if err != nil {
		return Change{}, err
	}
	req := old.Request.clone()
	var l fault.List
	if !end.Before(req.End) {
		l.Add("end", fmt.Sprintf("%s is not before the end that is booked, %s: extend it instead", stamp(end), stamp(req.End)))
	}
	if !end.After(req.Start) {
		l.Add("end", fmt.Sprintf("%s is not after the start, %s: cancel it instead", stamp(end), stamp(req.Start)))
	}
	if err := l.Err(fault.Invalid, "the booking cannot be shortened"); err != nil {
		return Change{}, err
	}
	req.End = end.UTC()
	return c.giveBack(old, req, old.Vnodes), nil
}

// Shrink gives the named vnodes back. Nothing moves, and it is never refused
// for lack of room.
func (c *Calendar) Shrink(id string, vnodes ...string) (Change, error) {
	old, err := c.find(id)
	if err != nil {
		return Change{}, err
	}
	var l fault.List
	if len(vnodes) == 0 {
		l.Add("vnodes", "no vnode was named")
	}
	for _, name := range vnodes {
		if !slices.ContainsFunc(old.Vnodes, func(v Vnode) bool { return v.Name == name }) {
			l.Add("vnodes", fmt.Sprintf("the cluster has no vnode %q", name))
		}
	}
	req := old.Request.clone()
	req.drop(vnodes)
	if len(req.Groups) == 0 {
		l.Add("vnodes", "nothing would be left: cancel the booking instead")
	}
	if err := l.Err(fault.Invalid, "the booking cannot be shrunk"); err != nil {
		return Change{}, err
	}
	stay := slices.DeleteFunc(slices.Clone(old.Vnodes), func(v Vnode) bool { return slices.Contains(vnodes, v.Name) })
	return c.giveBack(old, req, stay), nil
}

// drop takes vnodes out of the request's groups.
func (r *Request) drop(vnodes []string) {
	for i := range r.Groups {
		g := &r.Groups[i]
		g.nameAll()
		g.Names = slices.DeleteFunc(g.Names, func(n string) bool { return slices.Contains(vnodes, n) })
		g.Count = len(g.Names)
	}
	r.Groups = slices.DeleteFunc(r.Groups, func(g Group) bool { return g.Count == 0 })
}

func (c *Calendar) giveBack(old *entry, req Request, vnodes []Vnode) Change {
	next := old.Booking
	next.Request, next.Vnodes = req, vnodes
	_, to := req.held()
	next.To = second(to)
	c.take(old)
	return Change{Before: old.Booking, After: c.adopt(next).Booking}
}
