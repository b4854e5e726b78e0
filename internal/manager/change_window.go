package manager

import (
	"fmt"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// lastCall is how long before its end a begun cluster can still be extended:
// its pnodes end it by themselves and have to hear of it before.
const lastCall = 10 * time.Second

func (e *edit) completeEnd(l *fault.List) {
	c := &e.c
	switch {
	case e.By < 0:
		l.Add("by", fmt.Sprintf("%s is negative", e.By))
		return
	case (e.By > 0) == !e.End.IsZero():
		l.Add("end", "give either an end or by how much")
		return
	case e.By > 0 && e.Operation == Extend:
		e.End = c.End.Add(e.By)
	case e.By > 0:
		e.End = c.End.Add(-e.By)
	}
	e.End = e.End.UTC().Truncate(time.Second)
	if e.Operation == Shorten {
		e.completeShorten(l)
		return
	}
	if !e.End.After(c.End) {
		l.Add("end", fmt.Sprintf("%s is not after the end that is booked, %s: shorten it instead", stampOf(e.End), stampOf(c.End)))
	}
	if e.End.Sub(c.Start) > cluster.MaxWindow {
		l.Add("end", fmt.Sprintf("a window of %s is longer than %s", e.End.Sub(c.Start), cluster.MaxWindow))
	}
	if left := c.End.Sub(e.now); c.State.Begun() && left < lastCall {
		l.Add("end", fmt.Sprintf("it ends in %s, and its pnodes have to hear of a later end %s before: it is too late", left.Round(time.Second), lastCall))
	}
}

func (e *edit) completeShorten(l *fault.List) {
	c := &e.c
	if !e.End.Before(c.End) {
		l.Add("end", fmt.Sprintf("%s is not before the end that is booked, %s: extend it instead", stampOf(e.End), stampOf(c.End)))
	}
	if !e.End.After(c.Start) {
		l.Add("end", fmt.Sprintf("%s is not after the start, %s: cancel it instead", stampOf(e.End), stampOf(c.Start)))
	}
	if !e.End.After(e.now) {
		l.Add("end", fmt.Sprintf("%s is not after now, %s: end it instead", stampOf(e.End), stampOf(e.now)))
	}
}

func (e *edit) completeMove(l *fault.List) {
	c := &e.c
	if e.Start.IsZero() {
		e.Start = c.Start
	}
	e.Start = e.Start.UTC().Truncate(time.Second)
	switch {
	case e.By < 0 || e.By > 0 && !e.End.IsZero():
		l.Add("by", "give either an end or a length that is not negative")
	case e.By > 0:
		e.End = e.Start.Add(e.By)
	case e.End.IsZero():
		e.End = e.Start.Add(c.End.Sub(c.Start))
	}
	e.End = e.End.UTC().Truncate(time.Second)
	if e.Start.Before(e.now.Truncate(time.Second)) {
		l.Add("start", fmt.Sprintf("%s is in the past (it is %s)", stampOf(e.Start), stampOf(e.now)))
	}
	if !e.End.After(e.Start) {
		l.Add("end", fmt.Sprintf("end %s is not after start %s", stampOf(e.End), stampOf(e.Start)))
	}
	if e.End.Sub(e.Start) > cluster.MaxWindow {
		l.Add("end", fmt.Sprintf("a window of %s is longer than %s", e.End.Sub(e.Start), cluster.MaxWindow))
	}
	if lead := c.Start.Sub(c.PrepareAt); c.HoldUntil != nil && c.HoldUntil.After(e.Start.Add(-lead)) {
		l.Add("start", holdTooLong(*c.HoldUntil, e.Start.Add(-lead), e.Start))
	}
	e.nothing = e.Start.Equal(c.Start) && e.End.Equal(c.End)
}

func (e *edit) settleWindow() {
	c := &e.c
	if !c.State.Begun() {
		planned(c, e.result.After.Plan)
	}
	was := fmt.Sprintf("from %s to %s", stampOf(c.Start), stampOf(c.End))
	if e.Operation == Move {
		c.Start, c.Spec.Start, c.Spec.StartMode = e.Start, e.Start, cluster.StartAt
	}
	c.End, c.Spec.End, c.Spec.Duration = e.End, e.End, 0
	e.message = fmt.Sprintf("%s by request: it was %s, it is from %s to %s", done[e.Operation], was, stampOf(c.Start), stampOf(c.End))
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
