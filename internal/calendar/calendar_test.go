package calendar

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/fault"
)

// wellPlaced says what a plan breaks of what its request asks for.
func wellPlaced(c *Calendar, p Plan) string {
	if len(p.Vnodes) != p.Request.total() {
		return fmt.Sprintf("%d of %d vnodes are placed", len(p.Vnodes), p.Request.total())
	}
	i := 0
	racks := map[string]bool{}
	for _, g := range p.Request.Groups {
		seen := map[string]bool{}
		for n := range g.Count {
			v := p.Vnodes[i]
			i++
			at, ok := c.index[v.Pnode]
			if !ok || v.Name != g.vnodeName(n) {
				return fmt.Sprintf("%s is on %q", v.Name, v.Pnode)
			}
			if !g.needsUplink() {
				racks[c.pnodes[at].Rack] = true
			}
			for _, l := range g.Require {
				if !c.labels[l].has(at) {
					return fmt.Sprintf("%s needs %s and is on %s", v.Name, l, v.Pnode)
				}
			}
			if g.Apart && seen[v.Pnode] {
				return fmt.Sprintf("two of %s on %s", g.Appliance, v.Pnode)
			}
			seen[v.Pnode] = true
		}
	}
	if p.Request.Together == RequireRack && (len(racks) > 1 || racks[""]) {
		return fmt.Sprintf("in racks %v", racks)
	}
	for _, n := range p.Request.Pools {
		have := 0
		for _, u := range p.Units {
			if u.Pool == n.Pool {
				have++
			}
		}
		if have != n.Count {
			return fmt.Sprintf("%d of %d of %s", have, n.Count, n.Pool)
		}
	}
	return ""
}

func TestNeverOverCapacityAndNeverHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		for _, b := range c.Bookings() {
			if bad := wellPlaced(c, b.Plan); bad != "" {
				t.Fatalf("%s: %s", b.Request.ID, bad)
			}
			for _, v := range b.Vnodes {
				if !c.pnodes[c.index[v.Pnode]].usable() {
					t.Fatalf("%s is on the unusable %s", v.Name, v.Pnode)
				}
			}
		}
		if over := model(c).over(); over != "" {
			t.Fatal(over)
		}
	})
}

// A request of one group is refused only if the naive model has no room for
// it; the grid in between loses nothing.
func TestRefusalsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		r := d.request(t, "new", 1)
		plan, err := c.Fits(r)
		var refusal *Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Fatal(err)
		}
		if fits := model(c).places(r); fits != (err == nil) {
			t.Fatalf("the naive model places it: %v; told %v %v", fits, plan, err)
		}
	})
}

// What is certain is true for several groups too: one of them, alone, is
// refused by the naive model.
func TestCertainRefusalsAreTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		r := d.request(t, "new", 2)
		refusal := c.Explain(r, at(-10), at(100*d.grain))
		if refusal == nil || !refusal.Certain {
			return
		}
		for _, g := range r.Groups {
			alone := r
			alone.Together, alone.Groups = Anywhere, []Group{g}
			if !model(c).places(alone) {
				return
			}
		}
		t.Fatalf("certain, and each group has room: %+v", refusal)
	})
}

func TestEarliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		r := d.request(t, "new", rapid.IntRange(1, 2).Draw(t, "groups"))
		notBefore, horizon := d.instant(t, "not before", 0, 20), d.instant(t, "horizon", 20, 60)
		if notBefore.Before(r.NotBefore) {
			notBefore = r.NotBefore
		}
		if horizon.Before(notBefore) {
			horizon = notBefore
		}
		plan, ok, err := c.Earliest(r, notBefore, horizon)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			again, err := c.Fits(plan.Request)
			if err != nil || fmt.Sprint(again) != fmt.Sprint(plan) || plan.Request.Start.Before(notBefore) || plan.Request.Start.After(horizon) {
				t.Fatalf("told %+v, and then %+v %v", plan, again, err)
			}
		}
		if len(r.Groups) > 1 || r.Together == PreferRack {
			return
		}
		for _, start := range starts(c, r, notBefore, horizon) {
			if start.After(notBefore) && start.Before(r.NotBefore.Add(r.Prepare)) {
				continue // would be late
			}
			if (!ok || start.Before(plan.Request.Start)) && model(c).places(r.at(start)) {
				t.Fatalf("fits from %v; told %v %v", start, ok, plan.Request.Start)
			}
		}
	})
}

// starts are the instants at which a request may first fit.
func starts(c *Calendar, r Request, notBefore, horizon time.Time) []time.Time {
	list := []time.Time{notBefore}
	add := func(held time.Time) {
		if start := held.Add(r.Prepare); !start.Before(notBefore) && !start.After(horizon) {
			list = append(list, start)
		}
	}
	for _, b := range c.Bookings() {
		add(b.To)
	}
	for _, p := range c.pnodes {
		for _, w := range p.Maintenance {
			add(w.To)
		}
	}
	return list
}

func TestSameInputSamePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		r := d.request(t, "new", 2)
		a, _ := c.Fits(r)
		// What was booked in another order, and read back, is the same state.
		again, err := New(c.Site())
		if err != nil {
			t.Fatal(err)
		}
		list := rapid.Permutation(c.Bookings()).Draw(t, "order")
		for _, b := range list {
			if err := again.Put(b); err != nil {
				t.Fatal(err)
			}
		}
		if fingerprint(c) != fingerprint(again) {
			t.Fatalf("read back:\n%s\nwas:\n%s", fingerprint(again), fingerprint(c))
		}
		if b, _ := again.Fits(r); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestAlternativesCanBeBooked(t *testing.T) {
	offered := 0
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		r := d.request(t, "new", rapid.IntRange(1, 2).Draw(t, "groups"))
		before := fingerprint(c)
		refusal := c.Explain(r, at(-10), at(200*d.grain))
		if fingerprint(c) != before {
			t.Fatal("explaining changed the calendar")
		}
		if refusal == nil {
			return
		}
		if len(refusal.Reasons) == 0 {
			t.Fatal("refused for no reason")
		}
		for _, a := range refusal.Alternatives {
			offered++
			for _, req := range a.Requests {
				if _, err := c.Book(req); err != nil {
					t.Fatalf("%s: %s: %v", a.Kind, a.Message, err)
				}
			}
			if over := model(c).over(); over != "" {
				t.Fatal(over)
			}
			for _, req := range a.Requests {
				if err := c.Cancel(req.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if offered == 0 {
		t.Fatal("no alternative was ever offered")
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	c, err := New(Site{Pnodes: []Pnode{{Name: "p1", Capacity: Size{4, 4096, 9999}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Book(Request{ID: "", Start: at(5), End: at(5), Policy: "tight", Groups: []Group{{Appliance: "compute", Count: 0}, {Appliance: "compute", Count: 2}}})
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != fault.Invalid || len(f.Details) != 5 {
		t.Fatalf("%v", err)
	}
	if _, err := New(Site{Pnodes: []Pnode{{Name: "p1"}, {Name: "p1"}}, Overcommit: Overcommit{CPUs: -1}}); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("%v", err)
	}
}
