//go:build lab

package race

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"quarry/internal/calendar"
	"quarry/internal/manager"
	"quarry/internal/pnode"
	"quarry/internal/quota"
)

const (
	clients = 1000
	rounds  = 3 // turns of each client
	kills   = 10
	tenants = 4
	names   = 2 // of one tenant in one slot
	tight   = 120
	loose   = 40

	gatewayMiB = 256
	computeMiB = 640
	diskMiB    = 1024
	// The site: what the pnodes with an uplink have is too little for a compute
	// node, so each kind of vnode has pnodes of its own and a sum says it all.
	plain, uplinks         = 6, 3
	vlans, addresses       = 5, 6
	slotLength       int64 = 6 * 3600
	// mostBy is how much a window of a tight slot is extended or shortened at most,
	// so little that it keeps its middle; in a loose one it is ten times as much,
	// so that it reaches another cluster, and not the next slot.
	mostBy = 240
	// bounded is how many CPUs one of the tenants may hold at once, of each vnode one.
	bounded = 7
	// pad is more than preparing and wiping a cluster is expected to take.
	pad = 900
	// slack is how long after a hold is over somebody may still find it: a
	// request that came before is decided until its client gives it up.
	slack = 20 * time.Second
	// enough slots that are wrong say it all: that there is no order takes
	// much longer to find out than one.
	enough = 2
)

// A thousand clients book, hold, change, cancel and look, the manager is killed
// ten times, and all they were told is what one calendar would have told them, one after
// the other; nothing is booked twice and nothing acknowledged is lost.
func TestThousandClients(t *testing.T) {
	began := time.Now()
	d := newDaemon(t, vlans, addresses)
	people := d.populate()
	d.warm(people[0])
	t.Logf("%s: the site is there", time.Since(began).Round(time.Second))

	slots := make([]slot, tight+loose)
	for i := range slots {
		slots[i] = slot{min(vlans, addresses, 2*uplinks), 2 * plain, pad, map[string]int{"t0": bounded}}
	}
	r := race{d: d, slots: slots, epoch: time.Now(), base: time.Now().Add(24 * time.Hour).Truncate(time.Hour).Unix()}
	r.run(people)
	d.kill()
	t.Logf("%s: %d requests answered, the manager was killed %d times and took %s of processor time", time.Since(began).Round(time.Second),
		r.answered.Load(), r.killed, d.used.Round(time.Second))
	d.start()
	if r.killed < kills {
		t.Errorf("the manager was killed %d times only", r.killed)
	}
	r.sweep(people)
	r.judge()
	t.Logf("%s: the history of %d operations was judged", time.Since(began).Round(time.Second), len(r.history))
	r.inspect()
	t.Logf("%s: the backup was checked", time.Since(began).Round(time.Second))
}

// populate makes the pnodes and the tenants, with a client for each of them.
func (d *daemon) populate() []*client {
	ctx := d.t.Context()
	insist(ctx, d.t, func() (string, error) { return d.provider.Version(ctx) })
	// Each CPU is given away twice, and one more pnode not at all.
	if _, err := d.provider.SetSite(ctx, manager.SiteChange{Overcommit: &calendar.Overcommit{CPUs: 200}}, 0); err != nil {
		d.t.Fatal(err)
	}
	if err := d.standIn(ctx, "shut", pnode.Facts{CPUs: 2, MemoryMiB: 4 * computeMiB, DiskMiB: 4 * diskMiB, Accelerator: "tcg"}); err != nil {
		d.t.Fatal(err)
	}
	shut := []calendar.Window{{From: time.Now(), To: time.Now().Add(365 * 24 * time.Hour)}}
	if _, err := d.provider.SetPnode(ctx, "shut", manager.PnodeChange{Maintenance: &shut}, 0); err != nil {
		d.t.Fatal(err)
	}
	for i := range plain + uplinks {
		facts := pnode.Facts{CPUs: 1, MemoryMiB: 2 * computeMiB, DiskMiB: 2 * diskMiB, Accelerator: "tcg"}
		name := fmt.Sprintf("p%d", i)
		if i >= plain {
			facts.MemoryMiB, facts.Uplink, name = 2*gatewayMiB, true, fmt.Sprintf("gw%d", i-plain)
		}
		if err := d.standIn(ctx, name, facts); err != nil {
			d.t.Fatal(err)
		}
	}
	var all []*client
	for i := range tenants {
		tenant := fmt.Sprintf("t%d", i)
		if _, err := d.provider.CreateTenant(ctx, tenant); err != nil {
			d.t.Fatal(err)
		}
		token, err := d.provider.CreateToken(ctx, tenant, 0)
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, newClient(d, tenant, token.Secret, 0))
	}
	cpus := int64(bounded)
	if _, err := d.provider.SetTenantLimits(ctx, all[0].tenant, quota.LimitsChange{MaxCPUs: &cpus}); err != nil {
		d.t.Fatal(err)
	}
	return all
}

// warm lets the manager fetch the package indexes before the race.
func (d *daemon) warm(c *client) {
	in := ask{name: "warm", nodes: 1, window: [2]int64{time.Now().Unix() + 3600, time.Now().Unix() + 7200}}
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	in.kind, in.dry = book, true
	r, err := requestOf(in)
	if err != nil {
		d.t.Fatal(err)
	}
	a, err := c.insist(ctx, r)
	if err != nil || a.status != 200 {
		d.t.Fatalf("not even one cluster can be booked: %v %d %s", err, a.status, a.body)
	}
}

// race is one run.
type race struct {
	d        *daemon
	slots    []slot
	base     int64     // of the first slot, Unix seconds
	epoch    time.Time // of the history's clock
	answered atomic.Int64
	killed   int

	mu      sync.Mutex
	history []porcupine.Operation
	final   map[string]seen // by ID, what there is in the end
}

// run lets everybody ask, and kills the manager after each part of the answers.
func (r *race) run(people []*client) {
	ctx, cancel := context.WithTimeout(r.d.t.Context(), 10*time.Minute)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	answers := make(chan struct{}, clients)
	for i := range clients {
		who := people[i%tenants]
		c := newClient(r.d, who.tenant, who.token, uint64(i)+1)
		group.Go(func() error {
			defer c.http.CloseIdleConnections()
			for n := range rounds {
				if err := r.take(ctx, c, i, n); err != nil {
					return err
				}
				r.answered.Add(1)
				answers <- struct{}{}
			}
			return nil
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- group.Wait() }()
	for n := 1; ; {
		select {
		case <-answers:
			if n++; n%(clients*rounds/(kills+1)) == 0 && r.killed < kills {
				r.d.kill()
				r.d.start()
				r.killed++
			}
		case err := <-ended:
			if err != nil {
				r.d.t.Fatal(err)
			}
			return
		}
	}
}

// take is one turn of one client: something, asked and answered.
func (r *race) take(ctx context.Context, c *client, i, n int) error {
	if c.last.request.key != "" && c.random.IntN(3) == 0 {
		if err := r.repeat(ctx, c); err != nil {
			return err
		}
	}
	in := r.choose(c, (i/tenants+n)%len(r.slots), n)
	req, err := requestOf(in)
	if err != nil {
		return err
	}
	from := time.Since(r.epoch)
	a, err := c.insist(ctx, req)
	to := time.Since(r.epoch)
	if err != nil {
		return err
	}
	if in.kind == list {
		_, err := r.listed(c, a, from, to)
		return err
	}
	out, s, err := a.read(in)
	if err != nil {
		return err
	}
	r.note(in, out, from, to)
	if out.outcome == done && req.method == http.MethodPost {
		c.last = memory{req, in, out}
	}
	if in.kind == hold && out.outcome == done && !in.dry {
		over := s.HoldUntil.Sub(r.epoch)
		r.note(ask{slot: in.slot, kind: lapse, id: out.id}, told{}, over, over+slack)
		r.note(ask{slot: in.slot, kind: gone, id: out.id}, told{}, over, never)
	}
	return nil
}

// never is after everything.
const never = time.Duration(1<<63 - 1)

// repeat asks for the same again as in the turn before, with the same key.
func (r *race) repeat(ctx context.Context, c *client) error {
	from := time.Since(r.epoch)
	a, err := c.insist(ctx, c.last.request)
	to := time.Since(r.epoch)
	if err != nil {
		return err
	}
	out, _, err := a.read(c.last.ask)
	if err != nil {
		return err
	}
	r.note(ask{slot: c.last.ask.slot, kind: again, tenant: c.tenant, name: c.last.ask.name, was: c.last.told}, out, from, to)
	return nil
}

// choose is what a client asks for in its turn n.
func (r *race) choose(c *client, slot, n int) ask {
	in := ask{slot: slot, tenant: c.tenant, name: fmt.Sprintf("s%d-%d", slot, c.random.IntN(names))}
	dice := c.random.IntN(100)
	if n == 0 {
		dice %= 35
	}
	for _, k := range []struct {
		kind kind
		of   int // a hundred
	}{
		{book, 24},
		{hold, 11},
		{extend, 9},
		{shorten, 7},
		{move, 8},
		{grow, 9},
		{shrink, 7},
		{confirm, 5},
		{release, 3},
		{cancel, 7},
		{end, 2},
		{show, 6},
		{list, 2},
	} {
		if in.kind = k.kind; dice < k.of {
			break
		}
		dice -= k.of
	}
	switch in.kind {
	case cancel, end, show, list:
	default:
		in.dry = c.random.IntN(12) == 0
	}
	switch in.kind {
	case book:
		in.nodes, in.window = 1+c.random.IntN(5), r.window(c, slot)
	case hold: // every other one until after the race
		in.nodes, in.window, in.by = 1+c.random.IntN(5), r.window(c, slot), 1+c.random.Int64N(4)
		if c.random.IntN(2) == 0 {
			in.by = 3600
		}
	case extend, shorten:
		in.by = 60 + c.random.Int64N(mostBy-60)
		if slot >= tight {
			in.by *= 10
		}
	case move:
		in.window = r.window(c, slot)
	case grow, shrink:
		in.nodes = 1 + c.random.IntN(2)
	}
	return in
}

func (r *race) note(in ask, out told, from, to time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history = append(r.history, porcupine.Operation{Input: in, Output: out, Call: int64(from), Return: int64(to)})
}

// listed notes a tenant's list: it says something about each slot.
func (r *race) listed(c *client, a answer, from, to time.Duration) ([]seen, error) {
	tolds, all, err := a.readList(len(r.slots))
	for i, out := range tolds {
		r.note(ask{slot: i, kind: list, tenant: c.tenant}, out, from, to)
	}
	return all, err
}

// sweep lists all that there is in the end, once the holds are gone that are over.
func (r *race) sweep(people []*client) {
	ctx, cancel := context.WithTimeout(r.d.t.Context(), time.Minute)
	defer cancel()
	r.final = map[string]seen{}
	for _, c := range people {
		for {
			req, _ := requestOf(ask{kind: list})
			from := time.Since(r.epoch)
			a, err := c.insist(ctx, req)
			to := time.Since(r.epoch)
			if err != nil {
				r.d.t.Fatal("holds that are over are not gone: ", err)
			}
			_, all, err := a.readList(len(r.slots))
			if err != nil {
				r.d.t.Fatal(err)
			}
			if slices.ContainsFunc(all, func(s seen) bool { return s.State == held && s.HoldUntil.Before(time.Now()) }) {
				continue
			}
			if _, err := r.listed(c, a, from, to); err != nil {
				r.d.t.Fatal(err)
			}
			for _, s := range all {
				r.final[s.ID] = s
			}
			break
		}
	}
}

// window lies within a slot, so that no two slots touch: those of a tight slot
// all hold its middle.
func (r *race) window(c *client, slot int) [2]int64 {
	at := r.base + int64(slot)*slotLength
	from, to := at+3600+c.random.Int64N(3000), at+12000+c.random.Int64N(3000)
	if slot >= tight {
		from = at + 3600 + c.random.Int64N(6000)
		to = from + 600 + c.random.Int64N(6000)
	}
	return [2]int64{from, to}
}

// judge asks whether one after the other could have been told the same.
func (r *race) judge() {
	t := r.d.t
	m := model(r.slots)
	counts := map[string]int{}
	for _, op := range r.history {
		what := string(op.Input.(ask).kind) + " " + string(op.Output.(told).outcome)
		if op.Input.(ask).dry {
			what = "try " + what
		}
		counts[what]++
	}
	t.Logf("what was answered: %v", counts)
	for _, wanted := range []string{
		"book done", "book refused", "book taken", "hold done", "hold refused", "extend done", "extend refused", "shorten done", "move done",
		"grow done", "grow refused", "shrink done", "shrink invalid", "confirm done", "confirm refused", "release done", "release refused",
		"cancel done", "show done", "end refused", "again done", "try book done", "try book refused",
	} {
		if counts[wanted] == 0 {
			t.Errorf("nobody was told %q: the race proves little", wanted)
		}
	}
	bad := 0
	for i, part := range m.Partition(r.history) {
		switch result, info := porcupine.CheckOperationsVerbose(m, part, 30*time.Second); result {
		case porcupine.Illegal:
			t.Errorf("slot %d: no order of these %d operations explains what they were told; as far as it goes:\n%s", i, len(part), tell(part, info.PartialLinearizations()[i]))
			bad++
		case porcupine.Unknown:
			t.Errorf("slot %d: %d operations are too many to judge in 30 s", i, len(part))
			bad++
		case porcupine.Ok:
		}
		if bad == enough {
			t.Errorf("slot %d and what comes after it is not looked at", i+1)
			return
		}
	}
}

// tell lists what was asked of a slot: in the longest order that explains the
// answers, and then what does not follow.
func tell(part []porcupine.Operation, orders [][]int) string {
	var order []int
	for _, o := range orders {
		if len(o) > len(order) {
			order = o
		}
	}
	rest := map[int]bool{}
	for i := range part {
		rest[i] = !slices.Contains(order, i)
	}
	for i := range part {
		if rest[i] {
			order = append(order, i)
		}
	}
	var lines []byte
	for _, i := range order {
		op := part[i]
		if rest[i] {
			lines = append(lines, "not: "...)
		}
		in, out := op.Input.(ask), op.Output.(told)
		lines = fmt.Appendf(lines, "%9.3f–%.3f %s %s/%s%s nodes=%d by=%d %v dry=%t: %s %+v %s\n", time.Duration(op.Call).Seconds(), time.Duration(op.Return).Seconds(),
			in.kind, in.tenant, in.name, in.id, in.nodes, in.by, in.window, in.dry, out.outcome, out.view, out.list)
		if in.kind == again && out != in.was {
			lines = fmt.Appendf(lines, "  first  %s\n  now    %s\n", in.was.body, out.body)
		}
	}
	return string(lines)
}

// inspect has the store checked by a program that knows nothing of the calendar.
func (r *race) inspect() {
	t := r.d.t
	dir := t.TempDir()
	file, list, checker := filepath.Join(dir, "backup"), filepath.Join(dir, "acknowledged"), filepath.Join(dir, "checker")
	r.d.quarry("manager", "backup", file)
	raw, err := json.Marshal(r.acknowledged())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", checker, "../checker").CombinedOutput(); err != nil {
		t.Fatalf("build the checker: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), checker, "-limits", file, list).CombinedOutput()
	if err != nil {
		t.Errorf("the checker: %v", err)
	}
	t.Logf("the checker says: %s", out)
}

// acknowledged is every cluster that a client was told of, as the manager says
// it is in the end, which has been judged.
func (r *race) acknowledged() []map[string]any {
	var list []map[string]any
	for _, op := range r.history {
		in, out := op.Input.(ask), op.Output.(told)
		if in.kind != book && in.kind != hold || in.dry || out.outcome != done {
			continue
		}
		s, live := r.final[out.id]
		list = append(list, map[string]any{
			"id": out.id, "tenant": in.tenant, "name": in.name, "nodes": len(s.Nodes), "live": live, "start": s.Start, "end": s.End,
		})
	}
	return list
}
