package chart

import (
	"fmt"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have no time zones

	"quarry/internal/calendar"
)

var monday = time.Date(2026, 3, 23, 8, 0, 0, 0, time.UTC)

func hour(h float64) time.Time { return monday.Add(time.Duration(h * float64(time.Hour))) }

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// example is a described site with what five clusters book of it, as the
// calendar decides. It is also the picture in docs/calendar.md.
func example(t testing.TB, tenant string) calendar.Overview {
	t.Helper()
	site := calendar.Site{
		Pools: []calendar.Pool{
			{Name: "vlan", Units: []string{"100", "101", "102", "103", "104", "105"}},
			{Name: "address", Units: []string{"203.0.113.100", "203.0.113.101", "203.0.113.102", "203.0.113.103"}},
		},
		Overcommit: calendar.Overcommit{CPUs: 200},
	}
	for i := range 6 {
		site.Pnodes = append(site.Pnodes, calendar.Pnode{Name: fmt.Sprintf("p%d", i+1), Capacity: calendar.Size{CPUs: 8, MemoryMiB: 32 << 10, DiskMiB: 400 << 10}})
	}
	site.Pnodes[4].Maintenance = []calendar.Window{{From: hour(10), To: hour(16)}}
	site.Pnodes = append(site.Pnodes, calendar.Pnode{Name: "gw1", Uplink: true, Capacity: calendar.Size{CPUs: 8, MemoryMiB: 16 << 10, DiskMiB: 200 << 10}})
	c, err := calendar.New(site)
	if err != nil {
		t.Fatal(err)
	}
	book := func(tenant, name string, nodes int, from, length, prepare float64, policy calendar.Policy) {
		t.Helper()
		_, err := c.Book(calendar.Request{
			ID: tenant + "-" + name, Tenant: tenant, Name: name, Start: hour(from), End: hour(from + length), Policy: policy,
			Prepare: time.Duration(prepare * float64(time.Hour)), Wipe: 20 * time.Minute, NotBefore: monday.Add(-6 * time.Hour),
			Groups: []calendar.Group{
				{Appliance: "gateway", Count: 1, Size: calendar.Size{CPUs: 1, MemoryMiB: 1024, DiskMiB: 8192}, Require: []string{calendar.Uplink}},
				{Appliance: "compute", Count: nodes, Size: calendar.Size{CPUs: 4, MemoryMiB: 12 << 10, DiskMiB: 80 << 10}},
			},
			Pools: []calendar.Need{{Pool: "vlan", Count: 1}, {Pool: "address", Count: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	book("chem", "farm", 4, -2, 9, 0.5, "")
	book("chem", "night", 8, 11, 10, 1, "")
	book("geo", "seismic", 2, 3, 6, 0.75, calendar.Pack)
	book("geo", "tiles", 3, 5, 14, 0.5, "")
	book("bio", "course", 1, 1, 1.5, 0.25, "")
	pnodes := c.Site().Pnodes
	pnodes = append(pnodes[:0:0], pnodes...)
	pnodes[5].Drained = true
	if err := c.SetPnodes(pnodes); err != nil {
		t.Fatal(err)
	}
	o, err := calendar.Survey(c.Site(), c.Bookings(), calendar.Look{
		From: hour(-1), To: hour(23), Now: hour(1.4), Tenant: tenant, Slots: 96, Limit: 100, Page: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]string{"chem-farm": "active", "bio-course": "active"}
	for i, b := range o.Bookings {
		if o.Bookings[i].State = states[b.ID]; b.ID != "" && o.Bookings[i].State == "" {
			o.Bookings[i].State = "booked"
		}
	}
	return o
}
