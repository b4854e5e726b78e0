package cli

import (
	"net/http"
	"strconv"
	"time"

	"quarry/internal/calendar"
)

// fakeCalendar is a site of two pnodes with one's own cluster "farm" from two
// hours into the window on, for an hour, and somebody else's.
func fakeCalendar(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, _ := time.Parse(time.RFC3339, q.Get("from"))
	to, _ := time.Parse(time.RFC3339, q.Get("to"))
	l := calendar.Look{From: from, To: to, Now: from.Add(time.Hour), Tenant: "chem"}
	l.Slots, _ = strconv.Atoi(q.Get("slots"))
	l.Limit, _ = strconv.Atoi(q.Get("limit"))
	l.Page, _ = strconv.Atoi(q.Get("page"))
	size := calendar.Size{CPUs: 2, MemoryMiB: 1024, DiskMiB: 4096}
	book := func(tenant, name, pnode string, start time.Time) calendar.Booking {
		var b calendar.Booking
		b.Request = calendar.Request{
			ID: "id-" + name, Tenant: tenant, Name: name, Start: start, End: start.Add(time.Hour), Groups: []calendar.Group{{Appliance: "compute", Count: 1, Size: size}},
		}
		b.From, b.To, b.Vnodes = start.Add(-20*time.Minute), start.Add(65*time.Minute), []calendar.Vnode{{Name: "compute-0", Pnode: pnode}}
		return b
	}
	site := calendar.Site{Pnodes: []calendar.Pnode{{Name: "p1", Capacity: size}, {Name: "p2", Capacity: size, Drained: true}}}
	o, err := calendar.Survey(site, []calendar.Booking{book("chem", "farm", "p1", from.Add(2*time.Hour)), book("geo", "secret", "p2", from)}, l)
	if err != nil {
		problem(w, http.StatusBadRequest, "invalid", err.Error(), nil)
		return
	}
	answer(w, o)
}
