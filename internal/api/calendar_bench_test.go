package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/manager"
	"quarry/internal/pnode"
	"quarry/internal/render/chart"
	"quarry/internal/store"
)

// BenchmarkCalendar asks a manager with 10,000 pnodes and 10,000 clusters for
// its calendar, over a connection of its own as all requests are: what the
// provider and what a tenant sees, of a day (some 1,000 clusters) and of all
// 16 days, on pages of the usual and of the largest size. Then what the command
// draws of such an answer.
func BenchmarkCalendar(b *testing.B) {
	s := newSite(b)
	begin := s.now().Truncate(time.Second)
	s.crowd(begin, 10_000)
	for _, who := range []struct{ name, token string }{{"provider", s.provider}, {"tenant", s.demo}} {
		for _, window := range []struct {
			name   string
			length time.Duration
			limit  int
			slots  int
		}{{"day", 24 * time.Hour, 200, 96}, {"all", crowdSpan, 200, 96}, {"all, largest page", crowdSpan, calendar.MaxLimit, calendar.MaxSlots}} {
			var seen calendar.Overview
			look := calendar.Look{From: begin, To: begin.Add(window.length), Slots: window.slots, Limit: window.limit, Page: 1}
			b.Run("get/"+who.name+"/"+window.name, func(b *testing.B) {
				client := s.client(who.token)
				query := fmt.Sprintf("from=%s&to=%s&slots=%d&limit=%d", look.From.UTC().Format(time.RFC3339), look.To.UTC().Format(time.RFC3339), look.Slots, look.Limit)
				u := client.link.Address("v1", "calendar")
				u.RawQuery = query
				var raw json.RawMessage
				measure(b, func() int {
					var err error
					raw, err = get[json.RawMessage](b.Context(), client, u)
					must(b, err)
					return len(raw)
				})
				must(b, json.Unmarshal(raw, &seen))
			})
			for _, part := range []chart.Part{chart.Site, chart.Pnodes, chart.Clusters} {
				b.Run(fmt.Sprintf("draw/%s/%s/%s", who.name, window.name, part), func(b *testing.B) {
					measure(b, func() int {
						return len(chart.Text(seen, chart.TextOptions{Parts: []chart.Part{part}, Width: 100, Zone: time.UTC}))
					})
				})
			}
		}
	}
}

// measure reports p50 and p99 of 100 calls, and how many bytes each gave.
func measure(b *testing.B, call func() (bytes int)) {
	var times []time.Duration
	bytes := 0
	for b.Loop() {
		for range 100 {
			began := time.Now()
			bytes = call()
			times = append(times, time.Since(began))
		}
	}
	slices.Sort(times)
	at := func(percent int) float64 { return times[(len(times)-1)*percent/100].Seconds() * 1000 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(float64(bytes), "bytes")
}

// crowdSpan is the time over which the crowd's clusters hold 70 % of the site.
const crowdSpan = 16 * 24 * time.Hour

// crowd writes pnodes and as many clusters of 1 to 60 compute nodes for 1 to 15
// hours into the store, a tenth of them of the tenant demo, and starts the
// manager anew with them.
func (s *site) crowd(begin time.Time, n int) {
	s.t.Helper()
	s.stop()
	chance := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time
	for first := 0; first < n; first += 100 {
		must(s.t, s.st.Update(s.t.Context(), func(tx *store.Tx) error {
			for i := first; i < first+100; i++ {
				facts := pnode.Facts{Accelerator: "kvm", CPUs: 32, MemoryMiB: 128 << 10, DiskMiB: 2 << 20, Uplink: i%100 == 0}
				if err := tx.PutPnode(store.Pnode{Name: fmt.Sprintf("p%05d", i), Facts: facts, EnrolledAt: begin, LastSeen: begin}); err != nil {
					return err
				}
				if err := tx.InsertCluster(oneOfCrowd(chance, begin, i, n)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	var err error
	s.m, err = manager.New(s.t.Context(), s.m.Deps)
	must(s.t, err)
	s.m.Log = slog.New(slog.DiscardHandler)
	s.serve("127.0.0.1:0")
}

func oneOfCrowd(chance *rand.Rand, begin time.Time, i, pnodes int) cluster.Cluster {
	start := begin.Add(time.Duration(chance.Int64N(int64(crowdSpan - 16*time.Hour)))).Truncate(time.Second)
	c := cluster.Cluster{
		ID: fmt.Sprintf("c%05d", i), Tenant: "other", Name: fmt.Sprintf("farm-%d", i), State: cluster.Booked, CreatedAt: begin,
		Start: start, End: start.Add(time.Duration(1+chance.IntN(15)) * time.Hour), PrepareAt: start.Add(-3 * time.Minute),
		VLAN: 100 + i%4, Gateway: cluster.GatewayInfo{OutsideAddress: "203.0.113.100"},
	}
	if i%10 == 0 {
		c.Tenant = "demo"
	}
	first := chance.IntN(pnodes)
	for v := range 1 + 1 + chance.IntN(60) {
		node := cluster.Node{Name: fmt.Sprintf("compute-%d", v), Appliance: "compute", Pnode: fmt.Sprintf("p%05d", (first+v)%pnodes), CPUs: 31, MemoryMiB: 126 << 10, DiskMiB: 200 << 10}
		if v == 0 {
			node = cluster.Node{Name: "gateway", Appliance: "gateway", Pnode: node.Pnode, CPUs: 1, MemoryMiB: 640, DiskMiB: 4 << 10}
		}
		c.Nodes = append(c.Nodes, node)
	}
	return c
}
