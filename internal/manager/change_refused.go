package manager

import (
	"context"
	"fmt"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/quota"
	"quarry/internal/store"
)

// explainChange tells why a change was refused, for lack of room or by the
// tenant's limits, and what could be had instead.
func (m *Manager) explainChange(ctx context.Context, e *edit, req calendar.Request, over []quota.Excess) error {
	var a allowance
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		a, err = allowanceOf(transaction{m, tx, e.now}, e.c.Tenant, e.now)
		return err
	})
	if err != nil {
		return err
	}
	out := Refusal{Limits: over, Reasons: []calendar.Reason{}, Alternatives: []Alternative{}}
	err = m.ledger.Try(func(c *calendar.Calendar) error {
		before, ok := c.Booking(e.c.ID)
		if !ok {
			return errRoom
		}
		if len(over) == 0 {
			why := &calendar.Refusal{Request: req}
			if e.before.State.Begun() {
				why.Stay = before.Vnodes
			}
			if why = c.ExplainStay(why); why == nil {
				return errRoom
			}
			out.Certain, out.Reasons = why.Certain, why.Reasons
		}
		s := seeker{c: c, e: e, before: before, req: req, use: a.limit(c, e.c.ID)}
		out.Alternatives = append(out.Alternatives, s.alternatives()...)
		return nil
	})
	if err != nil {
		return err
	}
	var l fault.List
	for _, o := range over {
		l.Add("limit", o.Message)
	}
	for _, why := range out.Reasons {
		l.Add("", why.Message)
	}
	for _, alternative := range out.Alternatives {
		l.Add("alternative", fmt.Sprintf("%s: %s", alternative.Kind, alternative.Message))
	}
	f := fault.New(fault.Refused, e.title(), l.Details()...)
	f.Refusal = out
	return f
}
