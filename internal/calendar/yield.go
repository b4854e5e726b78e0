package calendar

import (
	"errors"
	"time"
)

// Cut is what became of a best-effort booking that gave room up.
type Cut struct {
	Before Booking `json:"before"`
	// End is when its window ends by now. When that is not after its start, or
	// not after now, the cluster is given up as a whole.
	End time.Time `json:"end"`
}

// BestEffort lists the bookings that yield, by their IDs, in no order.
func (c *Calendar) BestEffort() []string {
	ids := make([]string, 0, len(c.yielding))
	for id := range c.yielding {
		ids = append(ids, id)
	}
	return ids
}

// Yield does an operation on the booking id, which others' best-effort bookings
// may stand in the way of: as many of those end early as it takes, and no more.
// None of them could stay as it was, given the others that do. Those named
// first in keep stay first; what is not named, or not best effort, always stays.
//
// They give room up from the instant on at which the operation needs some: they
// are stopped and wiped by then. One that is prepared or running at now cannot
// be before its wiping is over, and is left alone when that is too late.
//
// The operation is done several times, and changes the one booking only.
// Anything but a *Refusal ends the attempt. With an error nothing has changed.
func (c *Calendar) Yield(id string, keep []string, now, from time.Time, do func() error) ([]Cut, error) {
	y := yielder{c: c, id: id, do: do, now: floorSecond(now), from: floorSecond(from)}
	err := y.once()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return nil, err
	}
	for _, other := range keep {
		if e := c.bookings[other]; e != nil && other != id && y.may(e) {
			y.cuts = append(y.cuts, cut{old: e})
		}
	}
	if len(y.cuts) == 0 {
		return nil, err
	}
	for i := range y.cuts {
		y.cut(i)
	}
	if trial := y.try(); trial != nil {
		y.restoreAll()
		if errors.As(trial, &refusal) {
			return nil, err // as it was without any cut
		}
		return nil, trial
	}
	for y.restoreSome() {
	}
	if err := y.once(); err != nil { // it did just before
		y.restoreAll()
		return nil, err
	}
	return y.told(), nil
}

// Vacated lets look see the calendar as it is for who makes best-effort
// bookings yield: all of them end at now, those that are prepared or running
// once they are wiped. Whatever window is looked at, it has the room that Yield
// could make for it. look must leave the bookings as they are; the calendar is
// as it was afterwards, and is needed for itself meanwhile.
func (c *Calendar) Vacated(now time.Time, look func()) {
	y := yielder{c: c, now: floorSecond(now), from: floorSecond(now)}
	for id := range c.yielding {
		y.cuts = append(y.cuts, cut{old: c.bookings[id]})
	}
	for i := range y.cuts {
		y.cut(i)
	}
	defer y.restoreAll()
	look()
}

// yielder cuts best-effort bookings on trial.
type yielder struct {
	c         *Calendar
	id        string
	do        func() error
	now, from int64
	cuts      []cut // those to keep longest first
}

// cut is one booking as it was, and as it is while it is cut.
type cut struct {
	old    *entry
	next   *entry // nil for nothing
	active bool
}

// may reports whether a booking can give up room in time.
func (y *yielder) may(e *entry) bool {
	wiped := y.now + wipeSeconds(e)
	return e.Request.BestEffort && e.to > y.from && (e.from > y.now || wiped <= y.from)
}

func wipeSeconds(e *entry) int64 { return int64((e.Request.Wipe + time.Second - 1) / time.Second) }

// end is when the window of a booking ends so that it is wiped by from.
func (y *yielder) end(e *entry) int64 {
	return min(max(y.from-wipeSeconds(e), y.now), floorSecond(e.Request.End))
}

// cut ends a booking early.
func (y *yielder) cut(i int) {
	k := &y.cuts[i]
	e, end := k.old, y.end(k.old)
	y.c.take(e)
	k.active, k.next = true, nil
	begun := e.from <= y.now
	next := e.Booking
	switch {
	case end > floorSecond(e.Request.Start):
		next.Request.End = second(end)
		next.To = second(end + wipeSeconds(e))
	case begun: // it is given up, and has still to be wiped
		next.To = second(y.now + wipeSeconds(e))
	default:
		return
	}
	if next.To.After(e.To) {
		next.To = e.To
	}
	k.next = y.c.adopt(next)
}

// restore gives a booking back what it had.
func (y *yielder) restore(i int) {
	k := &y.cuts[i]
	if !k.active {
		return
	}
	if k.next != nil {
		y.c.take(k.next)
	}
	y.c.put(k.old)
	k.active, k.next = false, nil
}

func (y *yielder) restoreAll() {
	for i := range y.cuts {
		y.restore(i)
	}
}

// restoreSome gives every booking back what it had that is not needed, those to
// keep first, and reports whether there was any.
func (y *yielder) restoreSome() (some bool) {
	for i := range y.cuts {
		if !y.cuts[i].active {
			continue
		}
		y.restore(i)
		if y.try() != nil {
			y.cut(i)
			continue
		}
		some = true
	}
	return some
}

// once does the operation; when it fails its booking is as it was.
func (y *yielder) once() error {
	old := y.c.bookings[y.id]
	err := y.do()
	if err != nil {
		y.undo(old)
	}
	return err
}

// try does the operation and undoes it again.
func (y *yielder) try() error {
	old := y.c.bookings[y.id]
	err := y.do()
	y.undo(old)
	return err
}

func (y *yielder) undo(old *entry) {
	e := y.c.bookings[y.id]
	if e == old {
		return
	}
	if e != nil {
		y.c.take(e)
	}
	if old != nil {
		y.c.put(old)
	}
}

// told is what became of those that stay cut.
func (y *yielder) told() []Cut {
	var list []Cut
	for _, k := range y.cuts {
		if k.active {
			list = append(list, Cut{Before: k.old.Booking, End: second(y.end(k.old))})
		}
	}
	return list
}

// NeededFrom is the instant from which on a request that was refused needs more
// than its booking, if there is one, has already.
func (c *Calendar) NeededFrom(r *Refusal) time.Time {
	from, to := r.Request.held()
	from = max(from, c.now)
	old := c.bookings[r.Request.ID]
	if old != nil && old.Request.Start.Equal(r.Request.Start) && old.to < to && old.Request.total() >= r.Request.total() {
		from = max(from, old.to) // extended
	}
	return second(from)
}
