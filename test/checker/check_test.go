package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// two clusters, one after the other on the same pnodes, VLAN and address.
func sound(t *testing.T) *backup {
	b := &backup{
		pnodes:   map[string]pnode{"p": {room: amount{2, 1000, 9000}}, "gw": {room: amount{1, 500, 9000}, uplink: true}},
		clusters: map[string]cluster{}, bookings: map[string]booking{}, past: map[string]cluster{}, limits: map[string]limits{},
	}
	add(t, b, "1", 1000, 2000)
	add(t, b, "2", 2000, 3000)
	return b
}

func add(t *testing.T, b *backup, id string, from, to int64) {
	b.clusters[id] = cluster{
		tenant: "t", name: "c" + id, prepare: from, start: from, end: to, vlan: "100", address: "203.0.113.7", asked: 3,
		vnodes: []vnode{
			{"gateway", "gateway", "gw", amount{1, 500, 1}}, {"compute-0", "compute", "p", amount{1, 500, 1}}, {"compute-1", "compute", "p", amount{1, 500, 1}},
		},
	}
	at := func(s int64) string { return time.Unix(s, 0).UTC().Format(time.RFC3339) }
	var k booking
	if err := json.Unmarshal([]byte(`{"request":{"tenant":"t","name":"c`+id+`","groups":[{"count":1,"size":{"cpus":1,"memoryMiB":500,"diskMiB":1}},
		{"count":2,"size":{"cpus":1,"memoryMiB":500,"diskMiB":1}}]},"from":"`+at(from)+`","to":"`+at(to)+`",
		"vnodes":[{"name":"gateway","pnode":"gw"},{"name":"compute-0","pnode":"p"},{"name":"compute-1","pnode":"p"}],
		"units":[{"pool":"vlan","unit":"100"},{"pool":"address","unit":"203.0.113.7"}]}`), &k); err != nil {
		t.Fatal(err)
	}
	b.bookings[id] = k
}

// The checker must find what it is there to find.
func TestCheck(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	told := []acknowledged{
		{"1", "t", "c1", 3, true, at(1000), at(2000)}, {"2", "t", "c2", 3, true, at(2000), at(3000)}, {"3", "t", "c1", 3, false, at(0), at(0)},
	}
	row := func(change func(*cluster)) func(*testing.T, *backup) {
		return func(_ *testing.T, b *backup) {
			c := b.clusters["2"]
			change(&c)
			b.clusters["2"] = c
		}
	}
	closed := func(from, to int64) func(*testing.T, *backup) {
		return func(_ *testing.T, b *backup) {
			p := b.pnodes["p"]
			p.maintenance = []window{{at(from), at(to)}}
			b.pnodes["p"] = p
		}
	}
	// less gives less of p than is booked of it, and lets a cluster say something.
	less := func(says string) func(*testing.T, *backup) {
		return func(_ *testing.T, b *backup) {
			p := b.pnodes["p"]
			p.room = room(amount{2, 1000, 9000}, ratios{CPUs: 200}, ratios{Memory: 50})
			b.pnodes["p"] = p
			for id, c := range b.clusters {
				c.plights = []string{says}
				b.clusters[id] = c
			}
		}
	}
	for _, c := range []struct {
		want   string // "" is nothing wrong
		change func(*testing.T, *backup)
	}{
		{"", func(*testing.T, *backup) {}},
		{"too much: at 1970-01-01T00:33:19Z pnode \"p\" holds 4 CPUs and gives 2", func(t *testing.T, b *backup) { add(t, b, "2", 1999, 3000) }},
		{"twice: vlan 100", func(t *testing.T, b *backup) { add(t, b, "2", 1999, 3000) }},
		{"twice: address 203.0.113.7", func(t *testing.T, b *backup) { add(t, b, "2", 500, 1001) }},
		{"(by the clusters)", row(func(c *cluster) { c.prepare = 1999 })},
		{"", closed(0, 1000)},
		{"closed: pnode \"p\" is in maintenance from 1970-01-01T00:16:39Z to 1970-01-01T00:16:41Z and is held by t/c1", closed(999, 1001)},
		{"(by the calendar)", closed(999, 1001)},
		{"closed", closed(2999, 9000)},
		{"", closed(3000, 9000)},
		{"holds 1000 MiB of memory and gives 500", less("")},
		{"holds 1000 MiB of memory and gives 500", less("pnode x has too little of memory")},
		{"", less("pnode p has too little of memory")},
		{"", less("pnode x is lost, and there is no room elsewhere for compute-0, compute-1")},
		{"holds 1000 MiB of memory and gives 500", less("pnode x is lost, and there is no room elsewhere for compute-10")},
		{"changed: t/c2 from", row(func(c *cluster) { c.start++ })},
		{"apart: t/c2 needs", row(func(c *cluster) { c.end = 3001 })},
		{"half: t/c2 has 2 vnodes of 3", row(func(c *cluster) { c.vnodes = c.vnodes[:2] })},
		{"half: vnode compute-0 of t/c2 is on pnode \"\"", row(func(c *cluster) { c.vnodes[1].pnode = "" })},
		{"cut off: the gateway of t/c2 is on pnode p", row(func(c *cluster) { c.vnodes[0].pnode = "p" })},
		{"apart: t/c2 holds nothing", func(_ *testing.T, b *backup) { delete(b.bookings, "2") }},
		{"apart: the calendar holds something for t/c2", func(_ *testing.T, b *backup) { delete(b.clusters, "2") }},
		{"lost: t/c2", func(_ *testing.T, b *backup) { delete(b.clusters, "2"); delete(b.bookings, "2") }},
		{"undead: t/c1 (3)", func(t *testing.T, b *backup) { add(t, b, "3", 4000, 5000) }},
		{"unasked: t/c4 (4)", func(t *testing.T, b *backup) { add(t, b, "4", 4000, 5000) }},
		{"changed: t/c2 with 3 vnodes", row(func(c *cluster) { c.name = "other" })},
	} {
		b := sound(t)
		c.change(t, b)
		wrong := strings.Join(append(b.check(), b.compare(told)...), "\n")
		if c.want == "" && wrong != "" || !strings.Contains(wrong, c.want) {
			t.Errorf("want %q, it says:\n%s", c.want, wrong)
		}
	}
}
