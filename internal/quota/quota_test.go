package quota

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/calendar"
	"quarry/internal/fault"
)

var t0 = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday

func at(second int) time.Time { return t0.Add(time.Duration(second) * time.Second) }

func request(id string, from, length, nodes, cpus, memory, addresses int) calendar.Request {
	return calendar.Request{
		ID: id, Name: id, Start: at(from), End: at(from + length),
		Groups: []calendar.Group{{Appliance: "compute", Count: nodes, Size: calendar.Size{CPUs: cpus, MemoryMiB: memory}}},
		Pools:  []calendar.Need{{Pool: "vlan", Count: 1}, {Pool: AddressPool, Count: addresses}},
	}
}

// naive counts second by second.
type naive struct {
	limits    Limits
	now       time.Time
	own, past []Claim
}

func (n naive) heldAt(second int64) (sum amounts) {
	for _, c := range n.own {
		if c.Start.Unix() <= second && second < c.End.Unix() {
			for r, v := range c.amounts() {
				sum[r] += v
			}
		}
	}
	return sum
}

// over names the limits that a new claim would exceed.
func (n naive) over(c Claim) []string {
	var names []string
	for r := range resources {
		most := [3]int64{n.limits.MaxCPUs, n.limits.MaxMemoryMiB, n.limits.MaxAddresses}[r]
		for s := c.Start.Unix(); most > 0 && c.amounts()[r] > 0 && s < c.End.Unix(); s++ {
			if n.heldAt(s)[r]+c.amounts()[r] > most {
				names = append(names, resources[r].limit)
				break
			}
		}
	}
	if n.overspent(c) {
		names = append(names, "max-node-hours")
	}
	if h := n.limits.HorizonSeconds; h > 0 && c.Start.Sub(n.now) > span(h) {
		names = append(names, "horizon")
	}
	if l := n.limits.LongestSeconds; l > 0 && c.End.Sub(c.Start) > span(l) {
		names = append(names, "longest")
	}
	if l := n.limits.NoticeSeconds; l > 0 && !c.BestEffort && c.Start.Sub(n.now) < span(l) {
		names = append(names, "notice")
	}
	return names
}

func (n naive) overspent(c Claim) bool {
	if n.limits.MaxNodeHours == 0 || c.BestEffort {
		return false
	}
	spent, mine := map[int64]int64{}, map[int64]bool{}
	add := func(c Claim, own bool) {
		for s := c.Start.Unix(); s < c.End.Unix() && !c.BestEffort; s++ {
			period := time.Unix(s, 0).UTC().Sub(time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC)) / span(n.limits.NodeHoursSeconds)
			spent[int64(period)] += c.Nodes
			mine[int64(period)] = mine[int64(period)] || own
		}
	}
	for _, o := range slices.Concat(n.own, n.past) {
		add(o, false)
	}
	add(c, true)
	for period, sum := range spent {
		if mine[period] && sum > n.limits.MaxNodeHours*3600 {
			return true
		}
	}
	return false
}

func drawRequest(t *rapid.T, id string, unit int) calendar.Request {
	jitter := func(label string) int { return rapid.IntRange(0, 1).Draw(t, label) }
	r := request(id, rapid.IntRange(0, 20).Draw(t, "from")*unit+jitter("from"), rapid.IntRange(1, 12).Draw(t, "length")*unit+jitter("length"), rapid.IntRange(1, 4).Draw(t, "nodes"),
		rapid.IntRange(0, 3).Draw(t, "cpus"), rapid.IntRange(0, 3).Draw(t, "memory"), rapid.IntRange(0, 1).Draw(t, "addresses"))
	r.BestEffort = rapid.IntRange(0, 4).Draw(t, "best effort") == 0
	return r
}

// drawUse draws a tenant; unit is the seconds of its time unit, so that windows
// are shorter and longer than the hour of a period.
func drawUse(t *rapid.T) (*Use, naive, int) {
	unit := rapid.SampledFrom([]int{1, 1, 300}).Draw(t, "unit")
	may := func(name string, most int) int64 { return int64(max(0, rapid.IntRange(-most, most).Draw(t, name))) }
	n := naive{now: at(rapid.IntRange(0, 3).Draw(t, "now") * unit), limits: Limits{
		MaxCPUs: may("max cpus", 14), MaxMemoryMiB: may("max memory", 14), MaxAddresses: may("max addresses", 3),
		HorizonSeconds: may("horizon", 60) * int64(unit), LongestSeconds: may("longest", 14) * int64(unit), NoticeSeconds: may("notice", 8) * int64(unit),
	}}
	if n.limits.MaxNodeHours = may("node-hours", 3); n.limits.MaxNodeHours > 0 {
		n.limits.NodeHoursSeconds = int64(rapid.SampledFrom([]int{3600, 5400}).Draw(t, "period"))
	}
	for i := range rapid.IntRange(0, 5).Draw(t, "own") {
		n.own = append(n.own, ClaimOf(drawRequest(t, fmt.Sprint("own", i), unit)))
	}
	for i := range rapid.IntRange(0, 1).Draw(t, "past") {
		n.past = append(n.past, ClaimOf(drawRequest(t, fmt.Sprint("past", i), unit)))
	}
	return NewUse(n.limits, n.now, n.own, n.past), n, unit
}

func limitsOf(over []Excess) (names []string) {
	for _, e := range over {
		names = append(names, e.Limit)
	}
	return names
}

// Check says of every request what counting second by second says.
func TestCheckCountsEverySecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, n, unit := drawUse(t)
		r := drawRequest(t, "new", unit)
		if r.Start.Before(n.now) {
			r.Start, r.End = n.now, n.now.Add(r.End.Sub(r.Start))
		}
		c := ClaimOf(r)
		if got, want := limitsOf(u.Check(nil, c)), n.over(c); !slices.Equal(got, want) {
			t.Fatalf("%v are exceeded, want %v, of %+v by %+v", got, want, n.limits, c)
		}
	})
}

// First is the first start that Check allows: none before it is.
func TestFirstIsTheFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, n, unit := drawUse(t)
		r := drawRequest(t, "new", unit)
		from, until := n.now.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "from"))*time.Second), n.now.Add(time.Duration(60*unit)*time.Second)
		var want time.Time
		for s := from; !s.After(until); s = s.Add(time.Second) {
			moved := r
			moved.Start, moved.End = s, s.Add(r.End.Sub(r.Start))
			if len(u.Check(nil, ClaimOf(moved))) == 0 {
				want = s
				break
			}
		}
		got, ok := u.First(r, from, until)
		if ok != !want.IsZero() || ok && !got.Equal(want) {
			t.Fatalf("the first start is %s (%v), want %s", got, ok, want)
		}
	})
}

// What fits by an Excess of an amount does fit.
func TestWhatFitsFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, _, unit := drawUse(t)
		c := ClaimOf(drawRequest(t, "new", unit))
		for _, e := range u.Check(nil, c) {
			less := c
			switch e.Limit {
			case "max-cpus":
				less.CPUs = int64(e.Fits)
			case "max-memory":
				less.MemoryMiB = int64(e.Fits)
			case "max-addresses":
				less.Addresses = int64(e.Fits)
			default:
				continue
			}
			if slices.Contains(limitsOf(u.Check(nil, less)), e.Limit) {
				t.Fatalf("%s: %v does not fit", e.Message, e.Fits)
			}
		}
	})
}

// Whoever gives back is never refused, however far over the limits; who takes
// nothing more of a resource is not held to its limit.
func TestGivingBackIsAllowed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u, _, unit := drawUse(t)
		before := ClaimOf(drawRequest(t, "own", unit))
		after := before
		after.Nodes = rapid.Int64Range(1, before.Nodes).Draw(t, "nodes")
		after.CPUs = rapid.Int64Range(0, before.CPUs).Draw(t, "fewer cpus")
		after.End = before.Start.Add(time.Duration(rapid.Int64Range(1, int64(before.End.Sub(before.Start)/time.Second)).Draw(t, "seconds")) * time.Second)
		if over := u.Check(&before, after); len(over) > 0 {
			t.Fatalf("%v", over)
		}
	})
}

// An extension counts where it adds, and only there.
func TestExtensionCountsWhereItAdds(t *testing.T) {
	limits := Limits{MaxCPUs: 4}
	early, late := ClaimOf(request("early", 0, 10, 1, 4, 0, 0)), ClaimOf(request("late", 20, 10, 1, 2, 0, 0))
	before := ClaimOf(request("mine", 0, 10, 1, 3, 0, 0)) // over since the limit was lowered
	for _, c := range []struct {
		until int
		over  int
	}{{15, 0}, {20, 0}, {21, 1}} {
		after := before
		after.End = at(c.until)
		if over := NewUse(limits, t0, []Claim{early, late}, nil).Check(&before, after); len(over) != c.over {
			t.Errorf("until %d: %v", c.until, over)
		}
	}
	after := before
	after.CPUs++
	if over := NewUse(limits, t0, []Claim{early}, nil).Check(&before, after); len(over) != 1 || over[0].Used != 4 || over[0].By[0].Name != "early" {
		t.Errorf("a CPU more: %+v", over)
	}
}

func TestPeriodsBeginOnMondays(t *testing.T) {
	l := Limits{MaxNodeHours: 1, NodeHoursSeconds: 7 * 24 * 3600}
	for _, c := range []struct{ at, want time.Time }{
		{t0, t0},
		{t0.Add(-time.Second), t0.AddDate(0, 0, -7)},
		{t0.AddDate(0, 0, 6), t0},
		{time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 29, 0, 0, 0, 0, time.UTC)},
	} {
		if got := l.PeriodAt(c.at); !got.Equal(c.want) {
			t.Errorf("%s is in the period of %s, want %s", c.at, got, c.want)
		}
	}
}

func TestDefaultsAreForWhatIsNotSet(t *testing.T) {
	site := Limits{MaxCPUs: 8, MaxNodeHours: 10, NodeHoursSeconds: 3600, NoticeSeconds: 60, Priority: Low}
	got := Limits{MaxCPUs: None, NoticeSeconds: 5, MaxAddresses: 2}.Or(site)
	want := Limits{MaxAddresses: 2, MaxNodeHours: 10, NodeHoursSeconds: 3600, NoticeSeconds: 5, Priority: Low}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Limits{MaxNodeHours: None, Priority: High}).Or(site); got.MaxNodeHours != 0 || got.NodeHoursSeconds != 0 || got.Priority != High || got.MaxCPUs != 8 {
		t.Errorf("%+v", got)
	}
	if got := (Limits{}).Or(Limits{}); got != (Limits{Priority: Normal}) || got.Bounded() {
		t.Errorf("%+v", got)
	}
}

func TestChangeSetsWhatItNames(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	got, err := Limits{MaxCPUs: 8, NoticeSeconds: 60}.Changed(LimitsChange{MaxCPUs: n(0), LongestSeconds: n(3600)})
	if err != nil || got != (Limits{NoticeSeconds: 60, LongestSeconds: 3600}) {
		t.Errorf("%+v, %v", got, err)
	}
	low := Priority("lowest")
	_, err = Limits{}.Changed(LimitsChange{
		MaxCPUs: n(-2), MaxNodeHours: n(5), HorizonSeconds: n(60), NoticeSeconds: n(61), Priority: &low,
		UnusedWarnSeconds: n(60), UnusedReclaimSeconds: n(60),
	})
	for _, field := range []string{"maxCPUs", "nodeHoursSeconds", "noticeSeconds", "unusedReclaimSeconds", "priority"} {
		if err == nil || !slices.ContainsFunc(details(err), func(f string) bool { return f == field }) {
			t.Errorf("%s is not complained about: %v", field, err)
		}
	}
}

func details(err error) (fields []string) {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		for _, d := range f.Details {
			fields = append(fields, d.Field)
		}
	}
	return fields
}
