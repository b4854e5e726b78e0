package quota

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"quarry/internal/calendar"
)

// AddressPool is the calendar's pool of addresses on the outside network.
const AddressPool = "address"

// Claim is what one booking, hold or cluster that is over counts.
type Claim struct {
	ID, Name   string
	Start, End time.Time
	Nodes      int64
	CPUs       int64
	MemoryMiB  int64
	Addresses  int64
	// BestEffort clusters take what nobody else wants: they spend no
	// node-hours and need no notice.
	BestEffort bool
}

// ClaimOf is what a request counts.
func ClaimOf(r calendar.Request) Claim {
	c := Claim{ID: r.ID, Name: r.Name, Start: r.Start, End: r.End, BestEffort: r.BestEffort}
	for _, g := range r.Groups {
		n := int64(g.Count)
		c.Nodes += n
		c.CPUs += n * int64(g.Size.CPUs)
		c.MemoryMiB += n * int64(g.Size.MemoryMiB)
	}
	for _, need := range r.Pools {
		if need.Pool == AddressPool {
			c.Addresses += int64(need.Count)
		}
	}
	return c
}

func (c Claim) amounts() amounts { return amounts{c.CPUs, c.MemoryMiB, c.Addresses} }

// from and to are the claim's window in whole seconds, rounded outwards.
func (c Claim) from() int64 { return c.Start.Unix() }

func (c Claim) to() int64 {
	if c.End.Nanosecond() > 0 {
		return c.End.Unix() + 1
	}
	return c.End.Unix()
}

// amounts are what is bounded at every second.
type amounts [3]int64

const (
	cpus = iota
	memory
	addresses
)

// Use is what a tenant holds, against what the tenant may hold.
type Use struct {
	limits Limits
	now    time.Time
	own    []Claim // by start, then ID
	past   []Claim // that are over and spent node-hours
	steps  []step
	spent  map[int64]int64 // node-seconds by period, once asked for
}

// step is what is held from an instant on.
type step struct {
	at   int64
	used amounts
}

// NewUse sums up what a tenant's clusters hold: own are bookings and holds,
// past are clusters that are over. limits are those that hold (see Limits.Or).
func NewUse(limits Limits, now time.Time, own, past []Claim) *Use {
	u := &Use{limits: limits, now: now, own: slices.Clone(own), past: past, spent: map[int64]int64{}}
	slices.SortFunc(u.own, func(a, b Claim) int { return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.ID, b.ID)) })
	u.steps = stepsOf(u.own)
	return u
}

// Bounded reports whether limits limit a new booking at all.
func (l Limits) Bounded() bool {
	return l.MaxCPUs > 0 || l.MaxMemoryMiB > 0 || l.MaxAddresses > 0 || l.MaxNodeHours > 0 ||
		l.HorizonSeconds > 0 || l.LongestSeconds > 0 || l.NoticeSeconds > 0
}

func stepsOf(claims []Claim) []step {
	type edge struct {
		at   int64
		by   amounts
		sign int64
	}
	var edges []edge
	for _, c := range claims {
		if c.from() < c.to() {
			edges = append(edges, edge{c.from(), c.amounts(), 1}, edge{c.to(), c.amounts(), -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Compare(a.at, b.at) })
	var steps []step
	var used amounts
	for i, e := range edges {
		for r := range used {
			used[r] += e.sign * e.by[r]
		}
		if i+1 == len(edges) || edges[i+1].at != e.at {
			steps = append(steps, step{e.at, used})
		}
	}
	return steps
}

// first is the step in force at an instant, -1 for none.
func (u *Use) first(at int64) int {
	i, found := slices.BinarySearchFunc(u.steps, at, func(s step, at int64) int { return cmp.Compare(s.at, at) })
	if found {
		return i
	}
	return i - 1
}

// peak is the most of a resource that is held in [from, to), and since when.
func (u *Use) peak(resource int, from, to int64) (most, since int64) {
	since = from
	for i := max(u.first(from), 0); i < len(u.steps) && u.steps[i].at < to; i++ {
		if s := u.steps[i]; s.used[resource] > most {
			most, since = s.used[resource], max(s.at, from)
		}
	}
	return most, since
}

// bound is the limit of a resource at every second, 0 for none.
func (l Limits) bound(resource int) int64 {
	return [3]int64{l.MaxCPUs, l.MaxMemoryMiB, l.MaxAddresses}[resource]
}

// firstMonday is where periods are counted from: Monday 1970-01-05.
const firstMonday = 4 * 24 * 3600

// period is the number of the period that an instant lies in.
func (l Limits) period(at int64) int64 {
	n := (at - firstMonday) / l.NodeHoursSeconds
	if (at-firstMonday)%l.NodeHoursSeconds < 0 {
		n--
	}
	return n
}

// periodFrom is when a period begins.
func (l Limits) periodFrom(n int64) int64 { return firstMonday + n*l.NodeHoursSeconds }

// spentIn is how many node-seconds are booked in a period.
func (u *Use) spentIn(n int64) int64 {
	if sum, known := u.spent[n]; known {
		return sum
	}
	from, to := u.limits.periodFrom(n), u.limits.periodFrom(n+1)
	var sum int64
	for _, list := range [][]Claim{u.own, u.past} {
		for _, c := range list {
			sum += c.nodeSeconds(from, to)
		}
	}
	u.spent[n] = sum
	return sum
}

// nodeSeconds is what a claim spends within [from, to).
func (c Claim) nodeSeconds(from, to int64) int64 {
	if c.BestEffort {
		return 0
	}
	return c.Nodes * max(0, min(c.to(), to)-max(c.from(), from))
}
