package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/quota"
)

func play(t testing.TB, trace *Trace, site *Site, r Run) *Outcome {
	t.Helper()
	o, err := Play(t.Context(), trace, site, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestSameSeedSameResult(t *testing.T) {
	trace, site := example(t)
	for _, r := range []Run{{Policy: calendar.Spread, Seed: 1}, {Policy: calendar.Pack, Seed: 2, Failures: 3}} {
		if a, b := play(t, trace, site, r), play(t, trace, site, r); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two results", r)
		}
	}
	a, b := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1}), play(t, trace, site, Run{Policy: calendar.Spread, Seed: 2})
	if reflect.DeepEqual(a.Summary(), b.Summary()) {
		t.Error("another seed gives the same")
	}
}

// The week of the example, as its page tells it.
func TestWeek(t *testing.T) {
	trace, site := example(t)
	o := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1})
	s := o.Summary()
	if s.Requests != 25 || s.Refused == 0 || s.Active+s.Refused+s.Cancelled != s.Requests || s.ByReason["cpus"] != s.Refused {
		t.Fatalf("%+v", s)
	}
	if s.Late != 0 || s.Waiting.Max < 180 || s.Lateness.Max > 0 || s.Utilisation.BookedCPUs <= 0.2 || s.Utilisation.HeldCPUs <= s.Utilisation.BookedCPUs {
		t.Fatalf("%+v", s)
	}
	for _, c := range o.Clusters {
		if c.Name == "dft-3" && (c.State != cluster.Ended || c.End.Hour() >= 15 && c.End.Minute() > 0) {
			t.Errorf("%s ended at %s", c.Name, c.End)
		}
	}
}

// Whatever goes wrong, no pnode ever holds more than it has, every cluster
// comes to an end, and nothing is handed over before its start.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		site := &Site{
			Version: 1, VLANs: "1-5", Addresses: "192.0.2.1-192.0.2.9",
			Pnodes: []Pnodes{
				{Name: "a", Count: rapid.IntRange(1, 6).Draw(t, "pnodes"), CPUs: 8, MemoryMiB: 16384, DiskMiB: 100000},
				{Name: "gw", Count: 2, CPUs: 4, MemoryMiB: 4096, DiskMiB: 100000, Uplink: true},
			},
			Prepare:  Times{Median: Duration(2 * time.Minute), Spread: 1.5},
			Build:    Times{Median: Duration(time.Minute)},
			Limits:   quota.Limits{UnusedWarnSeconds: 600, UnusedReclaimSeconds: 1800},
			Tenants:  map[string]quota.Limits{"u": {MaxCPUs: 20, MaxNodeHours: 40, NodeHoursSeconds: 24 * 3600, Priority: quota.Low}},
			Failures: Failures{MTBF: Duration(5 * time.Hour), MTTR: Duration(time.Hour), Boot: 0.05, Slow: 0.1, Times: 4},
		}
		if err := site.complete(); err != nil {
			t.Fatal(err)
		}
		trace := &Trace{}
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for i := range rapid.IntRange(1, 40).Draw(t, "bookings") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "gap")) * time.Second)
			spec := &cluster.Spec{
				Name: fmt.Sprintf("c%d", i), Duration: time.Duration(rapid.IntRange(1, 300).Draw(t, "minutes")) * time.Minute,
				Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: rapid.IntRange(1, 8).Draw(t, "count"), CPUs: rapid.IntRange(1, 4).Draw(t, "cpus")}},
			}
			if ahead := rapid.IntRange(-1, 600).Draw(t, "ahead"); ahead >= 0 {
				spec.Start = now.Add(time.Duration(ahead) * time.Minute)
			} else {
				spec.StartMode = cluster.StartASAP
			}
			spec.BestEffort = rapid.IntRange(0, 3).Draw(t, "best effort") == 0
			tenant := rapid.SampledFrom([]string{"t", "u"}).Draw(t, "tenant")
			e := Entry{At: now, Do: Book, Tenant: tenant, Spec: spec}
			if rapid.Bool().Draw(t, "early") {
				e.Runs = Duration(10 * time.Minute)
			}
			trace.Entries = append(trace.Entries, e)
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				trace.Entries = append(trace.Entries, Entry{At: now, Do: Cancel, Tenant: tenant, Cluster: spec.Name})
			case 1:
				trace.Entries = append(trace.Entries, Entry{At: now, Do: Idle, Tenant: tenant, Cluster: spec.Name})
			case 2:
				trace.Entries = append(trace.Entries, Entry{At: now, Do: Maintain, Pnode: "gw1", Start: now.Add(time.Hour), End: now.Add(3 * time.Hour)})
			case 3:
				trace.Entries = append(trace.Entries, Entry{At: now, Do: Grow, Tenant: tenant, Cluster: spec.Name, Count: 2})
			}
		}
		run := Run{Policy: calendar.Spread, Seed: 1, Failures: uint64(rapid.IntRange(0, 3).Draw(t, "failures"))}
		o, err := Play(t.Context(), trace, site, run, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkOutcome(t, o)
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		again, err := Play(t.Context(), trace, site, run, nil)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := written(t, trace, o), written(t, trace, again); !bytes.Equal(a, b) {
			t.Fatalf("played twice:\n%s\n%s", a, b)
		}
	})
}

// written is all that a simulation says.
func written(t rapid.TB, trace *Trace, o *Outcome) []byte {
	raw, err := json.Marshal(struct {
		Report
		*Outcome
	}{Summarize(trace, []*Outcome{o}), o})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Nobody uses a cluster: it is warned, and ended when its tenant's limits say so.
func TestUnusedIsReclaimed(t *testing.T) {
	trace, site := example(t)
	site.Limits = quota.Limits{UnusedWarnSeconds: 600}
	start := trace.Entries[0].At
	spec := &cluster.Spec{Name: "soak", Start: start.Add(time.Hour), Duration: 5 * time.Hour, BestEffort: true, Nodes: []cluster.Group{{Appliance: cluster.Compute, Count: 1}}}
	reclaim := int64(1800)
	trace.Entries = []Entry{
		{At: start, Do: Book, Tenant: "t", Spec: spec},
		{At: start.Add(2 * time.Hour), Do: Idle, Tenant: "t", Cluster: "soak"},
		{At: start.Add(130 * time.Minute), Do: Use, Tenant: "t", Cluster: "soak"},
		{At: start.Add(3 * time.Hour), Do: Idle, Tenant: "t", Cluster: "soak"},
	}
	o := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1})
	if s := o.Summary(); s.Reclaimed != 0 || !o.Clusters[0].End.Equal(start.Add(6*time.Hour)) {
		t.Errorf("no limit says so: %+v, ended at %s", s, o.Clusters[0].End)
	}
	trace.Entries = append(trace.Entries, Entry{At: start.Add(190*time.Minute + time.Second), Do: Limit, Limits: &quota.LimitsChange{UnusedReclaimSeconds: &reclaim}})
	o = play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1})
	if s := o.Summary(); s.Reclaimed != 1 || !o.Clusters[0].End.Equal(start.Add(210*time.Minute)) {
		t.Errorf("%+v, ended at %s", s, o.Clusters[0].End)
	}
}

func checkOutcome(t *rapid.T, o *Outcome) {
	if len(o.Clusters)+len(o.Refused) != o.Asked {
		t.Fatalf("%d booked and %d refused of %d", len(o.Clusters), len(o.Refused), o.Asked)
	}
	var edges []time.Time
	for _, c := range o.Clusters {
		if c.EndedAt == nil || c.State.Live() {
			t.Fatalf("%s is %s at the end", c.Name, c.State)
		}
		if c.ActiveAt != nil && (c.ActiveAt.Before(c.Start) || c.ReadyAt == nil || c.ActiveAt.Before(*c.ReadyAt)) {
			t.Fatalf("%s was handed over at %s, start %s, ready %v", c.Name, c.ActiveAt, c.Start, c.ReadyAt)
		}
		if c.ActiveAt != nil { // before that its vnodes may have been elsewhere
			edges = append(edges, *c.ActiveAt)
		}
	}
	has := map[string]int{}
	for _, p := range o.Site.calendar().Pnodes {
		has[p.Name] = p.Capacity.CPUs
	}
	slices.SortFunc(edges, time.Time.Compare)
	for _, at := range edges { // only there can it become more
		used := map[string]int{}
		for _, c := range o.Clusters {
			if c.ActiveAt != nil && !c.ActiveAt.After(at) && c.End.After(at) {
				for _, n := range c.Nodes {
					used[n.Pnode] += n.CPUs
				}
			}
		}
		for p, n := range used {
			if n > has[p] {
				t.Fatalf("at %s %s holds %d of %d CPUs", at, p, n, has[p])
			}
		}
	}
}

func TestFailuresAreSeen(t *testing.T) {
	trace, site := example(t)
	site.Failures = Failures{Boot: 1}
	if s := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1, Failures: 1}).Summary(); s.Failed == 0 || s.Active != 0 {
		t.Errorf("all scripts fail: %+v", s)
	}
	site.Failures = Failures{Slow: 1, Times: 20}
	if s := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1, Failures: 1}).Summary(); s.Late == 0 || s.Replans == 0 {
		t.Errorf("all preparations are slow: %+v", s)
	}
	site.Failures = Failures{MTBF: Duration(6 * time.Hour), MTTR: Duration(time.Hour)}
	if s := play(t, trace, site, Run{Policy: calendar.Spread, Seed: 1, Failures: 1}).Summary(); s.Replans < 5 {
		t.Errorf("pnodes fall silent every six hours: %+v", s)
	}
}

func TestPercentiles(t *testing.T) {
	v := make([]float64, 200)
	for i := range v {
		v[i] = float64(200 - i)
	}
	if p := percentiles(v); p != (Percentiles{Count: 200, Mean: 100.5, P50: 101, P90: 181, P99: 199, Max: 200}) {
		t.Errorf("%+v", p)
	}
}

func TestCurve(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	end := start.Add(3 * time.Hour)
	o := &Outcome{From: start, To: start.Add(4 * time.Hour), Site: &Site{Pnodes: []Pnodes{{Name: "a", Count: 1, CPUs: 10}}}, Clusters: []Life{{Cluster: cluster.Cluster{
		State: cluster.Ended, PrepareAt: start.Add(30 * time.Minute), Start: start.Add(time.Hour), End: end, EndedAt: &end, Nodes: []cluster.Node{{CPUs: 5}},
	}}}}
	want := []Point{{start, 0, 0.25}, {start.Add(time.Hour), 0.5, 0.5}, {start.Add(2 * time.Hour), 0.5, 0.5}, {start.Add(3 * time.Hour), 0, 0}}
	if got := o.Curve(4); !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
