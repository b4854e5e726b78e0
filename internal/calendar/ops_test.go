package calendar

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/fault"
)

func ids(c *Calendar) []string {
	var list []string
	for _, b := range c.Bookings() {
		list = append(list, b.Request.ID)
	}
	return list
}

// randomOp does one operation; started says whether no vnode may move.
func randomOp(t *rapid.T, d drawn, c *Calendar, step int) (what string, change Change, err error) {
	if c.Len() == 0 || rapid.IntRange(0, 3).Draw(t, "book") == 0 {
		_, err = c.Book(d.request(t, fmt.Sprintf("new%d", step), rapid.IntRange(1, 2).Draw(t, "groups")))
		return "book", Change{}, err
	}
	id := rapid.SampledFrom(ids(c)).Draw(t, "id")
	b, _ := c.Booking(id)
	what = rapid.SampledFrom([]string{"extend", "shorten", "grow", "shrink", "move", "reprepare", "cancel", "begin", "hold", "confirm", "release"}).Draw(t, "op")
	switch what {
	case "extend":
		change, err = c.Extend(id, b.Request.End.Add(time.Duration(rapid.IntRange(0, 5*d.grain).Draw(t, "by"))*time.Second))
	case "shorten":
		change, err = c.Shorten(id, b.Request.End.Add(-time.Duration(rapid.IntRange(0, 5*d.grain).Draw(t, "by"))*time.Second))
	case "grow":
		change, err = c.Grow(id, rapid.SampledFrom([]string{"g0", "g1"}).Draw(t, "appliance"), rapid.IntRange(0, 2).Draw(t, "more"))
	case "shrink":
		change, err = c.Shrink(id, rapid.SampledFrom(b.Vnodes).Draw(t, "vnode").Name)
	case "move":
		start := d.instant(t, "to", 0, 30)
		change, err = c.Move(id, start, start.Add(b.Request.End.Sub(b.Request.Start)))
	case "reprepare":
		change, err = c.Reprepare(id, time.Duration(rapid.IntRange(-1, 2*d.grain).Draw(t, "prepare"))*time.Second)
	case "cancel":
		err = c.Cancel(id)
	case "begin":
		err = c.Begin(id)
	case "hold":
		_, err = c.Hold(d.request(t, fmt.Sprintf("held%d", step), 1), at(step), at(step+rapid.IntRange(0, 3).Draw(t, "for")))
	case "confirm":
		_, err = c.Confirm(id, at(step))
	case "release":
		err = c.Release(id)
	}
	return what, change, err
}

// Whatever is done in whatever order: nothing is over capacity, an error
// changed nothing, a started cluster did not move, and what only gives back
// is never refused.
func TestOperations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			c.Advance(at(step))
			before, was := fingerprint(c), model(c).plans
			what, change, err := randomOp(t, d, c, step)
			if over := model(c).over(); over != "" {
				t.Fatalf("after %s: %s", what, over)
			}
			if err != nil {
				if fingerprint(c) != before {
					t.Fatalf("%s failed with %v and changed something", what, err)
				}
				var refusal *Refusal
				if errors.As(err, &refusal) && (what == "shrink" || what == "shorten" || what == "cancel") {
					t.Fatalf("%s was refused for lack of room", what)
				}
				continue
			}
			if id := change.Before.Request.ID; id != "" {
				now, _ := c.Booking(id)
				if bad := wellPlaced(c, now.Plan); bad != "" {
					t.Fatalf("after %s: %s", what, bad)
				}
				if fmt.Sprint(now) != fmt.Sprint(change.After) || fmt.Sprint(was[id]) != fmt.Sprint(change.Before) {
					t.Fatalf("%s tells %+v", what, change)
				}
				if moved := moves(was[id].Plan, now.Plan); now.Started && len(moved) > 0 || !slices.Equal(moved, change.Moves) {
					t.Fatalf("%s moved %+v, told %+v", what, moved, change.Moves)
				}
			}
		}
	})
}

func TestCancelRestoresExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		before := fingerprint(c)
		if _, err := c.Book(d.request(t, "new", 2)); err != nil {
			return
		}
		if fingerprint(c) == before {
			t.Fatal("booking changed nothing")
		}
		if err := c.Cancel("new"); err != nil {
			t.Fatal(err)
		}
		if after := fingerprint(c); after != before {
			t.Fatalf("after:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// Pnodes are lost, drained, added, taken away and resized under the bookings:
// what could move has moved to where there is room, the rest is told.
func TestPnodesChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		for _, id := range ids(c) {
			if rapid.IntRange(0, 3).Draw(t, "started") == 0 {
				if err := c.Begin(id); err != nil {
					t.Fatal(err)
				}
			}
		}
		was := model(c).plans
		var pnodes []Pnode
		if rapid.Bool().Draw(t, "other pnodes") {
			for i := range rapid.IntRange(1, 7).Draw(t, "pnodes after") {
				pnodes = append(pnodes, d.pnode(t, fmt.Sprintf("p%d", i)))
			}
		} else {
			for _, p := range c.Site().Pnodes {
				next := d.pnode(t, p.Name)
				next.Uplink, next.Rack, next.Tags = p.Uplink, p.Rack, p.Tags
				pnodes = append(pnodes, next)
			}
		}
		if err := c.SetPnodes(pnodes); err != nil {
			t.Fatal(err)
		}
		list := c.Replan()
		told := map[string]Replan{}
		for _, r := range list {
			told[r.ID] = r
		}
		for _, e := range c.sorted() {
			r := told[e.Request.ID]
			if moved := moves(was[e.Request.ID].Plan, e.Plan); !slices.Equal(moved, r.Moves) || e.Started && len(moved) > 0 {
				t.Fatalf("%s moved %v, told %v", e.Request.ID, moved, r.Moves)
			}
			if harmed := c.harmed(e); harmed && len(r.Stuck) == 0 {
				t.Fatalf("%s cannot stay and is not told: %+v", e.Request.ID, e.Booking)
			}
			if len(r.Moves) > 0 && len(r.Stuck) == 0 {
				if bad := wellPlaced(c, e.Plan); bad != "" {
					t.Fatal(bad)
				}
			}
		}
		// What was booked elsewhere stays within what there is.
		n := model(c)
		for id, r := range told {
			if len(r.Stuck) > 0 {
				delete(n.plans, id)
			}
		}
		if over := n.over(); over != "" {
			t.Fatalf("%s; told %+v", over, list)
		}
	})
}

func TestHolds(t *testing.T) {
	c, err := New(Site{Pnodes: []Pnode{{Name: "p1", Capacity: Size{2, 2048, 9999}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{ID: "a", Name: "a", Start: at(100), End: at(200), Groups: []Group{{Appliance: "compute", Count: 2, Size: Size{1, 512, 512}}}}
	if _, err := c.Hold(r, at(0), at(0)); fault.KindOf(err) != fault.Invalid {
		t.Fatalf("a hold that is over: %v", err)
	}
	if _, err := c.Hold(r, at(0), at(10)); err != nil {
		t.Fatal(err)
	}
	other := r
	other.ID = "b"
	var refusal *Refusal
	if _, err := c.Book(other); !errors.As(err, &refusal) {
		t.Fatalf("what is held was booked: %v", err)
	}
	if gone := c.Advance(at(9)); gone != nil {
		t.Fatalf("expired early: %v", gone)
	}
	if _, err := c.Confirm("a", at(10)); fault.KindOf(err) != fault.Refused {
		t.Fatalf("confirmed too late: %v", err)
	}
	if gone := c.Advance(at(10)); !slices.Equal(gone, []string{"a"}) {
		t.Fatalf("expired %v", gone)
	}
	if _, err := c.Hold(other, at(10), at(20)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // asking twice is no error
		if _, err := c.Confirm("b", at(19)); err != nil {
			t.Fatal(err)
		}
	}
	if gone := c.Advance(at(100)); gone != nil {
		t.Fatalf("a booking expired: %v", gone)
	}
	if err := c.Release("b"); fault.KindOf(err) != fault.Refused {
		t.Fatalf("a booking was released: %v", err)
	}
}

func TestForgetKeepsTheFuture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		now := d.instant(t, "now", 0, 40)
		r := d.request(t, "new", 1)
		r.Start, r.End = r.Start.Add(now.Sub(at(0))).Add((keepPast+forgetEvery)*time.Second), r.End.Add(now.Sub(at(0))).Add((keepPast+forgetEvery)*time.Second)
		_, before := c.Fits(r)
		c.Advance(now)
		c.Advance(now.Add((keepPast + forgetEvery) * time.Second))
		if _, after := c.Fits(r); (before == nil) != (after == nil) {
			t.Fatalf("before %v, after %v", before, after)
		}
		for _, id := range ids(c) {
			if err := c.Cancel(id); err != nil {
				t.Fatal(err)
			}
		}
		for i, line := range c.lanes.line {
			for _, s := range line {
				if s.used != (vec{}) {
					t.Fatalf("%s still holds %v", c.pnodes[i].Name, line)
				}
			}
		}
	})
}

// A clock that was wrong for a while leads to no double booking.
func TestClockStepsBack(t *testing.T) {
	c, err := New(Site{Pnodes: []Pnode{{Name: "p1", Capacity: Size{1, 1024, 9999}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := Request{ID: "a", Name: "a", Start: at(60), End: at(600), Groups: []Group{{Appliance: "compute", Count: 1, Size: Size{1, 512, 512}}}}
	if _, err := c.Book(r); err != nil {
		t.Fatal(err)
	}
	for _, step := range []int{0, 3600, 0, -3600, 0} {
		c.Advance(at(step))
	}
	r.ID = "b"
	var refusal *Refusal
	if _, err := c.Book(r); !errors.As(err, &refusal) {
		t.Fatalf("booked twice: %v", err)
	}
}

// A site that was changed in place decides like one that was made that way.
func TestChangedSiteIsLikeANewOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		var pnodes []Pnode
		for _, p := range c.Site().Pnodes {
			next := d.pnode(t, p.Name)
			if rapid.Bool().Draw(t, "same labels") {
				next.Uplink, next.Rack, next.Tags = p.Uplink, p.Rack, p.Tags
			}
			pnodes = append(pnodes, next)
		}
		if err := c.SetPnodes(pnodes); err != nil {
			t.Fatal(err)
		}
		again, err := New(c.Site())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range c.Bookings() {
			if err := again.Put(b); err != nil {
				t.Fatal(err)
			}
		}
		r := d.request(t, "new", 2)
		a, errA := c.Fits(r)
		b, errB := again.Fits(r)
		if fmt.Sprint(a, errA) != fmt.Sprint(b, errB) {
			t.Fatalf("changed: %+v %v, new: %+v %v", a, errA, b, errB)
		}
	})
}
