package manager

import (
	"context"
	"errors"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/ledger"
	"quarry/internal/quota"
	"quarry/internal/store"
)

// openLedger reads the calendar and brings it in step with the clusters,
// whatever an older manager left behind.
func (m *Manager) openLedger(tx *store.Tx) error {
	now := m.Now().UTC()
	rows, err := tx.Pnodes()
	if err != nil {
		return err
	}
	site := calendar.Site{Pnodes: m.calendarPnodes(rows), Pools: m.site.pools()}
	if m.ledger, err = ledger.Open(tx, site, now); err != nil {
		return err
	}
	live, err := tx.Clusters(store.ClusterFilter{Live: true})
	if err != nil {
		return err
	}
	stray := map[string]bool{}
	m.ledger.Ask(func(c *calendar.Calendar) {
		for _, b := range c.Bookings() {
			stray[b.Request.ID] = true
		}
	})
	for _, c := range live {
		delete(stray, c.ID)
		if err := m.keep(tx, c, now); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(stray) {
		if err := m.ledger.Remove(tx, now, id); err != nil {
			return err
		}
	}
	return nil
}

// keep makes the calendar hold what a cluster holds. A cluster that is over
// holds nothing, nor does a hold that is, one that is not wiped yet holds on after its end.
func (m *Manager) keep(tx *store.Tx, c cluster.Cluster, now time.Time) error {
	if !store.Live(c) || c.HoldUntil != nil && !now.Before(*c.HoldUntil) {
		return m.ledger.Remove(tx, now, c.ID)
	}
	want := bookingOf(c, now)
	if have, ok := m.ledger.Booking(c.ID); ok && sameBooking(have, want) {
		return nil
	}
	return m.ledger.Put(tx, now, want)
}

func sameBooking(a, b calendar.Booking) bool {
	return a.Started == b.Started && a.Expires.Equal(b.Expires) && a.Request.Start.Equal(b.Request.Start) && a.To.Equal(b.To) &&
		slices.Equal(a.Vnodes, b.Vnodes) && slices.Equal(a.Units, b.Units)
}

// keepOn lets a cluster hold on that should be wiped by now and is not.
func (m *Manager) keepOn(ctx context.Context, c cluster.Cluster, now time.Time) error {
	if b, ok := m.ledger.Booking(c.ID); ok && b.To.After(now) {
		return nil
	}
	return m.Store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.ClusterByID(c.ID)
		if err != nil {
			return err
		}
		return m.keep(tx, c, now)
	})
}

// errRoom is a refusal that did not hold any more when it was to be explained.
var errRoom = errors.New("there is room by now")

// explain tells why a request was refused and what could be instead, outside
// of any transaction: it takes longer than deciding.
func (m *Manager) explain(ctx context.Context, b *booking, req calendar.Request) error {
	var a allowance
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		a, err = allowanceOf(transaction{m, tx, b.now}, b.tenant, b.now)
		return err
	})
	if err != nil {
		return err
	}
	var refusal *calendar.Refusal
	var over []quota.Excess
	m.consider(b.now, req.BestEffort, func(c *calendar.Calendar, vacated func(func())) {
		var limit calendar.Limit = calendar.Unlimited{}
		if use := a.limit(c, req.ID); use != nil {
			over, limit = use.Check(nil, quota.ClaimOf(req)), use
		}
		vacated(func() { refusal = c.ExplainWithin(limit, req, b.now, b.horizon()) }) // who yields is not in the way
	})
	if refusal == nil {
		return errRoom
	}
	return b.refused(refusal, over)
}

// refusedRequest is what a refusal of the calendar, or of the tenant's limits,
// was about.
func refusedRequest(err error) (req calendar.Request, refused bool) {
	if r, ok := errors.AsType[*calendar.Refusal](err); ok {
		return r.Request, true
	}
	if r, ok := errors.AsType[*quota.Refusal](err); ok {
		return r.Request, true
	}
	return req, false
}

// tries is how often a booking is tried that was refused while others gave
// their room back.
const tries = 3

// book admits the cluster in one transaction, or says why not.
func (m *Manager) book(ctx context.Context, p Principal, b *booking, dryRun bool) error {
	for range tries {
		err := m.Store.Update(ctx, func(tx *store.Tx) error {
			if err := m.admit(tx, b); err != nil {
				return err
			}
			if dryRun {
				return errDryRun
			}
			if err := b.insert(tx); err != nil {
				return err
			}
			return p.answered(tx, b.c)
		})
		if req, refused := refusedRequest(err); refused {
			err = m.explain(ctx, b, req)
		}
		if !errors.Is(err, errRoom) {
			return err
		}
	}
	return fault.New(fault.Unavailable, refusedTitle, fault.Detail{Message: "others book and cancel at the same moment: try again"})
}
