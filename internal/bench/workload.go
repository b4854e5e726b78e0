package bench

import (
	"fmt"
	"math/rand/v2"
	"time"

	"quarry/internal/calendar"
)

// A compute node takes a pnode for itself, as nodes of a batch system do.
var (
	pnodeSize   = calendar.Size{CPUs: 32, MemoryMiB: 128 << 10, DiskMiB: 2 << 20}
	computeSize = calendar.Size{CPUs: 31, MemoryMiB: 126 << 10, DiskMiB: 200 << 10}
	gatewaySize = calendar.Size{CPUs: 1, MemoryMiB: 640, DiskMiB: 4 << 10}
)

// Bookings have one to 60 compute nodes and last one to 15 hours: on average
// meanNodes × meanHours node-hours. Their starts are spread so that with the
// admissions that are measured they hold load of the site.
const (
	meanNodes = 30.5
	meanHours = 8
	load      = 0.7
)

// site has racks of 40 pnodes, one pnode in a hundred with an uplink, and
// all the VLANs there can be.
func site(pnodes int) calendar.Site {
	s := calendar.Site{Pools: []calendar.Pool{{Name: "vlan"}}}
	for i := range pnodes {
		s.Pnodes = append(s.Pnodes, calendar.Pnode{
			Name: fmt.Sprintf("p%05d", i), Capacity: pnodeSize, Uplink: i%100 == 0, Rack: fmt.Sprintf("r%03d", i/40),
		})
	}
	for v := 1; v <= 4093; v++ {
		s.Pools[0].Units = append(s.Pools[0].Units, fmt.Sprint(v))
	}
	return s
}

// workload draws requests, the same ones for the same seed.
type workload struct {
	chance *rand.Rand
	begin  time.Time
	span   time.Duration // starts lie within it
	next   int
	prefix string
}

func (b Calendar) workload(prefix string, seed uint64, held int, begin time.Time) *workload {
	hours := max(24, float64(held+b.Admissions)*meanNodes*meanHours/(load*float64(b.Pnodes)))
	return &workload{
		chance: rand.New(rand.NewPCG(seed, 1)), begin: begin, prefix: prefix, //nolint:gosec // the same each time
		span: time.Duration(hours * float64(time.Hour)),
	}
}

// booking draws a usual request.
func (w *workload) booking() calendar.Request {
	return w.request(1+w.chance.IntN(60), time.Duration(1+w.chance.IntN(15))*time.Hour)
}

func (w *workload) request(nodes int, length time.Duration) calendar.Request {
	w.next++
	start := w.begin.Add(time.Duration(w.chance.Int64N(int64(w.span)))).Truncate(time.Second)
	return calendar.Request{
		ID: fmt.Sprintf("%s-%d", w.prefix, w.next), Name: fmt.Sprintf("%s-%d", w.prefix, w.next), Tenant: fmt.Sprintf("t%d", w.next%50),
		Start: start, End: start.Add(length), Prepare: 3 * time.Minute, Wipe: time.Minute,
		Pools: []calendar.Need{{Pool: "vlan", Count: 1}},
		Groups: []calendar.Group{
			{Appliance: "gateway", Count: 1, Names: []string{"gateway"}, Size: gatewaySize, Require: []string{calendar.Uplink}},
			{Appliance: "compute", Count: nodes, Size: computeSize},
		},
	}
}
