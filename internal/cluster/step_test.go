package cluster

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func sample() Cluster {
	return Cluster{
		Name: "farm", State: Booked, PrepareAt: t0.Add(time.Minute), Start: t0.Add(5 * time.Minute), End: t0.Add(time.Hour),
		Nodes: []Node{{Name: "gateway", State: NodePending}, {Name: "compute-0", State: NodePending}},
	}
}

func drawWorld(t *rapid.T, after time.Time) World {
	w := World{
		Now: after.Add(time.Duration(rapid.IntRange(0, 1800).Draw(t, "seconds")) * time.Second), Nodes: map[string]Seen{},
		GiveUp: rapid.IntRange(0, 9).Draw(t, "give up") == 0,
	}
	w.Expected = w.Now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "left")) * time.Second)
	for _, n := range []string{"gateway", "compute-0", "compute-1"} {
		if !rapid.Bool().Draw(t, n+" known") {
			continue
		}
		w.Nodes[n] = Seen{
			Stage: rapid.SampledFrom([]string{"", "boot", "scripts", "ready"}).Draw(t, n+" stage"),
			Ready: rapid.Bool().Draw(t, n+" ready"), Failed: rapid.IntRange(0, 5).Draw(t, n+" failed") == 0,
			Lost: rapid.IntRange(0, 5).Draw(t, n+" lost") == 0, Gone: rapid.IntRange(0, 3).Draw(t, n+" gone") == 0,
		}
	}
	if rapid.Bool().Draw(t, "opened") {
		at := w.Now
		w.Opened = &at
	}
	if rapid.IntRange(0, 9).Draw(t, "hopeless") == 0 {
		w.Fail = "gateway failed"
	}
	return w
}

// order is how far a state is in a cluster's life.
var order = map[State]int{Booked: 0, Preparing: 1, Ready: 2, Active: 3, Failed: 4, Ending: 4, Ended: 5}

// Whatever is seen, a cluster only ever goes forward, is handed over only
// after it was ready, and a step taken twice is the step taken once.
func TestStepKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := sample()
		c.Nodes = append(c.Nodes, Node{
			Name: "compute-1", State: NodePending,
			Joining: rapid.Bool().Draw(t, "joining"), Leaving: rapid.Bool().Draw(t, "leaving"),
		})
		now := t0
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			w := drawWorld(t, now)
			now = w.Now
			next, _ := Step(c, w)
			if order[next.State] < order[c.State] {
				t.Fatalf("%s became %s", c.State, next.State)
			}
			if next.ActiveAt != nil && next.ReadyAt == nil {
				t.Fatal("handed over and never ready")
			}
			if (next.State == Preparing || next.State == Ready || next.State == Active) && !w.Now.Before(c.End) {
				t.Fatalf("%s after its end", next.State)
			}
			if next.State == Booked && !w.Now.Before(c.PrepareAt) {
				t.Fatal("preparation did not begin when it was due")
			}
			if next.State == Ready && c.State == Preparing && slices.ContainsFunc(next.Nodes, func(n Node) bool { return n.State != NodeReady && !n.Aside() }) {
				t.Fatalf("ready without %+v", next.Nodes)
			}
			if len(next.Nodes) < 3 && (next.Nodes[1].Leaving || len(next.Nodes) < 2) {
				t.Fatalf("the wrong vnode was let go: %+v", next.Nodes)
			}
			again, events := Step(next, w)
			if !reflect.DeepEqual(again, next) || len(events) != 0 {
				t.Fatalf("the same step again changes %+v to %+v and tells %+v", next, again, events)
			}
			c = next
		}
	})
}

func TestOutlookIsSaidOnce(t *testing.T) {
	c := sample()
	c.State = Preparing
	w := World{Now: t0.Add(2 * time.Minute), Expected: t0.Add(10 * time.Minute), Nodes: map[string]Seen{}}
	c, events := Step(c, w)
	if len(events) != 1 || events[0].Type != "warning" || c.Conditions[len(c.Conditions)-1].Reason != "AtRisk" {
		t.Fatalf("events %+v, conditions %+v", events, c.Conditions)
	}
	w.Now = w.Now.Add(time.Second)
	if _, events = Step(c, w); len(events) != 0 {
		t.Fatalf("told again: %+v", events)
	}
}
