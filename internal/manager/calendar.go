package manager

import (
	"context"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// maxPast bounds how many clusters that are over are shown at once.
const maxPast = 2000

// Calendar shows the site over a window: a tenant sees its own clusters by
// name and others' as sizes only, the provider sees all.
func (m *Manager) Calendar(ctx context.Context, p Principal, look calendar.Look) (calendar.Overview, error) {
	if p.Role != RoleProvider && p.Role != RoleTenant {
		return calendar.Overview{}, fault.New(fault.Forbidden, "not allowed", fault.Detail{Message: "the calendar is for tenants and the provider"})
	}
	look.Now, look.Tenant = m.Now().UTC().Truncate(time.Second), p.Tenant
	if err := look.Check(); err != nil {
		return calendar.Overview{}, err
	}
	var site calendar.Site
	var bookings []calendar.Booking
	m.ledger.Ask(func(c *calendar.Calendar) { site, bookings = c.Site(), c.BookingsIn(look.From, look.To) })
	var o calendar.Overview
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		past, err := tx.PastBookings(look.From, look.To, maxPast)
		if err != nil {
			return err
		}
		if o, err = calendar.Survey(site, joinBookings(bookings, past), look); err != nil {
			return err
		}
		return readStates(tx, o.Bookings)
	})
	return o, err
}

// joinBookings adds what is over. A cluster that ended between the two looks is
// in both.
func joinBookings(list, past []calendar.Booking) []calendar.Booking {
	known := make(map[string]bool, len(list))
	for _, b := range list {
		known[b.Request.ID] = true
	}
	for _, b := range past {
		if !known[b.Request.ID] {
			list = append(list, b)
		}
	}
	return list
}

// readStates fills in the states of the clusters that are shown by name.
func readStates(tx *store.Tx, list []calendar.BookingOverview) error {
	var ids []string
	for _, b := range list {
		if b.Own {
			ids = append(ids, b.ID)
		}
	}
	states, err := tx.States(ids)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].State = string(states[list[i].ID])
	}
	return nil
}
