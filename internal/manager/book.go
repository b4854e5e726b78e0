package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

const refusedTitle = "the cluster cannot be booked"

// CreateCluster books a cluster, or says everything that stands against it.
// With dryRun it answers the same and changes nothing.
func (m *Manager) CreateCluster(ctx context.Context, p Principal, spec cluster.Spec, dryRun bool) (cluster.Cluster, error) {
	return m.create(ctx, p, spec, 0, dryRun)
}

func (m *Manager) create(ctx context.Context, p Principal, spec cluster.Spec, hold time.Duration, dryRun bool) (cluster.Cluster, error) {
	if p.Role != RoleTenant {
		return cluster.Cluster{}, fault.New(fault.Forbidden, "not allowed",
			fault.Detail{Message: "only a tenant books clusters: use a tenant's token"})
	}
	now := m.Now().UTC().Truncate(time.Second)
	spec = spec.Complete(now)
	b := booking{tenant: p.Tenant, now: now, id: uuid.NewString(), hold: hold}
	if err := checkHold(spec, hold); err != nil {
		return cluster.Cluster{}, err
	}
	if err := m.checkSpec(ctx, &b, spec); err != nil {
		return cluster.Cluster{}, err
	}
	if err := m.draft(ctx, &b); err != nil {
		return cluster.Cluster{}, err
	}
	b.settle(m.Now().UTC().Truncate(time.Second))
	err := m.book(ctx, p, &b, dryRun)
	if err != nil && !errors.Is(err, errDryRun) {
		return cluster.Cluster{}, err
	}
	if !dryRun {
		m.Log.InfoContext(ctx, "cluster "+string(b.c.State), "cluster", b.c.Name, "tenant", b.tenant, "id", b.id, "start", b.c.Start)
		m.poke()
	}
	return b.c, nil
}

var errDryRun = errors.New("dry run")

// booking is a cluster on its way into the calendar.
type booking struct {
	tenant, id string
	now        time.Time
	c          cluster.Cluster
	files      dossier
	limit      calendar.Limit // of the tenant; nil for none
	vacated    time.Time      // nothing is held before that; zero for now
	yields     bool           // best-effort clusters make room: the calendar is ours alone
	yielding   []Yielding     // those that do
	hold       time.Duration  // until it has to be confirmed; 0: it is booked
	// forecasts says how long clusters take; forecast is of the pnodes that it
	// got, or may get, and lead its Prepare.
	forecasts forecasts
	forecast  forecast
	lead      time.Duration
	// notBefore and within bound when a cluster may start that asks for the
	// earliest start; zero for no bound and the usual one.
	notBefore time.Time
	within    time.Duration
	// steady keeps the earliest start that was found with the time that any pnode
	// may need, though those that it got need less.
	steady bool
}

// checkSpec finds everything wrong that can be told without the calendar, and
// locks every appliance's profile.
func (m *Manager) checkSpec(ctx context.Context, b *booking, spec cluster.Spec) error {
	details := spec.Validate(b.now)
	if _, err := time.LoadLocation(spec.TimeZone); err != nil {
		details = append(details, fault.Detail{Field: "spec.timeZone", Message: fmt.Sprintf("%q is not a time zone like Europe/Berlin", spec.TimeZone)})
	}
	shelf, err := m.shelf(ctx, b.tenant)
	if err != nil {
		return err
	}
	ch, more, err := m.choose(ctx, shelf.catalog, spec)
	if err != nil {
		return err
	}
	if details = append(details, more...); len(details) > 0 {
		return fault.New(fault.Invalid, refusedTitle, details...)
	}
	nodes, err := cluster.PlanNodes(b.id, spec)
	if err != nil {
		return err
	}
	for i := range nodes {
		nodes[i].Image = planOf(ch.plans, nodes[i]).Address
	}
	if b.files, err = newDossier(nodes, ch, spec.Parameters); err != nil {
		return err
	}
	spec.Parameters = maps.Clone(spec.Parameters)
	for _, p := range ch.secrets {
		delete(spec.Parameters, p.Name) // the spec is shown, a secret never is
	}
	b.describe(spec, nodes)
	b.c.Rolls = ch.rolls
	return nil
}

// describe makes the cluster that is asked for, without a place in the calendar.
func (b *booking) describe(spec cluster.Spec, nodes []cluster.Node) {
	b.c = cluster.Cluster{
		ID: b.id, Name: spec.Name, Tenant: b.tenant, Spec: spec, State: cluster.Booked,
		CreatedAt: b.now, Start: spec.Start, End: spec.End, Nodes: nodes,
	}
}

// settle moves the booking to an instant: locking new profiles takes a while.
func (b *booking) settle(now time.Time) {
	b.now, b.c.CreatedAt = now, now
	if b.c.Spec.StartMode != cluster.StartNow {
		return
	}
	b.c.Start = now
	if b.c.Spec.Duration > 0 {
		b.c.End = now.Add(b.c.Spec.Duration)
	}
}

// draft renders every vnode once, so that what cannot be rendered, or is more
// than a guest can be told, refuses the booking and not the start; and learns
// how long it will take.
func (m *Manager) draft(ctx context.Context, b *booking) error {
	trial := b.c
	trial.Nodes = slices.Clone(b.c.Nodes)
	trial.Nodes[0].Addresses = append(slices.Clone(trial.Nodes[0].Addresses),
		cluster.Address{Network: cluster.OutsideNetwork, Address: m.site.OutsideFirst, MAC: cluster.MAC(b.id, cluster.Gateway, cluster.OutsideNetwork)})
	var wrong []fault.Detail
	weighed := map[string]bool{} // vnodes of one appliance are much alike
	for _, n := range trial.Nodes {
		id, err := identity(m.site, trial, b.files, n)
		details, err := detailsOf(err)
		if err != nil {
			return fmt.Errorf("draft of %s: %w", n.Name, err)
		}
		if !weighed[n.Appliance] && len(details) == 0 {
			weighed[n.Appliance] = true
			details = tooMuch(id)
		}
		wrong = append(wrong, details...)
	}
	if wrong = compactDetails(wrong); len(wrong) > 0 {
		return fault.New(fault.Invalid, refusedTitle, wrong...)
	}
	b.c.Gateway.HostKeys = []string{b.files.HostKeys[cluster.Gateway].Public}
	for i := range b.c.Nodes {
		b.c.Nodes[i].HostKeys = []string{b.files.HostKeys[b.c.Nodes[i].Name].Public}
	}
	b.forecasts = m.forecasts(b.files)
	m.ledger.Ask(func(c *calendar.Calendar) { b.expect(b.forecasts.anywhere(c).forecast(b.c, b.files)) })
	return nil
}

// expect takes a forecast for the booking's.
func (b *booking) expect(f forecast) {
	b.forecast, b.lead, b.c.Estimate = f, f.Prepare, f.estimate()
}

// admit finds room for the whole cluster and takes it, or returns a bare
// *calendar.Refusal or *quota.Refusal.
func (m *Manager) admit(tx *store.Tx, b *booking) error {
	if old, err := tx.Cluster(b.tenant, b.c.Name); err == nil && old.EndedAt == nil {
		return fault.New(fault.Conflict, refusedTitle, fault.Detail{Field: "spec.name", Message: fmt.Sprintf(
			"you have a cluster %q already (%s): end it first, or choose another name", old.Name, old.State)})
	} else if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	return b.admit(transaction{m, tx, b.now})
}

// admit is that but for the name.
func (b *booking) admit(d desk) error {
	b.yields, b.vacated = true, b.now
	place := func(c *calendar.Calendar, limit calendar.Limit) error {
		b.limit = limit
		return b.place(c)
	}
	var err error
	b.yielding, err = take(d, b.now, b.tenant, b.id, place)
	refusal, refused := errors.AsType[*calendar.Refusal](err)
	if !refused || !refusal.Request.Start.Add(-refusal.Request.Prepare).Before(b.now) {
		return err
	}
	// It will be late anyhow: best-effort clusters that run have the time to be wiped.
	d.ask(func(c *calendar.Calendar) {
		for _, id := range c.BestEffort() {
			other, _ := c.Booking(id)
			b.vacated = later(b.vacated, b.now.Add(other.Request.Wipe))
		}
	})
	yielding, late := take(d, b.now, b.tenant, b.id, place)
	if late != nil {
		return err
	}
	b.yielding = yielding
	return nil
}

// request is what the cluster asks of the calendar; one to start as soon as
// possible asks for the earliest window that can be promised.
func (b *booking) request(in *calendar.Calendar) calendar.Request {
	asap := b.asap()
	if asap {
		b.begin(later(b.now.Add(b.hold+b.lead), b.notBefore))
	}
	req := requestOf(b.c)
	req.Prepare, req.Wipe, req.NotBefore = b.lead, b.forecast.Wipe, later(b.now, b.vacated)
	if !asap {
		return req
	}
	limit := b.limited()
	plan, ok, err := in.EarliestWithin(limit, req, req.Start, b.horizon())
	if b.yields && !req.BestEffort && err == nil {
		var sooner calendar.Plan
		var may bool
		in.Vacated(b.now, func() { sooner, may, _ = in.EarliestWithin(limit, req, req.Start, b.horizon()) })
		if may && (!ok || sooner.Request.Start.Before(plan.Request.Start)) {
			plan, ok = sooner, true
		}
	}
	if err != nil || !ok {
		return req // refused just below, with the reasons
	}
	b.begin(plan.Request.Start)
	req.Start, req.End = b.c.Start, b.c.End
	return req
}

// asap says whether it starts as soon as possible.
func (b *booking) asap() bool { return b.c.Spec.StartMode == cluster.StartASAP }

// horizon is until when a start is looked for.
func (b *booking) horizon() time.Time {
	if b.within > 0 {
		return b.now.Add(b.within)
	}
	return b.now.Add(horizon)
}

// limited is what the tenant may hold beside what it has.
func (b *booking) limited() calendar.Limit {
	if b.limit == nil {
		return calendar.Unlimited{}
	}
	return b.limit
}

// begin sets the start of a cluster that may start any time.
func (b *booking) begin(start time.Time) {
	b.c.Start = start
	if b.c.Spec.End.IsZero() {
		b.c.End = start.Add(b.c.Spec.Duration)
	}
}

// settled writes down what the calendar decided.
func (b *booking) settled(plan calendar.Plan) {
	if b.c.Nodes[0].Leg(cluster.OutsideNetwork).MAC == "" {
		b.c.Nodes[0].Addresses = append(b.c.Nodes[0].Addresses, cluster.Address{
			Network: cluster.OutsideNetwork, MAC: cluster.MAC(b.id, cluster.Gateway, cluster.OutsideNetwork),
		})
	}
	planned(&b.c, plan)
	next, _ := cluster.Step(b.c, cluster.World{
		Now: b.now.Add(-time.Nanosecond), Expected: b.c.PrepareAt.Add(b.forecast.Expect), Why: b.forecast.Why,
	})
	b.c.Conditions = next.Conditions
}

// planned puts a cluster where the calendar decided.
func planned(c *cluster.Cluster, plan calendar.Plan) {
	c.PrepareAt = plan.From
	c.VLAN, _ = strconv.Atoi(plan.Unit(vlanPool)) // the pool was made of numbers
	c.Gateway.OutsideAddress = plan.Unit(addressPool)
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		n.Pnode = plan.Pnode(n.Name)
		n.Addresses = slices.Clone(n.Addresses)
		for k := range n.Addresses {
			if n.Addresses[k].Network == cluster.OutsideNetwork {
				n.Addresses[k].Address = c.Gateway.OutsideAddress
			}
		}
	}
}

func (b *booking) detail() *cluster.EventDetail {
	d := &cluster.EventDetail{Operation: "book", Start: b.c.Start.UTC(), End: b.c.End.UTC()}
	if b.c.HoldUntil != nil {
		d.Operation, d.Until = "hold", b.c.HoldUntil.UTC()
	}
	return d
}

func (b *booking) insert(tx *store.Tx) error {
	if err := tx.InsertCluster(b.c); err != nil {
		return err
	}
	b.c.Version = 1
	raw, err := b.files.encode()
	if err != nil {
		return err
	}
	if err := tx.PutClusterSecrets(b.id, raw); err != nil {
		return err
	}
	_, err = tx.AppendEvent(b.tenant, b.id, cluster.Event{
		Time: b.now, Cluster: b.c.Name, Type: string(b.c.State), Message: string(b.c.State) + " " + windowText(b.c), Detail: b.detail(),
	})
	return err
}
