package simulate

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"quarry/internal/cluster"
)

// Refused is a request that was not granted.
type Refused struct {
	At      time.Time `json:"at"`
	Tenant  string    `json:"tenant"`
	Cluster string    `json:"cluster"`
	// Reasons name what fell short: limits of the tenant ("max-cpus",
	// "max-node-hours", …), then "cpus", "memory", "vlan", a label, …; or
	// "invalid" and "conflict", which Message explains.
	Reasons []string `json:"reasons"`
	// Certain is set when no placement at all existed.
	Certain bool   `json:"certain"`
	Message string `json:"message,omitempty"`
}

// Outcome is what became of a trace.
type Outcome struct {
	Run Run
	// Clusters are those that were booked, in that order, as they ended.
	Clusters []Life
	Refused  []Refused
	Replans  int // how often a cluster that was booked was planned anew
	Asked    int // requests
	// Unchanged counts changes of clusters, pnodes and limits that were refused,
	// Yields how often a best-effort cluster gave room up, Reclaimed the
	// clusters that were ended since nobody used them.
	Unchanged, Yields, Reclaimed int
	From, To                     time.Time
	Site                         *Site
}

// Life is what became of one cluster.
type Life struct {
	cluster.Cluster
	Submitted time.Time
	// Told is set when the manager said before its start that it may be late.
	Told bool
}

func (w *world) outcome() *Outcome {
	o := &Outcome{Run: w.run, Refused: w.refused, Replans: w.replans, Unchanged: w.unchanged, Yields: w.yields, Reclaimed: w.reclaimed, From: w.trace.Entries[0].At, To: w.now, Site: w.site}
	for _, e := range w.trace.Entries {
		if e.Do == Book {
			o.Asked++
		}
	}
	for _, l := range w.lives {
		o.Clusters = append(o.Clusters, Life{Cluster: l.c, Submitted: l.submitted, Told: l.told})
	}
	return o
}

// Summary is what an outcome comes to.
type Summary struct {
	Policy   string `json:"policy"`
	Seed     uint64 `json:"seed"`
	Failures uint64 `json:"failures,omitempty"`

	From time.Time `json:"from"` // the first entry of the trace
	To   time.Time `json:"to"`   // when the last cluster was over

	// Utilisation is of the site; Compute is of its pnodes without an uplink,
	// as long as there are some.
	Utilisation Utilisation `json:"utilisation"`
	Compute     Utilisation `json:"compute"`

	Requests int `json:"requests"`
	Refused  int `json:"refused"`
	// RefusedShare is of the requests; ByReason counts refusals by what fell
	// short, each under its first reason.
	RefusedShare float64        `json:"refusedShare"`
	ByReason     map[string]int `json:"byReason"`

	// Waiting is from the request to the start, of clusters that start as soon
	// as possible. Lateness is from the start to the instant at which all
	// vnodes were ready; negative when they were before.
	Waiting  Percentiles `json:"waiting"`
	Lateness Percentiles `json:"lateness"`
	// Late clusters were ready after their start; ToldLate are those of them
	// of which this was said before the start. Failed and cancelled ones, and
	// those that were never ready, are in neither.
	Late       int `json:"late"`
	ToldLate   int `json:"toldLate"`
	Active     int `json:"active"` // were handed over
	Failed     int `json:"failed"`
	Cancelled  int `json:"cancelled"`
	NeverReady int `json:"neverReady"` // ended before they were ready
	Replans    int `json:"replans"`
	// AtRisk are all of which the manager said before their start that they may
	// be late.
	AtRisk int `json:"atRisk"`
	// Yields is how often a best-effort cluster gave room up, Reclaimed how many
	// clusters were ended since nobody used them, ChangesRefused counts changes
	// that were asked for and refused.
	Yields         int `json:"yields"`
	Reclaimed      int `json:"reclaimed"`
	ChangesRefused int `json:"changesRefused"`
}

// Utilisation is shares of what there is over the whole time: booked from
// start to end, held also while prepared and wiped.
type Utilisation struct {
	BookedCPUs   float64 `json:"bookedCPUs"`
	HeldCPUs     float64 `json:"heldCPUs"`
	BookedMemory float64 `json:"bookedMemory"`
	HeldMemory   float64 `json:"heldMemory"`
}

// Percentiles are of seconds.
type Percentiles struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Summary reckons an outcome up.
func (o *Outcome) Summary() Summary {
	s := Summary{
		Policy: string(o.Run.Policy), Seed: o.Run.Seed, Failures: o.Run.Failures, From: o.From, To: o.To,
		Requests: o.Asked, Refused: len(o.Refused), ByReason: map[string]int{}, Replans: o.Replans,
		Yields: o.Yields, Reclaimed: o.Reclaimed, ChangesRefused: o.Unchanged,
	}
	for _, r := range o.Refused {
		s.ByReason[r.Reasons[0]]++
	}
	if o.Asked > 0 {
		s.RefusedShare = float64(len(o.Refused)) / float64(o.Asked)
	}
	var waited, late []float64
	for _, c := range o.Clusters {
		if c.Spec.StartMode == cluster.StartASAP {
			waited = append(waited, c.Start.Sub(c.Submitted).Seconds())
		}
		if c.Told {
			s.AtRisk++
		}
		switch {
		case c.State == cluster.Failed:
			s.Failed++
		case c.State == cluster.Cancelled:
			s.Cancelled++
		case c.ReadyAt == nil:
			s.NeverReady++
		default:
			by := c.ReadyAt.Sub(c.Start).Seconds()
			late = append(late, by)
			if by > 0 {
				s.Late++
				if c.Told {
					s.ToldLate++
				}
			}
		}
		if c.ActiveAt != nil {
			s.Active++
		}
	}
	s.Waiting, s.Lateness = percentiles(waited), percentiles(late)
	s.Utilisation, s.Compute = o.utilisation()
	return s
}

// percentiles sorts the values.
func percentiles(v []float64) Percentiles {
	if len(v) == 0 {
		return Percentiles{}
	}
	slices.Sort(v)
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	at := func(p float64) float64 { return v[min(len(v)-1, int(p*float64(len(v))))] }
	return Percentiles{Count: len(v), Mean: sum / float64(len(v)), P50: at(0.5), P90: at(0.9), P99: at(0.99), Max: v[len(v)-1]}
}

// use is an amount of CPUs and memory.
type use struct{ cpus, memory float64 }

func (u use) times(f float64) use { return use{u.cpus * f, u.memory * f} }

func (u use) plus(o use) use { return use{u.cpus + o.cpus, u.memory + o.memory} }

func (u use) of(all use) use {
	if all.cpus == 0 || all.memory == 0 {
		return use{}
	}
	return use{u.cpus / all.cpus, u.memory / all.memory}
}

// utilisation is over the whole time, of all pnodes and of those without an
// uplink.
func (o *Outcome) utilisation() (all, compute Utilisation) {
	uplink := map[string]bool{}
	var has, hasCompute use
	for _, p := range o.Site.calendar().Pnodes {
		one := use{float64(p.Capacity.CPUs), float64(p.Capacity.MemoryMiB)}
		has = has.plus(one)
		if uplink[p.Name] = p.Uplink; !p.Uplink {
			hasCompute = hasCompute.plus(one)
		}
	}
	var booked, held, bookedCompute, heldCompute use
	for _, c := range o.Clusters {
		for _, n := range c.Nodes {
			one := use{float64(n.CPUs), float64(n.MemoryMiB)}
			b, h := one.times(length(c.bookedSpan())), one.times(length(c.heldSpan()))
			booked, held = booked.plus(b), held.plus(h)
			if !uplink[n.Pnode] {
				bookedCompute, heldCompute = bookedCompute.plus(b), heldCompute.plus(h)
			}
		}
	}
	span := max(1, o.To.Sub(o.From).Seconds())
	share := func(booked, held, has use) Utilisation {
		b, h := booked.of(has.times(span)), held.of(has.times(span))
		return Utilisation{BookedCPUs: b.cpus, HeldCPUs: h.cpus, BookedMemory: b.memory, HeldMemory: h.memory}
	}
	return share(booked, held, has), share(bookedCompute, heldCompute, hasCompute)
}

func length(from, to time.Time) float64 { return max(0, to.Sub(from).Seconds()) }

// bookedSpan is the window that the cluster had; nothing if it was given up
// before.
func (l Life) bookedSpan() (from, to time.Time) {
	if l.State == cluster.Cancelled || !l.End.After(l.Start) {
		return l.Start, l.Start
	}
	return l.Start, l.End
}

// heldSpan is from the beginning of its preparation until nothing is left.
func (l Life) heldSpan() (from, to time.Time) {
	if l.EndedAt == nil || !l.EndedAt.After(l.PrepareAt) {
		return l.PrepareAt, l.PrepareAt
	}
	return l.PrepareAt, *l.EndedAt
}

// Point is what is in use from an instant on, as shares of all CPUs.
type Point struct {
	At     time.Time
	Booked float64
	Held   float64
}

// Curve is what was in use over time, in so many steps of equal length, each
// the mean over its step.
func (o *Outcome) Curve(steps int) []Point {
	span := o.To.Sub(o.From)
	if span <= 0 || steps < 1 {
		return nil
	}
	total := 0.0
	for _, p := range o.Site.Pnodes {
		total += float64(p.Count * p.CPUs)
	}
	booked, held := make([]float64, steps), make([]float64, steps)
	for _, c := range o.Clusters {
		cpus := 0.0
		for _, n := range c.Nodes {
			cpus += float64(n.CPUs)
		}
		from, to := c.bookedSpan()
		spread(booked, cpus, from.Sub(o.From), to.Sub(o.From), span)
		from, to = c.heldSpan()
		spread(held, cpus, from.Sub(o.From), to.Sub(o.From), span)
	}
	points := make([]Point, steps)
	for i := range points {
		points[i] = Point{At: o.From.Add(span / time.Duration(steps) * time.Duration(i)), Booked: booked[i] / total, Held: held[i] / total}
	}
	return points
}

// spread adds an amount held over [from, to) to the steps that it covers.
func spread(steps []float64, amount float64, from, to, span time.Duration) {
	each := float64(span) / float64(len(steps))
	a, b := float64(from)/each, float64(to)/each
	for i := max(0, int(a)); i < len(steps) && float64(i) < b; i++ {
		covered := min(b, float64(i+1)) - max(a, float64(i))
		steps[i] += amount * max(0, covered)
	}
}

// Reasons lists why requests were refused, the most frequent first.
func (s Summary) Reasons() []string {
	return slices.SortedFunc(maps.Keys(s.ByReason), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.ByReason[b], s.ByReason[a]), cmp.Compare(a, b))
	})
}
