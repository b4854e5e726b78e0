package manager

import (
	"fmt"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/quota"
)

// explainChange tells why a change was refused for lack of room, and what
// could be instead.
func (m *Manager) explainChange(e *edit, refusal *calendar.Refusal) error {
	out := Refusal{Alternatives: []Alternative{}}
	err := m.ledger.Try(func(c *calendar.Calendar) error {
		why := c.ExplainStay(&calendar.Refusal{Request: refusal.Request, Stay: refusal.Stay})
		if why == nil {
			return errRoom
		}
		out.Certain, out.Reasons = why.Certain, why.Reasons
		return nil
	})
	if err != nil {
		return err
	}
	var l fault.List
	for _, why := range out.Reasons {
		l.Add("", why.Message)
	}
	for _, a := range out.Alternatives {
		l.Add("alternative", fmt.Sprintf("%s: %s", a.Kind, a.Message))
	}
	f := fault.New(fault.Refused, e.title(), l.Details()...)
	f.Refusal = out
	return f
}

// beyond tells which of the tenant's limits a change would exceed.
func (e *edit) beyond(r *quota.Refusal) error {
	var l fault.List
	for _, over := range r.Over {
		l.Add("limit", over.Message)
	}
	f := fault.New(fault.Refused, e.title(), l.Details()...)
	f.Refusal = Refusal{Limits: r.Over, Reasons: []calendar.Reason{}, Alternatives: []Alternative{}}
	return f
}
