package calendar

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func at(second int) time.Time { return t0.Add(time.Duration(second) * time.Second) }

func sizeOf(t *rapid.T, label string, most int) Size {
	return Size{
		CPUs:      rapid.IntRange(0, most).Draw(t, label+" cpus"),
		MemoryMiB: rapid.IntRange(0, most).Draw(t, label+" memory"),
		DiskMiB:   rapid.IntRange(0, most).Draw(t, label+" disk"),
	}
}

func drawSite(t *rapid.T) ([]Pnode, []Hold) {
	var pnodes []Pnode
	for i := range rapid.IntRange(1, 4).Draw(t, "pnodes") {
		pnodes = append(pnodes, Pnode{
			Name: fmt.Sprintf("p%d", i), Capacity: sizeOf(t, "capacity", 6),
			Uplink: rapid.Bool().Draw(t, "uplink"), Usable: rapid.IntRange(0, 4).Draw(t, "usable") > 0,
		})
	}
	// Holds are only ever made where they fit: that is the promise under test.
	var holds []Hold
	for i := range rapid.IntRange(0, 6).Draw(t, "holds") {
		from := rapid.IntRange(0, 20).Draw(t, "from")
		h := Hold{
			Cluster: fmt.Sprintf("c%d", i), Pnode: rapid.SampledFrom(pnodes).Draw(t, "on").Name,
			From: at(from), To: at(from + rapid.IntRange(1, 10).Draw(t, "length")), Size: sizeOf(t, "held", 3),
		}
		if over := overAt(pnodes, append(holds, h)); over == "" {
			holds = append(holds, h)
		}
	}
	return pnodes, holds
}

// overAt is the obvious model: every second of every pnode is summed up.
func overAt(pnodes []Pnode, holds []Hold) string {
	for _, p := range pnodes {
		for second := range 60 {
			var sum Size
			for _, h := range holds {
				if h.Pnode == p.Name && !h.From.After(at(second)) && at(second).Before(h.To) {
					sum = sum.plus(h.Size)
				}
			}
			if !sum.Within(p.Capacity) {
				return fmt.Sprintf("%s at second %d: %s of %s", p.Name, second, sum, p.Capacity)
			}
		}
	}
	return ""
}

func drawRequest(t *rapid.T) Request {
	from := rapid.IntRange(0, 20).Draw(t, "start")
	req := Request{From: at(from), To: at(from + rapid.IntRange(1, 12).Draw(t, "window"))}
	for i := range rapid.IntRange(1, 4).Draw(t, "items") {
		req.Items = append(req.Items, Item{
			Vnode: fmt.Sprintf("v%d", i), Size: sizeOf(t, "wanted", 4), Uplink: rapid.IntRange(0, 3).Draw(t, "needs uplink") == 0,
		})
	}
	return req
}

func holdsOf(req Request, placed Placement) []Hold {
	var list []Hold
	for _, it := range req.Items {
		list = append(list, Hold{Cluster: "new", Vnode: it.Vnode, Pnode: placed[it.Vnode], From: req.From, To: req.To, Size: it.Size})
	}
	return list
}

func TestNeverOverCapacityAndNeverHalf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pnodes, holds := drawSite(t)
		req := drawRequest(t)
		placed, refusal := Place(pnodes, holds, req)
		if refusal != nil {
			if placed != nil || len(refusal.Reasons) == 0 {
				t.Fatalf("refused with %v placed and reasons %v", placed, refusal.Reasons)
			}
			return
		}
		if len(placed) != len(req.Items) {
			t.Fatalf("%d of %d placed", len(placed), len(req.Items))
		}
		byName := map[string]Pnode{}
		for _, p := range pnodes {
			byName[p.Name] = p
		}
		for _, it := range req.Items {
			p := byName[placed[it.Vnode]]
			if !p.Usable || it.Uplink && !p.Uplink {
				t.Fatalf("%s on %+v", it.Vnode, p)
			}
		}
		if over := overAt(pnodes, append(holds, holdsOf(req, placed)...)); over != "" {
			t.Fatal(over)
		}
	})
}

// A single vnode is refused only if the obvious model has no room for it.
func TestRefusalOfOneIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pnodes, holds := drawSite(t)
		req := drawRequest(t)
		req.Items = req.Items[:1]
		_, refusal := Place(pnodes, holds, req)
		fits := false
		for _, p := range pnodes {
			if !p.Usable || req.Items[0].Uplink && !p.Uplink {
				continue
			}
			trial := Placement{req.Items[0].Vnode: p.Name}
			fits = fits || overAt([]Pnode{p}, append(holds, holdsOf(req, trial)...)) == ""
		}
		if fits == (refusal != nil) {
			t.Fatalf("fits %v, refused %v", fits, refusal)
		}
	})
}

// What is told as the earliest start can be booked; for one vnode it is exact.
func TestEarliest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pnodes, holds := drawSite(t)
		req := drawRequest(t)
		got, ok := Earliest(pnodes, holds, req, at(0), at(40))
		if ok {
			try := req
			try.From, try.To = got, got.Add(req.To.Sub(req.From))
			if _, refusal := Place(pnodes, holds, try); refusal != nil {
				t.Fatalf("told %v, where it is refused: %v", got, refusal.Reasons)
			}
		}
		if len(req.Items) > 1 {
			return
		}
		for second := range 41 {
			try := req
			try.From, try.To = at(second), at(second).Add(req.To.Sub(req.From))
			_, refusal := Place(pnodes, holds, try)
			if refusal == nil && (!ok || got.After(at(second))) {
				t.Fatalf("fits at second %d, told %v %v", second, got, ok)
			}
		}
	})
}

func TestSameInputSamePlacement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pnodes, holds := drawSite(t)
		req := drawRequest(t)
		a, _ := Place(pnodes, holds, req)
		b, _ := Place(pnodes, holds, req)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestSpreadsAndKeepsUplinksFree(t *testing.T) {
	room := Size{CPUs: 8, MemoryMiB: 8000, DiskMiB: 80000}
	pnodes := []Pnode{
		{Name: "gw1", Capacity: room, Uplink: true, Usable: true}, {Name: "p1", Capacity: room, Usable: true}, {Name: "p2", Capacity: room, Usable: true},
	}
	one := Size{CPUs: 1, MemoryMiB: 640, DiskMiB: 4096}
	placed, refusal := Place(pnodes, nil, Request{From: at(0), To: at(10), Items: []Item{
		{Vnode: "compute-0", Size: one}, {Vnode: "compute-1", Size: one}, {Vnode: "gateway", Size: one, Uplink: true},
	}})
	if refusal != nil {
		t.Fatal(refusal)
	}
	if want := (Placement{"gateway": "gw1", "compute-0": "p1", "compute-1": "p2"}); fmt.Sprint(placed) != fmt.Sprint(want) {
		t.Fatalf("%v, want %v", placed, want)
	}
}
