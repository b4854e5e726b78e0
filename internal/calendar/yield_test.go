package calendar

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// crowded draws a request that is likely to meet others on a small site.
func (d drawn) crowded(t *rapid.T, id string) Request {
	r := d.request(t, id, rapid.IntRange(1, 2).Draw(t, "groups"))
	r.Start = d.instant(t, "start", 4, 12)
	r.End = r.Start.Add(time.Duration(rapid.IntRange(1, 14*d.grain).Draw(t, "length")) * time.Second)
	r.NotBefore, r.Together, r.Pools = time.Time{}, Anywhere, []Need{{"vlan", rapid.IntRange(0, 1).Draw(t, "vlan")}}
	for g := range r.Groups {
		r.Groups[g].Count, r.Groups[g].Size = rapid.IntRange(1, 3).Draw(t, "count"), drawSize(t, "size", 2)
		r.Groups[g].Require = nil
	}
	return r
}

// mixed draws a calendar with bookings of both kinds, at some time.
func (d drawn) mixed(t *rapid.T) (c *Calendar, keep []string, now time.Time) {
	site := d.site(t)
	for i := range site.Pnodes {
		site.Pnodes[i].Lost, site.Pnodes[i].Drained, site.Pnodes[i].Capacity = false, false, Size{CPUs: 6, MemoryMiB: 1800, DiskMiB: 18000}
	}
	site.Pnodes = site.Pnodes[:min(3, len(site.Pnodes))]
	c, err := New(site)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rapid.IntRange(4, 14).Draw(t, "booked") {
		r := d.crowded(t, fmt.Sprintf("b%d", i))
		r.BestEffort = rapid.IntRange(0, 5).Draw(t, "best effort") > 0
		_, err := c.Book(r)
		if err == nil {
			keep = append(keep, r.ID)
		}
	}
	now = d.instant(t, "now", -2, 6)
	c.Advance(now)
	return c, rapid.Permutation(keep).Draw(t, "keep"), second(floorSecond(now))
}

// Best-effort bookings yield to others and never the other way round: enough,
// in time, and none without need.
func TestYield(t *testing.T) {
	yielded := 0
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c, keep, now := d.mixed(t)
		before, was := fingerprint(c), model(c)
		req := d.crowded(t, "new")
		req.NotBefore = now
		if !req.End.After(now) {
			return
		}
		held, _ := req.held()
		from := second(max(held, c.now))
		book := func() error { _, err := c.Book(req); return err }
		cuts, err := c.Yield("new", keep, now, from, book)
		var refusal *Refusal
		if errors.As(err, &refusal) {
			if fingerprint(c) != before {
				t.Fatal("a refusal changed the calendar")
			}
			if n := was.without(now, from); len(req.Groups) == 1 && n.places(req) {
				t.Fatalf("refused, and it fits once they yield")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		is := model(c)
		if over := is.over(); over != "" {
			t.Fatal(over)
		}
		for _, cut := range cuts {
			yielded++
			id := cut.Before.Request.ID
			if !cut.Before.Request.BestEffort {
				t.Fatalf("%s is no best-effort booking", id)
			}
			after, left := is.plans[id]
			if left && after.To.After(from) {
				t.Fatalf("%s holds on until %s, and is needed from %s on", id, after.To, from)
			}
			if begun := !cut.Before.From.After(now); begun && after.To.Before(now.Add(cut.Before.Request.Wipe)) {
				t.Fatalf("%s runs at %s and holds until %s only: there is no time to wipe it", id, now, after.To)
			}
		}
		for id, b := range was.plans {
			if !slices.ContainsFunc(cuts, func(k Cut) bool { return k.Before.Request.ID == id }) && !reflect.DeepEqual(is.plans[id], b) {
				t.Fatalf("%s is %+v, was %+v", id, is.plans[id], b)
			}
		}
		for _, cut := range cuts { // each of them alone stood in the way
			c.Remove("new")
			cutTo, left := c.Booking(cut.Before.Request.ID)
			if err := c.Put(cut.Before); err != nil {
				t.Fatal(err)
			}
			if book() == nil {
				t.Fatalf("%s yielded without need", cut.Before.Request.ID)
			}
			c.Remove(cut.Before.Request.ID)
			if left {
				_ = c.Put(cutTo)
			}
			if err := book(); err != nil {
				t.Fatal(err)
			}
		}
	})
	if yielded == 0 {
		t.Error("nobody ever yielded: the test tests nothing")
	}
}

// without is the model once all best-effort bookings have given up what they can.
func (n naive) without(now, from time.Time) naive {
	out := naive{site: n.site, plans: map[string]Booking{}}
	for id, b := range n.plans {
		wipe := b.Request.Wipe
		switch begun := !b.From.After(now); {
		case !b.Request.BestEffort, begun && now.Add(wipe).After(from):
		case b.To.After(from):
			b.To = from
		}
		if b.To.After(b.From) {
			out.plans[id] = b
		}
	}
	return out
}

// Those named first stay, and who is cut ends so early that it is wiped when
// the booking's preparation begins.
func TestYieldInOrder(t *testing.T) {
	book := func(c *Calendar, id string, start, end, count int, bestEffort bool) error {
		_, err := c.Book(Request{
			ID: id, Name: id, Start: at(start), End: at(end), Prepare: 100 * time.Second, Wipe: 60 * time.Second, BestEffort: bestEffort,
			Groups: []Group{{Appliance: "compute", Count: count, Size: Size{CPUs: 1}}},
		})
		return err
	}
	for _, c := range []struct {
		name       string
		keep       []string
		start, end int
		count      int
		want       map[string]int // the end of who yields
		refused    bool
	}{
		{name: "nobody needs to", keep: []string{"a", "b"}, start: 20000, end: 20100, count: 1, want: map[string]int{}},
		{name: "the last one", keep: []string{"a", "b"}, start: 5000, end: 6000, count: 3, want: map[string]int{"b": 5000 - 100 - 60}},
		{name: "the other order", keep: []string{"b", "a"}, start: 5000, end: 6000, count: 3, want: map[string]int{"a": 5000 - 100 - 60}},
		{name: "both", keep: []string{"a", "b"}, start: 5000, end: 6000, count: 4, want: map[string]int{"a": 4840, "b": 4840}},
		{name: "one that may not", keep: []string{"a"}, start: 5000, end: 6000, count: 4, refused: true},
		{name: "too soon to be wiped", keep: []string{"a", "b"}, start: 1159, end: 6000, count: 3, refused: true},
		{name: "just in time", keep: []string{"a", "b"}, start: 1160, end: 6000, count: 3, want: map[string]int{"b": 1000}},
		{name: "more than there is", keep: []string{"a", "b"}, start: 5000, end: 6000, count: 5, refused: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal, err := New(Site{Pnodes: []Pnode{{Name: "p1", Capacity: Size{CPUs: 4}}}})
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"a", "b"} {
				if err := book(cal, id, 500, 9000, 1, true); err != nil {
					t.Fatal(err)
				}
			}
			cal.Advance(at(1000))
			cuts, err := cal.Yield("new", c.keep, at(1000), at(c.start-100), func() error { return book(cal, "new", c.start, c.end, c.count, false) })
			if (err != nil) != c.refused {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, k := range cuts {
				got[k.Before.Request.ID] = int(k.End.Sub(t0) / time.Second)
			}
			if !c.refused && !reflect.DeepEqual(got, c.want) {
				t.Errorf("%v yield, want %v", got, c.want)
			}
		})
	}
}
