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
	m.ledger.Ask(func(c *calendar.Calendar) { site, bookings = c.Site(), c.Bookings() })
	state := map[string]string{}
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		live, err := tx.LiveStates()
		if err != nil {
			return err
		}
		for id, s := range live {
			state[id] = string(s)
		}
		past, err := tx.PastBookings(look.From, look.To, maxPast)
		known := map[string]bool{}
		for _, b := range bookings {
			known[b.Request.ID] = true
		}
		for _, b := range past {
			state[b.Request.ID] = string(b.State)
			if !known[b.Request.ID] { // it ended between the two looks
				bookings = append(bookings, b.Booking)
			}
		}
		return err
	})
	if err != nil {
		return calendar.Overview{}, err
	}
	o, err := calendar.Survey(site, bookings, look)
	for i := range o.Bookings {
		o.Bookings[i].State = state[o.Bookings[i].ID]
	}
	return o, err
}
