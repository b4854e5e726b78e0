package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quarry/internal/pnode"
)

func testTap(clusterID, vnode, network string) string {
	return fmt.Sprintf("%.1s-%.1s-%.1s", clusterID, vnode, network)
}

func TestMakePlan(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	openAt, closeAt := noon, noon.Add(time.Hour)
	both := []Key{{farm, "compute-0"}, {farm, "gateway"}}
	tests := []struct {
		name    string
		open    bool // the manager has evidence
		at      time.Time
		present []Key
		leaving string // the vnode that is to end
		ports   string // taps, outside ones with a mark for open or shut
		run     int
		end     []Key
		gone    []string
		next    time.Time
	}{
		{name: "prepare", at: noon.Add(-time.Hour), ports: "a-c-p a-g-o! a-g-p", run: 2, next: closeAt},
		{name: "ready", open: true, at: noon.Add(-time.Nanosecond), present: both, ports: "a-c-p a-g-o! a-g-p", run: 2, next: openAt},
		{name: "open", open: true, at: noon, present: both, ports: "a-c-p a-g-o+ a-g-p", run: 2, next: closeAt},
		{name: "no evidence", at: noon.Add(time.Minute), present: both, ports: "a-c-p a-g-o! a-g-p", run: 2, next: closeAt},
		{name: "last instant", open: true, at: closeAt.Add(-time.Nanosecond), present: both, ports: "a-c-p a-g-o+ a-g-p", run: 2, next: closeAt},
		{name: "over", open: true, at: closeAt, present: both, ports: "a-c-p a-g-o! a-g-p", end: both},
		{name: "half gone", open: true, at: closeAt, present: both[1:], ports: "a-g-o! a-g-p", end: both[1:]},
		{name: "gone", open: true, at: closeAt, gone: []string{farm}},
		{
			name: "one leaves", open: true, at: noon, present: both, leaving: "compute-0",
			ports: "a-c-p a-g-o+ a-g-p", run: 1, end: both[:1], next: closeAt,
		},
		{name: "one has left", open: true, at: noon, present: both[1:], leaving: "compute-0", ports: "a-g-o+ a-g-p", run: 1, next: closeAt},
		{
			name: "another's vnode", at: noon, present: []Key{{farm, "old"}, {shop, "gateway"}},
			ports: "a-c-p a-g-o! a-g-p", run: 2, end: []Key{{farm, "old"}, {shop, "gateway"}}, next: closeAt,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testCluster(farm, "farm", 10, openAt, closeAt)
			c.Open = test.open
			for i := range c.Vnodes {
				c.Vnodes[i].End = c.Vnodes[i].Name == test.leaving
			}
			p := makePlan(pnode.Desired{Clusters: []pnode.Cluster{c}}, actual{present: test.present}, testTap, test.at, true)
			ports := ""
			for _, port := range p.ports {
				ports += " " + port.Tap
				switch {
				case port.Outside && port.Open:
					ports += "+"
				case port.Outside:
					ports += "!"
				case !port.Open || port.VLAN != 10:
					t.Errorf("inside port %+v", port)
				}
				if port.Router != (port.Tap == "a-g-p") {
					t.Errorf("port %s: router is %v", port.Tap, port.Router)
				}
			}
			if diff := cmp.Diff(test.ports, trim(ports)); diff != "" {
				t.Errorf("ports: %s", diff)
			}
			if len(p.run) != test.run {
				t.Errorf("%d run, want %d", len(p.run), test.run)
			}
			if diff := cmp.Diff(test.end, p.end); diff != "" {
				t.Errorf("end: %s", diff)
			}
			if diff := cmp.Diff(test.gone, p.gone); diff != "" {
				t.Errorf("gone: %s", diff)
			}
			if !p.next.Equal(test.next) {
				t.Errorf("next at %s, want %s", p.next, test.next)
			}
		})
	}
}

func trim(s string) string {
	if s == "" {
		return s
	}
	return s[1:]
}

// TestPlanIsSafe checks what must hold whatever is wanted and whatever is there.
func TestPlanIsSafe(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	ids := []string{farm, shop, "cccccccc-3"}
	rapid.Check(t, func(t *rapid.T) {
		var d pnode.Desired
		minute := func(name string) time.Time {
			return noon.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, name)) * time.Minute)
		}
		for i, id := range ids {
			if rapid.Bool().Draw(t, "wanted") {
				c := testCluster(id, "c", 10+i, minute("open at"), minute("close at"))
				c.Open = rapid.Bool().Draw(t, "open")
				d.Clusters = append(d.Clusters, c)
			}
		}
		var a actual
		for _, id := range ids {
			for _, name := range []string{"gateway", "compute-0", "old"} {
				if rapid.Bool().Draw(t, "present") {
					a.present = append(a.present, Key{id, name})
				}
			}
		}
		a.clusters = ids
		now := minute("now")
		p := makePlan(d, a, testTap, now, true)

		for _, port := range p.ports {
			i := slices.IndexFunc(d.Clusters, func(c pnode.Cluster) bool { return c.ID == port.key.Cluster })
			if i < 0 {
				t.Fatalf("port %s of a cluster nobody wants", port.Tap)
			}
			c := d.Clusters[i]
			if port.Outside && port.Open && (!c.Open || now.Before(c.OpenAt) || !now.Before(c.CloseAt)) {
				t.Fatalf("port %s is open at %s: %+v", port.Tap, now, c)
			}
		}
		for _, key := range a.present {
			_, runs := p.run[key]
			if ends := slices.Contains(p.end, key); runs == ends {
				t.Fatalf("%v: runs %v, ends %v", key, runs, ends)
			}
			if slices.Contains(p.gone, key.Cluster) {
				t.Fatalf("%v is there and its cluster gone", key)
			}
		}
		for key := range p.run {
			if slices.Contains(p.gone, key.Cluster) {
				t.Fatalf("%v is wanted and its cluster gone", key)
			}
		}
		if !p.next.IsZero() && !p.next.After(now) {
			t.Fatalf("next is %s at %s", p.next, now)
		}
		// Nothing but time may change a plan, and only at the instant foretold.
		later := noon.Add(11 * time.Minute)
		if !p.next.IsZero() {
			later = p.next.Add(-time.Nanosecond)
		}
		again := makePlan(d, a, testTap, later, true)
		if !slices.EqualFunc(p.ports, again.ports, equalPorts) || len(p.run) != len(again.run) {
			t.Fatalf("the plan of %s changed by %s unforetold", now, later)
		}
	})
}
