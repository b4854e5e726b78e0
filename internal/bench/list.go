package bench

import (
	"fmt"
	"time"

	"quarry/internal/calendar"
)

// Listed is one request of those that are measured, for others to be measured
// with: so many nodes for so long.
type Listed struct {
	Kind    string `json:"kind"` // "hold", "admit" or "ask"
	Name    string `json:"name"`
	Start   int64  `json:"startSeconds"` // after the begin of the calendar
	Seconds int64  `json:"seconds"`
	Nodes   int    `json:"nodes"` // compute nodes; the gateway is not listed
}

// List is what Run asks for: what is held, what is admitted, each client's
// first request before each one's second, and what the earliest start is asked
// for. Where something is refused, Run draws more.
func (b Calendar) List(held int) []Listed {
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var list []Listed
	add := func(kind string, r calendar.Request) {
		list = append(list, Listed{
			Kind: kind, Name: r.Name, Start: int64(r.Start.Sub(begin).Seconds()),
			Seconds: int64(r.End.Sub(r.Start).Seconds()), Nodes: r.Groups[len(r.Groups)-1].Count,
		})
	}
	w := b.workload("held", 1, held, begin)
	for range held {
		add("hold", w.booking())
	}
	clients := make([]*workload, b.Clients)
	for i := range clients {
		clients[i] = b.workload(fmt.Sprintf("new%d", i), uint64(100+i), held, begin)
	}
	for n := range b.Admissions {
		add("admit", clients[n%b.Clients].booking())
	}
	w = b.workload("ask", 2, held, begin)
	for range b.Questions {
		add("ask", w.request(min(bigNodes, b.Pnodes), bigLength))
	}
	return list
}
