package manager

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/estimate"
	"quarry/internal/fault"
	"quarry/internal/quota"
	"quarry/internal/roll"
	"quarry/internal/store"
)

// Core makes the manager's decisions on a calendar that is in memory alone,
// without a store, agents or images: the simulator drives it on a virtual
// clock. What it decides is decided by the functions that the manager calls in
// its transactions. It is for one caller at a time.
type Core struct {
	cal   *calendar.Calendar
	state map[string]calendar.Pnode
	taken map[string]bool // "tenant/name" of clusters that are not over
	// clusters are those that are not over, by ID; past is what others count of
	// node-hours, set what tenants may hold, both by tenant.
	clusters map[string]cluster.Cluster
	past     map[string][]quota.Claim
	set      map[string]quota.Limits
	yielded  []cluster.Cluster

	times *estimate.History
	// has says whether an image was made.
	has      func(address string) bool
	dossiers map[string]dossier // by cluster ID
}

// Sight is what is seen of a cluster at an instant. Nodes need not name those
// of which nothing is known.
type Sight struct {
	Nodes  map[string]cluster.Seen // Lost is filled in from the pnodes
	Opened *time.Time
	// Incarnations counts, by vnode, how often it was made anew; Look adds to it.
	Incarnations map[string]int
	// Remade, if set, is told of each vnode that is made anew.
	Remade func(vnode string)
}

// NewCore makes the core of a site, with nothing measured; its pools come from
// site. limits are what was set for tenants, "" for the site's defaults. has
// says whether the image at an address was made.
func NewCore(site Site, holds calendar.Site, limits map[string]quota.Limits, has func(address string) bool) (*Core, error) {
	holds.Pools = site.pools()
	cal, err := calendar.New(holds)
	if err != nil {
		return nil, err
	}
	k := &Core{
		cal: cal, state: map[string]calendar.Pnode{}, taken: map[string]bool{}, has: has,
		times: estimate.NewHistory(estimate.DefaultPolicy), dossiers: map[string]dossier{},
		clusters: map[string]cluster.Cluster{}, past: map[string][]quota.Claim{}, set: maps.Clone(limits),
	}
	for _, p := range holds.Pnodes {
		k.state[p.Name] = p
	}
	return k, nil
}

// Calendar is what is booked, to look at.
func (k *Core) Calendar() *calendar.Calendar { return k.cal }

// Book books a cluster as CreateCluster does. What the calendar has no room for
// is a bare *calendar.Refusal, what is wrong with the spec a fault.Invalid.
// Rolls are taken as they are named, and every appliance has an image.
func (k *Core) Book(tenant, id string, spec cluster.Spec, now time.Time) (cluster.Cluster, error) {
	return k.book(tenant, id, spec, 0, now)
}

func (k *Core) book(tenant, id string, spec cluster.Spec, hold time.Duration, now time.Time) (cluster.Cluster, error) {
	now = now.UTC().Truncate(time.Second)
	k.cal.Advance(now)
	spec = spec.Complete(now)
	b := booking{tenant: tenant, id: id, now: now, files: plainDossier(spec), hold: hold}
	if details := spec.Validate(now); len(details) > 0 {
		return cluster.Cluster{}, fault.New(fault.Invalid, refusedTitle, details...)
	}
	if k.taken[tenant+"/"+spec.Name] {
		return cluster.Cluster{}, heldName(spec.Name)
	}
	nodes, err := cluster.PlanNodes(id, spec)
	if err != nil {
		return cluster.Cluster{}, err
	}
	for i := range nodes {
		nodes[i].Image = planOf(b.files.Plans, nodes[i]).Address
	}
	b.describe(spec, nodes)
	b.c.Rolls = spec.Rolls
	b.settle(now)
	b.forecasts = k.forecasts(b.files)
	if err := b.admit(coreDesk{k, now}); err != nil {
		return cluster.Cluster{}, err
	}
	k.clusters[id] = b.c
	k.taken[tenant+"/"+spec.Name] = true
	k.dossiers[id] = b.files
	return b.c, nil
}

// plainDossier is of a cluster whose rolls are not walked.
func plainDossier(spec cluster.Spec) dossier {
	what := strings.Join(spec.Rolls, " ")
	made := what
	for _, name := range sortedKeys(spec.Parameters) {
		made += " " + name + "=" + spec.Parameters[name]
	}
	d := dossier{Plans: map[string]plan{}}
	for _, g := range spec.Nodes {
		d.Plans[g.Appliance] = plan{Profile: roll.Profile{Appliance: g.Appliance, Rolls: spec.Rolls}, Address: g.Appliance + " of " + made}
	}
	return d
}

// forecasts are as the manager's, on pnodes that have every image that was made.
func (k *Core) forecasts(d dossier) forecasts {
	var missing []plan
	plans := d.addresses()
	for _, address := range sortedKeys(plans) {
		if !k.has(address) {
			missing = append(missing, plans[address])
		}
	}
	return forecasts{past: k.times, has: func(string, string) bool { return true }, builds: buildsOf(k.times, missing)}
}

func (k *Core) forecast(c cluster.Cluster) forecast {
	d := k.dossiers[c.ID]
	return k.forecasts(d).placed().forecast(c, d)
}

// Look takes a cluster one step further, as the manager does whenever it
// looks: it repairs, prepares earlier, and tells what happened. waits is set
// when it asked for room that there is not yet.
func (k *Core) Look(c cluster.Cluster, s Sight, now time.Time) (next cluster.Cluster, events []cluster.Event, waits bool, err error) {
	k.cal.Advance(now)
	if b, ok := k.cal.Booking(c.ID); ok && !b.To.After(now) {
		if err := k.keep(c, now); err != nil {
			return c, nil, false, err
		}
	}
	for _, n := range c.Nodes {
		if seen, known := s.Nodes[n.Name]; known && k.state[n.Pnode].Lost {
			seen.Lost = true
			s.Nodes[n.Name] = seen
		}
	}
	if c, events, waits, err = k.repair(c, s, now); err != nil {
		return c, nil, false, err
	}
	var expected forecast
	if !c.State.Begun() || c.State == cluster.Preparing {
		expected = k.forecast(c)
	}
	c, more, short, err := k.retime(c, expected, now)
	if err != nil {
		return c, nil, false, err
	}
	if events = append(events, more...); len(events) > 0 {
		if err := k.keep(c, now); err != nil {
			return c, nil, false, err
		}
	}
	next, more = cluster.Step(c, k.world(c, s, expected, now))
	return next, append(events, more...), waits || short, k.keep(next, now)
}

func (k *Core) repair(c cluster.Cluster, s Sight, now time.Time) (cluster.Cluster, []cluster.Event, bool, error) {
	away := mustMove(c, k.cal.Harms(c.ID), now)
	next := c
	next.Nodes = slices.Clone(c.Nodes)
	var again, placed []cluster.Event
	if c.State.Live() && c.State != cluster.Ending {
		again = retry(&next, s.Incarnations, now)
	}
	waits := false
	if len(away) > 0 {
		after, err := relocate(coreDesk{k, now}, c, away, now)
		if err != nil && !isRefusal(err) {
			return c, nil, false, err
		}
		if err == nil {
			placed = moved(&next, after, away, now)
		}
		waits = len(placed) == 0
	}
	events := append(placed, again...)
	for _, e := range events {
		s.Incarnations[e.Node]++
		delete(s.Nodes, e.Node) // what was seen is of the one before
		if s.Remade != nil {
			s.Remade(e.Node)
		}
	}
	return next, events, waits, nil
}

func (k *Core) retime(c cluster.Cluster, f forecast, now time.Time) (cluster.Cluster, []cluster.Event, bool, error) {
	if !f.untimely(c, now) {
		return c, nil, false, nil
	}
	change, err := otherTimes(coreDesk{k, now}, c, f, now)
	if isRefusal(err) || errors.Is(err, errNothing) {
		return c, nil, isRefusal(err), nil
	}
	if err != nil {
		return c, nil, false, err
	}
	next, events := retimed(c, change, f, now)
	return next, events, false, nil
}

// Untimely reports whether a booked cluster would be given other times if
// somebody looked, for callers that look at few of many.
func (k *Core) Untimely(c cluster.Cluster, now time.Time) bool {
	return c.State == cluster.Booked && k.forecast(c).untimely(c, now)
}

func (k *Core) world(c cluster.Cluster, s Sight, expected forecast, now time.Time) cluster.World {
	w := cluster.World{Now: now, Nodes: s.Nodes, Opened: s.Opened}
	least := 100
	for _, n := range c.Nodes {
		if n.Aside() {
			continue
		}
		seen := s.Nodes[n.Name]
		least = min(least, seen.Progress)
		if why := hopeless(n.Name, seen, s.Incarnations); why != "" {
			w.Fail = why
		}
	}
	limits := k.LimitsOf(c.Tenant)
	w.UnusedWarn = time.Duration(limits.UnusedWarnSeconds) * time.Second
	w.UnusedReclaim = time.Duration(limits.UnusedReclaimSeconds) * time.Second
	foresee(&w, c, expected, k.cal.Harms(c.ID), least)
	return w
}

// keep makes the calendar hold what the cluster holds, as Manager.keep does.
func (k *Core) keep(c cluster.Cluster, now time.Time) error {
	if !store.Live(c) {
		k.over(c)
		delete(k.clusters, c.ID)
		k.cal.Remove(c.ID)
		delete(k.taken, c.Tenant+"/"+c.Name)
		delete(k.dossiers, c.ID)
		return nil
	}
	k.clusters[c.ID] = c
	if c.HoldUntil != nil && !now.Before(*c.HoldUntil) {
		k.cal.Remove(c.ID)
		return nil
	}
	want := bookingOf(c, now)
	if have, ok := k.cal.Booking(c.ID); ok && sameBooking(have, want) {
		return nil
	}
	return k.cal.Put(want)
}

// End ends a cluster's window, and Cancel gives it up, as a tenant asks for it.
func (k *Core) End(c *cluster.Cluster, now time.Time) error { return k.change(c, now, endNow) }

// Cancel gives a cluster up that has not started.
func (k *Core) Cancel(c *cluster.Cluster, now time.Time) error { return k.change(c, now, cancelNow) }

func (k *Core) change(c *cluster.Cluster, now time.Time, do func(*cluster.Cluster, time.Time) (string, error)) error {
	k.cal.Advance(now)
	message, err := do(c, now)
	if err != nil || message == "" {
		return err
	}
	return k.keep(*c, now)
}

// SetPnode tells how a pnode is now.
func (k *Core) SetPnode(p calendar.Pnode) error {
	pnodes := slices.Clone(k.cal.Site().Pnodes)
	for i := range pnodes {
		if pnodes[i].Name == p.Name {
			pnodes[i] = p
		}
	}
	k.state[p.Name] = p
	return k.cal.SetPnodes(pnodes)
}

// Built learns how long making an image of a cluster's took.
func (k *Core) Built(c cluster.Cluster, address string, took time.Duration, now time.Time) {
	for _, p := range k.dossiers[c.ID].Plans {
		if p.Address == address {
			k.times.Add(buildSample(p, took, now))
			return
		}
	}
}

// Prepared learns what the pnodes measured of a preparation: until all vnodes
// were up, and until they had joined.
func (k *Core) Prepared(c cluster.Cluster, up, join time.Duration, now time.Time) {
	d, count, seen := k.dossiers[c.ID], crowds(c), map[estimate.Key]bool{}
	var list []estimate.Sample
	for _, n := range c.Nodes {
		key := vnodeKey(d, n, count[n.Pnode])
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, part := range []struct {
			stage estimate.Stage
			took  time.Duration
		}{{estimate.Up, up}, {estimate.Join, join}} {
			key.Stage = part.stage
			list = append(list, estimate.Sample{Key: key, Seconds: part.took.Seconds(), At: now})
		}
	}
	k.times.Add(list...)
}

// Wiped learns what the pnodes measured of the end of a cluster. It has to be
// told before Look lets the cluster go.
func (k *Core) Wiped(c cluster.Cluster, took time.Duration, now time.Time) {
	d, count := k.dossiers[c.ID], crowds(c)
	var list []estimate.Sample
	for _, pnode := range sortedKeys(count) {
		list = append(list, estimate.Sample{Key: wipeKey(c, d, pnode, count[pnode]), Seconds: took.Seconds(), At: now})
	}
	k.times.Add(list...)
}

// Images are the addresses of the images that a cluster boots.
func (k *Core) Images(c cluster.Cluster) []string { return sortedKeys(k.dossiers[c.ID].addresses()) }

// Times that the manager waits by.
const (
	// LostAfter is how long a pnode is silent before it counts as lost.
	LostAfter = lostAfter
	// GiveUpAfter is how long after the end a silent pnode may keep a cluster
	// from counting as ended.
	GiveUpAfter = giveUpAfter
)

func isRefusal(err error) bool {
	_, refused := errors.AsType[*calendar.Refusal](err)
	return refused
}

func heldName(name string) error {
	return fault.New(fault.Conflict, refusedTitle, fault.Detail{Field: "spec.name", Message: fmt.Sprintf(
		"there is a cluster %q already: end it first, or choose another name", name)})
}
