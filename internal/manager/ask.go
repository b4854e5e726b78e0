package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Answer says whether a cluster could be booked, when and where. That it could
// not is an answer too.
type Answer struct {
	Fits bool `json:"fits"`
	// Spec can be booked as it is, until somebody else books.
	Spec      *cluster.Spec    `json:"spec,omitempty"`
	PrepareAt time.Time        `json:"prepareAt,omitzero"`
	Start     time.Time        `json:"start,omitzero"`
	End       time.Time        `json:"end,omitzero"`
	Vnodes    []calendar.Vnode `json:"vnodes,omitempty"`
	// Yielding are the best-effort clusters that would end early for it: none of
	// them could stay given the others that end.
	Yielding []Yielding `json:"yielding,omitempty"`
	// OnTime says whether it would be ready by its start.
	OnTime *cluster.Condition `json:"onTime,omitempty"`
	// Problems are all that stands against it, Refusal the same for programs.
	Problems []fault.Detail `json:"problems,omitempty"`
	Refusal  *Refusal       `json:"refusal,omitempty"`
}

// Fits says whether a cluster could be booked as it is asked for, and books
// nothing. What is wrong with the question itself is an error.
func (m *Manager) Fits(ctx context.Context, p Principal, spec cluster.Spec) (Answer, error) {
	b, err := m.question(p)
	if err != nil {
		return Answer{}, err
	}
	if err := m.prepare(ctx, b, spec); err != nil {
		return Answer{}, err
	}
	return m.answer(ctx, b)
}

// Earliest finds the first start, within so long from now, at which a cluster
// could be booked for its own length: not before the start it asks for, if it
// does, nor before it can be prepared. It books nothing.
func (m *Manager) Earliest(ctx context.Context, p Principal, spec cluster.Spec, within time.Duration) (Answer, error) {
	b, err := m.question(p)
	if err != nil {
		return Answer{}, err
	}
	if within <= 0 || within > cluster.MaxWindow {
		return Answer{}, fault.New(fault.Invalid, "nothing can be looked for", fault.Detail{Field: "within", Message: fmt.Sprintf(
			"%s is not between 1s and %s", within, cluster.MaxWindow)})
	}
	if spec.StartMode == "" || spec.StartMode == cluster.StartAt {
		b.notBefore = spec.Start.UTC()
		if !spec.End.IsZero() {
			spec.Duration, spec.End = spec.End.Sub(spec.Start), time.Time{}
		}
	}
	b.within = within
	spec.StartMode, spec.Start = cluster.StartASAP, time.Time{}
	if err := m.prepare(ctx, b, spec); err != nil {
		return Answer{}, err
	}
	a, err := m.answer(ctx, b)
	if err != nil || !a.Fits {
		return a, err
	}
	if a, err = m.answer(ctx, b.as(a)); err != nil || a.Fits {
		return a, err
	}
	// It was to start sooner for the quick pnodes that it got, which whoever asks
	// for that start does not: the start that holds for all is offered.
	b.steady = true
	if a, err = m.answer(ctx, b); err != nil || !a.Fits {
		return a, err
	}
	return m.answer(ctx, b.as(a))
}

// as is a booking for the very window of an answer.
func (b *booking) as(a Answer) *booking {
	at := *b
	at.c.Spec.StartMode = cluster.StartAt
	at.c.Start, at.c.End = a.Start, a.End
	return &at
}

func (m *Manager) question(p Principal) (*booking, error) {
	if p.Role != RoleTenant {
		return nil, fault.New(fault.Forbidden, "not allowed",
			fault.Detail{Message: "only a tenant books clusters: ask with a tenant's token"})
	}
	return &booking{tenant: p.Tenant, now: m.Now().UTC().Truncate(time.Second), id: uuid.NewString()}, nil
}

// prepare makes a booking of what is asked for, to be tried.
func (m *Manager) prepare(ctx context.Context, b *booking, spec cluster.Spec) error {
	if err := m.checkSpec(ctx, b, spec.Complete(b.now)); err != nil {
		return err
	}
	if err := m.draft(ctx, b); err != nil {
		return err
	}
	b.settle(m.Now().UTC().Truncate(time.Second))
	return nil
}

// answer tries a booking and gives up what it found.
func (m *Manager) answer(ctx context.Context, b *booking) (Answer, error) {
	err := m.book(ctx, Principal{}, b, true) // nothing is answered for good
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Refused {
		a := Answer{Problems: f.Details}
		if r, ok := f.Refusal.(Refusal); ok {
			a.Refusal = &r
		}
		return a, nil
	}
	if !errors.Is(err, errDryRun) {
		return Answer{}, err
	}
	spec := specOf(b.c.Spec, requestOf(b.c))
	a := Answer{Fits: true, Spec: &spec, PrepareAt: b.c.PrepareAt, Start: b.c.Start, End: b.c.End, Yielding: seenBy(b.yielding, b.tenant)}
	for _, n := range b.c.Nodes {
		a.Vnodes = append(a.Vnodes, calendar.Vnode{Name: n.Name, Pnode: n.Pnode})
	}
	for _, o := range b.c.Conditions {
		if o.Type == cluster.ConditionOnTime {
			a.OnTime = &o
		}
	}
	return a, nil
}
