// Package ledger keeps the calendar: in memory to decide, in the store to
// last. Every change is part of a transaction of the store and is durable when
// that is; when the transaction fails, the calendar is as it was before. At
// start the calendar is read from the store.
//
// Decisions are made one after the other, by the store's one writer, which
// commits those that wait together. Questions are answered at the same time;
// they may see a booking that is about to become durable.
package ledger

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/store"
)

// Ledger is the calendar of one site. Its methods may be called at the same
// time; those that take a transaction within an Update only.
type Ledger struct {
	mu  sync.RWMutex
	cal *calendar.Calendar
}

// Open reads the calendar from the store. Holds that expired while nobody
// looked are dropped.
func Open(tx *store.Tx, site calendar.Site, now time.Time) (*Ledger, error) {
	cal, err := calendar.New(site)
	if err != nil {
		return nil, err
	}
	l := &Ledger{cal: cal}
	l.cal.Advance(now)
	bookings, err := tx.Bookings()
	if err != nil {
		return nil, err
	}
	for _, b := range bookings {
		if err := l.cal.Put(b); err != nil {
			return nil, fmt.Errorf("read booking %s: %w", b.Request.ID, err)
		}
	}
	return l, l.advance(tx, now)
}

// advance lets time pass and forgets the holds that expired.
func (l *Ledger) advance(tx *store.Tx, now time.Time) error {
	for _, id := range l.cal.Advance(now) {
		if err := tx.DeleteBooking(id); err != nil {
			return err
		}
	}
	return nil
}

// Change does one operation on one booking, and writes down what became of it.
// When do returns an error the booking is as it was.
func (l *Ledger) Change(tx *store.Tx, now time.Time, id string, do func(*calendar.Calendar) error) error {
	return l.ChangeAll(tx, now, []string{id}, do)
}

// ChangeAll is Change for an operation on several bookings.
func (l *Ledger) ChangeAll(tx *store.Tx, now time.Time, ids []string, do func(*calendar.Calendar) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.advance(tx, now); err != nil {
		return err
	}
	before := make([]state, len(ids))
	for i, id := range ids {
		before[i] = l.state(id)
	}
	if err := do(l.cal); err != nil {
		l.restore(before)
		return err
	}
	tx.Undo(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.restore(before)
	})
	for i, id := range ids {
		switch after := l.state(id); {
		case !after.is:
			if err := tx.DeleteBooking(id); err != nil {
				return err
			}
		case !reflect.DeepEqual(before[i], after):
			if err := tx.PutBooking(after.booking); err != nil {
				return err
			}
		}
	}
	return nil
}

// state is one booking at an instant.
type state struct {
	id      string
	booking calendar.Booking
	is      bool
}

func (l *Ledger) state(id string) state {
	b, is := l.cal.Booking(id)
	return state{id, b, is}
}

// restore makes bookings what they were.
func (l *Ledger) restore(before []state) {
	for _, was := range before {
		if reflect.DeepEqual(l.state(was.id), was) {
			continue
		}
		l.cal.Remove(was.id)
		if was.is {
			_ = l.cal.Put(was.booking) // it was there: it is complete
		}
	}
}

// Book admits a request, or returns a bare *calendar.Refusal: ask Explain.
func (l *Ledger) Book(tx *store.Tx, now time.Time, req calendar.Request) (plan calendar.Plan, err error) {
	err = l.Change(tx, now, req.ID, func(c *calendar.Calendar) error {
		plan, err = c.Book(req)
		return err
	})
	return plan, err
}

// Put takes a booking as it is, whether it fits or not.
func (l *Ledger) Put(tx *store.Tx, now time.Time, b calendar.Booking) error {
	return l.Change(tx, now, b.Request.ID, func(c *calendar.Calendar) error { return c.Put(b) })
}

// Remove drops a booking; none is no error.
func (l *Ledger) Remove(tx *store.Tx, now time.Time, id string) error {
	return l.Change(tx, now, id, func(c *calendar.Calendar) error {
		c.Remove(id)
		return nil
	})
}

// SetPnodes tells what pnodes there are and how they are. They are known to
// the store already.
func (l *Ledger) SetPnodes(pnodes []calendar.Pnode) error {
	l.mu.RLock()
	same := slices.EqualFunc(l.cal.Site().Pnodes, pnodes, calendar.Pnode.Equal)
	l.mu.RUnlock()
	if same {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cal.SetPnodes(pnodes)
}

// SetPnode tells how one pnode is, known or new.
func (l *Ledger) SetPnode(p calendar.Pnode) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	pnodes := slices.Clone(l.cal.Site().Pnodes)
	i := slices.IndexFunc(pnodes, func(old calendar.Pnode) bool { return old.Name == p.Name })
	if i < 0 {
		pnodes = append(pnodes, p)
	} else if pnodes[i].Equal(p) {
		return nil
	} else {
		pnodes[i] = p
	}
	return l.cal.SetPnodes(pnodes)
}

// Ask lets f look at the calendar. It must not change it, nor keep it.
func (l *Ledger) Ask(f func(*calendar.Calendar)) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	f(l.cal)
}

// Booking returns one booking.
func (l *Ledger) Booking(id string) (b calendar.Booking, ok bool) {
	l.Ask(func(c *calendar.Calendar) { b, ok = c.Booking(id) })
	return b, ok
}

// Try changes the calendar in memory only, for measuring.
func (l *Ledger) Try(f func(*calendar.Calendar) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return f(l.cal)
}
