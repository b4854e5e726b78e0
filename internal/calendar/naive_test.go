package calendar

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// naive is the obviously right model: everything that is held, summed up at
// every instant at which anything begins.
type naive struct {
	site  Site
	plans map[string]Booking
}

var t0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(second int) time.Time { return t0.Add(time.Duration(second) * time.Second) }

// instants are all at which use may rise, within [from, to).
func (n naive) instants(from, to time.Time) []time.Time {
	list := []time.Time{from}
	for _, b := range n.plans {
		if b.From.After(from) && b.From.Before(to) {
			list = append(list, b.From)
		}
	}
	for _, p := range n.site.Pnodes {
		for _, w := range p.Maintenance {
			if w.From.After(from) && w.From.Before(to) {
				list = append(list, w.From)
			}
		}
	}
	return list
}

func (b Booking) heldAt(at time.Time) bool { return !at.Before(b.From) && at.Before(b.To) }

func (b Booking) sizes() []Size {
	var list []Size
	for _, g := range b.Request.Groups {
		for range g.Count {
			list = append(list, g.Size)
		}
	}
	return list
}

func (n naive) room(p Pnode) Size {
	o := n.site.Overcommit
	if p.Overcommit.CPUs != 0 {
		o.CPUs = p.Overcommit.CPUs
	}
	if p.Overcommit.Memory != 0 {
		o.Memory = p.Overcommit.Memory
	}
	share := func(have, percent int) int {
		if percent == 0 {
			return have
		}
		return have * percent / 100
	}
	return Size{share(p.Capacity.CPUs, o.CPUs), share(p.Capacity.MemoryMiB, o.Memory), share(p.Capacity.DiskMiB, o.Disk)}
}

func closedAt(p Pnode, at time.Time) bool {
	return slices.ContainsFunc(p.Maintenance, func(w Window) bool { return !at.Before(w.From) && at.Before(w.To) })
}

func (n naive) usedAt(pnode string, at time.Time) (sum Size) {
	for _, b := range n.plans {
		if !b.heldAt(at) {
			continue
		}
		for i, size := range b.sizes() {
			if b.Vnodes[i].Pnode == pnode {
				sum = Size{sum.CPUs + size.CPUs, sum.MemoryMiB + size.MemoryMiB, sum.DiskMiB + size.DiskMiB}
			}
		}
	}
	return sum
}

// over names what is held beyond what there is, at any instant at all.
func (n naive) over() string {
	for _, at := range n.instants(at(-1<<30), at(1<<30)) {
		for _, p := range n.site.Pnodes {
			used := n.usedAt(p.Name, at)
			if !used.Within(n.room(p)) {
				return fmt.Sprintf("%s at %s: %s of %s", p.Name, at, used, n.room(p))
			}
			if closedAt(p, at) && used != (Size{}) {
				return fmt.Sprintf("%s at %s: %s held in maintenance", p.Name, at, used)
			}
		}
		taken := map[Unit]string{}
		for id, b := range n.plans {
			for _, u := range b.Units {
				if !b.heldAt(at) {
					continue
				}
				if taken[u] != "" {
					return fmt.Sprintf("%v at %s is held by %s and %s", u, at, id, taken[u])
				}
				taken[u] = id
			}
		}
	}
	return ""
}

// fits is how many of a size fit on a pnode over [from, to), up to most.
func (n naive) fits(p Pnode, size Size, from, to time.Time, most int) int {
	for _, at := range n.instants(from, to) {
		if closedAt(p, at) {
			return 0
		}
		used, room := n.usedAt(p.Name, at), n.room(p)
		for most > 0 && !(Size{used.CPUs + most*size.CPUs, used.MemoryMiB + most*size.MemoryMiB, used.DiskMiB + most*size.DiskMiB}).Within(room) {
			most--
		}
	}
	return most
}

// places reports whether a request of one group has room in its own window.
func (n naive) places(r Request) bool {
	g := r.Groups[0]
	from, to := second(floorSecond(r.Start.Add(-r.Prepare))), second(ceilSecond(r.End.Add(r.Wipe)))
	if from.Before(r.NotBefore) {
		from = r.NotBefore
	}
	racks := map[string]int{}
	total := 0
	for _, p := range n.site.Pnodes {
		if p.Drained || p.Lost || !slices.Equal(g.Require, intersect(g.Require, p.labels())) {
			continue
		}
		most := g.Count
		if g.Apart {
			most = 1
		}
		fit := n.fits(p, g.Size, from, to, most)
		total += fit
		if p.Rack != "" {
			racks[p.Rack] += fit
		}
	}
	if r.Together == RequireRack && !slices.Contains(g.Require, Uplink) {
		total = 0
		for _, fit := range racks {
			total = max(total, fit)
		}
	}
	return total >= g.Count && n.units(r, from, to)
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(x string) bool { return !slices.Contains(b, x) })
}

func (n naive) units(r Request, from, to time.Time) bool {
	for _, need := range r.Pools {
		free := 0
		for _, p := range n.site.Pools {
			if p.Name != need.Pool {
				continue
			}
			for _, u := range p.Units {
				taken := false
				for _, b := range n.plans {
					taken = taken || slices.Contains(b.Units, Unit{p.Name, u}) && b.From.Before(to) && from.Before(b.To)
				}
				if !taken {
					free++
				}
			}
		}
		if free < need.Count {
			return false
		}
	}
	return true
}

// model is the naive model of a calendar.
func model(c *Calendar) naive {
	n := naive{site: c.Site(), plans: map[string]Booking{}}
	for _, b := range c.Bookings() {
		n.plans[b.Request.ID] = b
	}
	return n
}

// fingerprint is all that a calendar knows, for comparing.
func fingerprint(c *Calendar) string {
	var b strings.Builder
	for _, e := range c.sorted() {
		fmt.Fprintf(&b, "%+v %d %d %v %v\n", e.Booking, e.from, e.to, e.pnodes, e.units)
	}
	show := func(l *lanes) {
		for i, line := range l.line {
			fmt.Fprintln(&b, i, l.room[i], []step(line))
		}
		for t := range l.grid.tiers {
			for _, bucket := range sortedKeys(l.grid.tiers[t]) {
				if bucket*grains[t] < c.now {
					continue // it may still tell of what is over
				}
				fmt.Fprintln(&b, t, bucket, l.grid.tiers[t][bucket].short, l.grid.tiers[t][bucket].ones)
			}
		}
	}
	show(c.lanes)
	for _, p := range c.pools {
		show(p.lanes)
	}
	return b.String()
}

func sortedKeys(m map[int64]*sheet) []int64 {
	var list []int64
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// drawn draws sites and requests. grain is the length of its time unit in
// seconds: a long one makes windows that cover whole buckets of the grid.
type drawn struct{ grain int }

func draw(t *rapid.T) drawn {
	return drawn{rapid.SampledFrom([]int{1, 1700, 3600, 40000}).Draw(t, "grain")}
}

func (d drawn) instant(t *rapid.T, label string, least, most int) time.Time {
	jitter := rapid.IntRange(-1, 1).Draw(t, label+" jitter")
	return at(rapid.IntRange(least, most).Draw(t, label)*d.grain + jitter)
}

func drawSize(t *rapid.T, label string, most int) Size {
	return Size{
		CPUs:      rapid.IntRange(0, most).Draw(t, label+" cpus"),
		MemoryMiB: rapid.IntRange(0, most).Draw(t, label+" memory") * 300,
		DiskMiB:   rapid.IntRange(0, most).Draw(t, label+" disk") * 3000,
	}
}

func (d drawn) pnode(t *rapid.T, name string) Pnode {
	p := Pnode{
		Name: name, Capacity: drawSize(t, "capacity", 7),
		Uplink: rapid.IntRange(0, 2).Draw(t, "uplink") == 0, Rack: rapid.SampledFrom([]string{"", "r1", "r2"}).Draw(t, "rack"),
		Drained: rapid.IntRange(0, 9).Draw(t, "drained") == 0, Lost: rapid.IntRange(0, 9).Draw(t, "lost") == 0,
	}
	if rapid.IntRange(0, 3).Draw(t, "of its own") == 0 {
		p.Overcommit = Overcommit{CPUs: rapid.SampledFrom([]int{0, 150}).Draw(t, "own cpus"), Memory: 200}
	}
	if rapid.Bool().Draw(t, "tagged") {
		p.Tags = []string{"fast"}
	}
	if rapid.IntRange(0, 3).Draw(t, "maintained") == 0 {
		from := d.instant(t, "maintenance", 0, 30)
		p.Maintenance = []Window{{from, from.Add(time.Duration(rapid.IntRange(1, 8*d.grain).Draw(t, "maintenance length")) * time.Second)}}
	}
	return p
}

func (d drawn) site(t *rapid.T) Site {
	var s Site
	for i := range rapid.IntRange(1, 6).Draw(t, "pnodes") {
		s.Pnodes = append(s.Pnodes, d.pnode(t, fmt.Sprintf("p%d", i)))
	}
	s.Pools = []Pool{{Name: "vlan", Units: []string{"100", "101", "102"}}, {Name: "address", Units: []string{"a", "b"}}}
	s.Overcommit = Overcommit{CPUs: rapid.SampledFrom([]int{0, 100, 250}).Draw(t, "overcommit")}
	return s
}

func (d drawn) request(t *rapid.T, id string, groups int) Request {
	start := d.instant(t, "start", 0, 30)
	r := Request{
		ID: id, Name: "n" + id, Tenant: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "tenant"),
		Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 12*d.grain).Draw(t, "length")) * time.Second),
		Prepare: time.Duration(rapid.IntRange(0, 2).Draw(t, "prepare")) * time.Second, Wipe: time.Duration(rapid.IntRange(0, 2).Draw(t, "wipe")) * time.Second,
		Policy:   rapid.SampledFrom([]Policy{"", Spread, Pack}).Draw(t, "policy"),
		Together: rapid.SampledFrom([]Together{Anywhere, Anywhere, PreferRack, RequireRack}).Draw(t, "together"),
		Pools:    []Need{{"vlan", rapid.IntRange(0, 1).Draw(t, "vlans")}, {"address", rapid.IntRange(0, 1).Draw(t, "addresses")}},
	}
	if rapid.IntRange(0, 3).Draw(t, "soon") == 0 {
		r.NotBefore = start.Add(-time.Second)
	}
	for i := range groups {
		g := Group{
			Appliance: fmt.Sprintf("g%d", i), Count: rapid.IntRange(1, 5).Draw(t, "count"), Size: drawSize(t, "wanted", 3),
			Apart: rapid.IntRange(0, 3).Draw(t, "apart") == 0,
		}
		if rapid.IntRange(0, 3).Draw(t, "require") == 0 {
			g.Require = []string{rapid.SampledFrom([]string{Uplink, "fast"}).Draw(t, "label")}
		}
		if rapid.IntRange(0, 2).Draw(t, "prefer") == 0 {
			g.Prefer = []string{"fast"}
		}
		r.Groups = append(r.Groups, g)
	}
	return r
}

// filled draws a site and books what fits of some requests.
func (d drawn) filled(t *rapid.T) *Calendar {
	c, err := New(d.site(t))
	if err != nil {
		t.Fatal(err)
	}
	for i := range rapid.IntRange(0, 8).Draw(t, "booked") {
		_, _ = c.Book(d.request(t, fmt.Sprintf("b%d", i), rapid.IntRange(1, 2).Draw(t, "groups")))
	}
	return c
}
