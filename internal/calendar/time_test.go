package calendar

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no time zones
)

func oneNode(id string, start, end time.Time) Request {
	return Request{ID: id, Name: id, Tenant: "x", Start: start, End: end, Groups: []Group{{Appliance: "compute", Count: 1, Size: Size{1, 512, 512}}}}
}

func onePnode(t *testing.T) *Calendar {
	t.Helper()
	c, err := New(Site{Pnodes: []Pnode{{Name: "p1", Capacity: Size{1, 1024, 9999}}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Windows that touch do not overlap and windows that overlap by a second do,
// whatever the wall clock of the caller does in between.
func TestOddTimes(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, middle := range map[string]time.Time{
		"clock forward":  time.Date(2026, 3, 29, 3, 0, 0, 0, berlin),
		"clock back":     time.Date(2026, 10, 25, 3, 0, 0, 0, berlin),
		"leap day":       time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC),
		"after leap day": time.Date(2028, 3, 1, 0, 0, 0, 0, time.UTC),
		"2038":           time.Unix(1<<31, 0).In(berlin),
		"1970":           time.Unix(7200, 0),
		"2100":           time.Date(2100, 3, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			c := onePnode(t)
			if _, err := c.Book(oneNode("before", middle.Add(-2*time.Hour), middle)); err != nil {
				t.Fatal(err)
			}
			var refusal *Refusal
			if _, err := c.Book(oneNode("overlaps", middle.Add(-time.Second), middle.Add(2*time.Hour))); !errors.As(err, &refusal) {
				t.Fatalf("a second was booked twice: %v", err)
			}
			plan, ok, err := c.Earliest(oneNode("after", middle.Add(-time.Hour), middle.Add(time.Hour)), middle.Add(-time.Hour), middle.Add(time.Hour))
			if err != nil || !ok || !plan.Request.Start.Equal(middle) || plan.To.Sub(plan.From) != 2*time.Hour {
				t.Fatalf("%v %v %v", plan, ok, err)
			}
			if _, err := c.Book(plan.Request); err != nil {
				t.Fatal(err)
			}
			if over := model(c).over(); over != "" {
				t.Fatal(over)
			}
		})
	}
}

// Parts of a second are held whole.
func TestPartsOfASecond(t *testing.T) {
	c := onePnode(t)
	plan, err := c.Book(oneNode("a", at(10).Add(time.Millisecond), at(20).Add(time.Nanosecond)))
	if err != nil || !plan.From.Equal(at(10)) || !plan.To.Equal(at(21)) {
		t.Fatalf("%v to %v: %v", plan.From, plan.To, err)
	}
}

// What comes out of a store or from a caller is judged before it is taken, and
// what was taken can be given back.
func FuzzPut(f *testing.F) {
	for _, r := range []Request{oneNode("a", at(0), at(60)), oneNode("b", at(7200), at(90000))} {
		raw, err := json.Marshal(Booking{Plan: Plan{Request: r, From: r.Start, To: r.End, Vnodes: []Vnode{{"compute-0", "p1"}}, Units: []Unit{{"vlan", "1"}}}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b Booking
		if json.Unmarshal(raw, &b) != nil || b.To.Sub(b.From) > 100*24*time.Hour {
			return
		}
		c := onePnode(t)
		before := fingerprint(c)
		if c.Put(b) == nil {
			c.Explain(b.Request, at(0), at(9000))
			c.Remove(b.Request.ID)
		}
		if after := fingerprint(c); after != before {
			t.Fatalf("after:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// A request is tried only where it has room: each try costs as much as a
// booking. p1 is busy from 1,000 s on, p2 until 500 s, so that both are free
// for 800 s from 3,000 s on only.
func TestSearchedInstantsHaveRoom(t *testing.T) {
	p := func(name string) Pnode { return Pnode{Name: name, Capacity: Size{1, 1024, 9999}, Tags: []string{name}} }
	c, err := New(Site{Pnodes: []Pnode{p("p1"), p("p2")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, busy := range []struct {
		pnode    string
		from, to int
	}{{"p1", 1000, 3000}, {"p2", 0, 500}} {
		r := oneNode(busy.pnode, at(busy.from), at(busy.to))
		r.Groups[0].Require = []string{busy.pnode}
		if _, err := c.Book(r); err != nil {
			t.Fatal(err)
		}
	}
	r := oneNode("both", at(0), at(800))
	r.Groups[0].Count = 2
	got := c.search(&r, 800).instants(at(0).Unix(), at(3600).Unix())
	if want := []int64{at(3000).Unix()}; !slices.Equal(got, want) {
		t.Fatalf("%v, not %v", got, want)
	}
}
