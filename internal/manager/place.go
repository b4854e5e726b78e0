package manager

import (
	"errors"
	"slices"

	"quarry/internal/calendar"
)

// place books a cluster with the time that it needs on the pnodes it gets.
// These are known only when it is placed, so it is placed with the time that
// the slowest of them would need, and gives back what it does not: whatever
// the placement, the promise holds. Where there is no room for that much, it
// is tried with what pnodes need as a rule, and taken if those that it gets do.
func (b *booking) place(c *calendar.Calendar) error {
	b.unplace() // it is tried again and again to see who yields
	b.expect(b.forecasts.anywhere(c).forecast(b.c, b.files))
	plan, err := b.put(c)
	if refusal, refused := errors.AsType[*calendar.Refusal](err); refused {
		plan, err = b.placeLikely(c, refusal)
	}
	if err == nil {
		plan, err = b.refine(c, plan)
	}
	if err == nil && b.hold > 0 {
		err = b.held(c, plan)
	}
	if err != nil {
		return err
	}
	b.settled(plan)
	return nil
}

// unplace forgets where the cluster was in another try: a forecast counts with it.
func (b *booking) unplace() {
	b.c.Nodes = slices.Clone(b.c.Nodes)
	for i := range b.c.Nodes {
		b.c.Nodes[i].Pnode = ""
	}
}

// put books the cluster, or holds it.
func (b *booking) put(c *calendar.Calendar) (calendar.Plan, error) {
	if b.hold > 0 {
		return c.Hold(b.request(c), b.now, b.now.Add(b.hold))
	}
	return c.Book(b.request(c))
}

// placeLikely books the cluster with the time that pnodes need as a rule, if
// those that it gets need no more.
func (b *booking) placeLikely(c *calendar.Calendar, refusal *calendar.Refusal) (calendar.Plan, error) {
	worst, likely := b.forecast, b.forecasts.likely().forecast(b.c, b.files)
	if likely.Prepare >= worst.Prepare && likely.Wipe >= worst.Wipe {
		return calendar.Plan{}, refusal
	}
	b.expect(likely)
	plan, err := b.put(c)
	if err == nil {
		if f := b.forecastOn(plan); f.Prepare <= likely.Prepare && f.Wipe <= likely.Wipe {
			return plan, nil
		}
		if err := c.Cancel(b.id); err != nil {
			return calendar.Plan{}, err
		}
	}
	b.expect(worst)
	return calendar.Plan{}, refusal
}

// forecastOn is the forecast for the pnodes of a plan.
func (b *booking) forecastOn(plan calendar.Plan) forecast {
	placed := b.c
	placed.Nodes = slices.Clone(b.c.Nodes)
	for i, v := range plan.Vnodes {
		placed.Nodes[i].Pnode = v.Pnode
	}
	return b.forecasts.placed().forecast(placed, b.files)
}

// refine gives back the time that a cluster does not need where it was placed.
// One that is to start as soon as possible starts sooner.
func (b *booking) refine(c *calendar.Calendar, plan calendar.Plan) (calendar.Plan, error) {
	f := b.forecastOn(plan)
	spare := b.lead - f.Prepare
	b.expect(f)
	change, err := c.Retime(b.id, b.forecast.Prepare, b.forecast.Wipe)
	if err != nil {
		return plan, err
	}
	if !b.asap() || b.steady || spare <= 0 {
		return change.After.Plan, nil
	}
	sooner := change.After.Request
	sooner.Start, sooner.End = sooner.Start.Add(-spare), sooner.End.Add(-spare)
	if at, ok := b.limited().First(sooner, sooner.Start, sooner.Start); !ok || !at.Equal(sooner.Start) {
		return change.After.Plan, nil // the tenant's limits are for later
	}
	b.begin(b.c.Start.Add(-spare))
	change, err = c.Move(b.id, b.c.Start, b.c.End)
	return change.After.Plan, err
}
