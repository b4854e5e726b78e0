package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/quota"
	"quarry/internal/store"
)

// Operation is what can be asked of a cluster that is there already.
type Operation string

// The operations.
const (
	Extend  Operation = "extend"  // a later end
	Shorten Operation = "shorten" // an earlier end
	Move    Operation = "move"    // another window, before preparation begins
	Grow    Operation = "grow"    // more vnodes
	Shrink  Operation = "shrink"  // fewer vnodes
	Confirm Operation = "confirm" // a held cluster becomes a booked one
	Release Operation = "release" // a held cluster is given up
)

// done is what an operation has made of a cluster.
var done = map[Operation]string{
	Extend: "extended", Shorten: "shortened", Move: "moved", Grow: "grown", Shrink: "shrunk", Confirm: "confirmed", Release: "released",
}

// Change is an operation with what it needs.
type Change struct {
	Operation Operation `json:"operation"`
	// Start and End are of a move; End is also that of Extend and Shorten.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	// By is by how much to extend or shorten, instead of End. A move with
	// neither keeps the window's length.
	By time.Duration `json:"by,omitempty"` // nanoseconds in JSON
	// Appliance is of which vnodes there are to be Count more, or fewer; to
	// shrink, Nodes name them instead.
	Appliance string   `json:"appliance,omitempty"`
	Count     int      `json:"count,omitempty"`
	Nodes     []string `json:"nodes,omitempty"`
}

// ChangeOptions say how a change is meant.
type ChangeOptions struct {
	IfMatch int64 // the version that was seen, 0 for any
	DryRun  bool  // answer the same, and change nothing
}

// ChangeCluster does one operation on a cluster, all of it in one transaction
// or none, and returns what became of it; or says everything that stands
// against it. What is so already is no error.
func (m *Manager) ChangeCluster(ctx context.Context, p Principal, name string, ch Change, o ChangeOptions) (cluster.Cluster, error) {
	for range tries {
		e := &edit{Change: ch, site: m.site}
		err := m.Store.Update(ctx, func(tx *store.Tx) error {
			e.now = m.Now().UTC() // here, so that no hold is over for the calendar and not for this
			return m.applyChange(tx, p, name, e, o)
		})
		if refusal, ok := errors.AsType[*calendar.Refusal](err); ok {
			err = m.explainChange(ctx, e, refusal.Request, nil)
		} else if refusal, ok := errors.AsType[*quota.Refusal](err); ok {
			err = m.explainChange(ctx, e, refusal.Request, refusal.Over)
		}
		switch {
		case errors.Is(err, errRoom):
			continue
		case errors.Is(err, errDryRun):
			return e.c, nil
		case err != nil:
			return cluster.Cluster{}, err
		}
		m.Log.InfoContext(ctx, "cluster changed", "cluster", e.c.Name, "tenant", e.c.Tenant, "operation", ch.Operation, "version", e.c.Version)
		m.poke()
		return e.c, nil
	}
	return cluster.Cluster{}, fault.New(fault.Unavailable, ch.title(), fault.Detail{Message: "others book and cancel at the same moment: try again"})
}

func (m *Manager) applyChange(tx *store.Tx, p Principal, name string, e *edit, o ChangeOptions) (err error) {
	if e.c, err = findCluster(tx, p, name); err != nil {
		return err
	}
	if o.IfMatch != 0 && o.IfMatch != e.c.Version {
		return fault.New(fault.Precondition, "the cluster changed", fault.Detail{Field: "If-Match", Message: fmt.Sprintf(
			"you saw version %d of cluster %q, it is %d now: read it again", o.IfMatch, e.c.Name, e.c.Version)})
	}
	e.before = e.c
	e.c.Nodes = slices.Clone(e.c.Nodes)
	if err := e.complete(); err != nil {
		return err
	}
	if e.nothing && o.DryRun {
		return nil
	}
	if e.nothing {
		e.c = m.withSlack(e.c)
		return p.answered(tx, e.c)
	}
	if e.Operation == Grow {
		if err := e.readDossier(tx); err != nil {
			return err
		}
	}
	if do := e.inCalendar(); do != nil {
		still := e.still(do)
		_, err := take(transaction{m, tx, e.now}, e.now, e.c.Tenant, e.c.ID, func(c *calendar.Calendar, _ calendar.Limit) error { return still(c) })
		if err != nil {
			return err
		}
	}
	if err := e.settle(); err != nil {
		return err
	}
	if e.dossier != nil {
		if err := e.equip(); err != nil {
			return err
		}
		raw, err := e.dossier.encode()
		if err != nil {
			return err
		}
		if err := tx.PutClusterSecrets(e.c.ID, raw); err != nil {
			return err
		}
	}
	if err := m.putCluster(tx, &e.c, []cluster.Event{{Time: e.now, Cluster: e.c.Name, Type: e.event(), Message: e.message, Detail: e.detail()}}); err != nil {
		return err
	}
	if o.DryRun {
		e.c.Version = e.before.Version
		return errDryRun
	}
	e.c = m.withSlack(e.c) // what is kept is what is answered
	return p.answered(tx, e.c)
}

func (ch Change) title() string { return "the cluster cannot be " + done[ch.Operation] }

// edit is a change on its way.
type edit struct {
	Change
	site    Site
	now     time.Time
	before  cluster.Cluster
	c       cluster.Cluster // what becomes of it
	result  calendar.Change // what the calendar decided
	dossier *dossier        // set when it changes
	added   []string        // the vnodes that it grows by
	message string          // for the event
	nothing bool            // it is so already
}

// complete fills in what follows from the cluster and lists all that is wrong.
func (e *edit) complete() error {
	var l fault.List
	if why := e.state(); why != "" {
		return fault.New(fault.Refused, e.title(), fault.Detail{Message: why})
	}
	if e.nothing {
		return nil
	}
	switch e.Operation {
	case Extend, Shorten:
		e.completeEnd(&l)
	case Move:
		e.completeMove(&l)
	case Grow:
		e.completeGrow(&l)
	case Shrink:
		e.completeShrink(&l)
	}
	return l.Err(fault.Invalid, e.title())
}

// state says why the operation is not for a cluster in its state, "" if it is.
func (e *edit) state() string {
	c := &e.c
	held := c.State == cluster.Held && c.HoldUntil != nil && e.now.Before(*c.HoldUntil)
	switch e.Operation {
	case Confirm:
		e.nothing = c.State.Live() && c.State != cluster.Held && c.State != cluster.Ending
		if e.nothing || held {
			return ""
		}
		return fmt.Sprintf("cluster %q is %s%s: only a hold that lasts can be confirmed; book it anew", c.Name, c.State, expiry(*c))
	case Release:
		e.nothing = c.State == cluster.Cancelled
		if e.nothing || c.State == cluster.Held {
			return ""
		}
		return fmt.Sprintf("cluster %q is %s and not held: cancel or end it instead", c.Name, c.State)
	}
	if c.State == cluster.Held && !held {
		return fmt.Sprintf("the hold of cluster %q is over: book it anew", c.Name)
	}
	if !c.State.Live() || c.State == cluster.Ending || c.State.Begun() && !e.now.Before(c.End) {
		return fmt.Sprintf("cluster %q is over (%s since %s): book another one", c.Name, c.State, c.End.Format(time.RFC3339))
	}
	if e.Operation == Move && c.State.Begun() {
		return fmt.Sprintf("cluster %q is %s: a cluster moves only before its preparation begins, here at %s; extend or shorten it instead",
			c.Name, c.State, c.PrepareAt.Format(time.RFC3339))
	}
	return ""
}

// inCalendar is the operation on the calendar, nil for none.
func (e *edit) inCalendar() func(*calendar.Calendar) (calendar.Change, error) {
	id := e.c.ID
	switch e.Operation {
	case Extend:
		return func(c *calendar.Calendar) (calendar.Change, error) { return c.Extend(id, e.End) }
	case Shorten:
		return func(c *calendar.Calendar) (calendar.Change, error) { return c.Shorten(id, e.End) }
	case Move:
		return func(c *calendar.Calendar) (calendar.Change, error) { return c.Move(id, e.Start, e.End) }
	case Grow:
		return func(c *calendar.Calendar) (calendar.Change, error) { return c.Grow(id, e.Appliance, e.Count) }
	case Shrink:
		if e.c.State.Begun() {
			return nil // they hold their place until they are gone
		}
		return func(c *calendar.Calendar) (calendar.Change, error) { return c.Shrink(id, e.Nodes...) }
	case Confirm:
		return func(c *calendar.Calendar) (calendar.Change, error) {
			plan, err := c.Confirm(id, e.now)
			return calendar.Change{After: calendar.Booking{Plan: plan}}, err
		}
	}
	return nil
}

// still keeps the vnodes of a cluster that is begun where they are: what could
// be had only by moving one is refused.
func (e *edit) still(do func(*calendar.Calendar) (calendar.Change, error)) func(*calendar.Calendar) error {
	return func(c *calendar.Calendar) (err error) {
		if e.result, err = do(c); err != nil {
			return err
		}
		before, after := e.result.Before, e.result.After
		if e.c.State.Begun() && (len(e.result.Moves) > 0 || !slices.Equal(before.Units, after.Units)) {
			return &calendar.Refusal{Request: after.Request, Stay: before.Vnodes}
		}
		return nil
	}
}

// settle makes the cluster what the calendar decided.
func (e *edit) settle() error {
	c := &e.c
	switch e.Operation {
	case Extend, Shorten, Move:
		e.settleWindow()
	case Grow:
		return e.settleGrow()
	case Shrink:
		e.settleShrink()
	case Confirm:
		c.State, c.HoldUntil = cluster.Booked, nil
		e.message = "confirmed: booked " + windowText(*c)
	case Release:
		c.State, c.End, c.EndedAt = cluster.Cancelled, e.now, &e.now
		e.message = "the hold was released"
	}
	return nil
}

func (e *edit) detail() *cluster.EventDetail {
	d := &cluster.EventDetail{Operation: string(e.Operation)}
	switch e.Operation {
	case Extend, Shorten, Move:
		d.Start, d.End = e.c.Start.UTC(), e.c.End.UTC()
	case Grow:
		d.Appliance, d.Count, d.Nodes = e.Appliance, e.Count, e.added
	case Shrink:
		d.Nodes = e.Nodes
	}
	return d
}

func (e *edit) event() string {
	switch e.Operation {
	case Confirm:
		return "booked"
	case Release:
		return "cancelled"
	}
	return "changed"
}
