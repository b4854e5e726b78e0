//go:build lab

package race

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/sync/errgroup"

	"quarry/internal/pnode"
)

const (
	clients = 1000
	rounds  = 3 // requests of each client
	kills   = 10
	tenants = 4
	names   = 3 // of one tenant in one slot
	exact   = 120
	loose   = 40

	gatewayMiB = 256
	computeMiB = 640
	diskMiB    = 1024
	// The site: what the pnodes with an uplink have is too little for a compute
	// node, so each kind of vnode has pnodes of its own and a sum says it all.
	plain, uplinks         = 6, 3
	vlans, addresses       = 5, 6
	slotLength       int64 = 4 * 3600
)

// A thousand clients book, cancel and look, the manager is killed ten times,
// and all they were told is what one calendar would have told them, one after
// the other; nothing is booked twice and nothing acknowledged is lost.
func TestThousandClients(t *testing.T) {
	began := time.Now()
	d := newDaemon(t, vlans, addresses)
	people := d.populate()
	d.warm(people[0])
	t.Logf("%s: the site is there", time.Since(began).Round(time.Second))

	slots := make([]slot, exact+loose)
	for i := range slots {
		slots[i] = slot{limits{min(vlans, addresses, 2*uplinks), 2 * plain}, i < exact}
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
	r.judge()
	t.Logf("%s: the history of %d operations was judged", time.Since(began).Round(time.Second), len(r.history))
	r.inspect()
	t.Logf("%s: the backup was checked", time.Since(began).Round(time.Second))
}

// populate makes the pnodes and the tenants, with a client for each of them.
func (d *daemon) populate() []*client {
	ctx := d.t.Context()
	insist(ctx, d.t, func() (string, error) { return d.provider.Version(ctx) })
	for i := range plain + uplinks {
		facts := pnode.Facts{CPUs: 2, MemoryMiB: 2 * computeMiB, DiskMiB: 2 * diskMiB, Accelerator: "tcg"}
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
	return all
}

// warm lets the manager fetch the package indexes before the race.
func (d *daemon) warm(c *client) {
	in := ask{name: "warm", nodes: 1, window: [2]int64{time.Now().Unix() + 3600, time.Now().Unix() + 7200}}
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	a, err := c.request(ctx, "POST", "/v1/clusters?dryRun=true", spec(in))
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
	in := ask{slot: (i + n) % len(r.slots), tenant: c.tenant}
	in.name = fmt.Sprintf("s%d-%d", in.slot, c.random.IntN(names))
	switch dice := c.random.IntN(100); {
	case n == 0 || dice < 50:
		in.kind, in.nodes, in.window = book, 1+c.random.IntN(5), r.window(c, in.slot)
	case dice < 75:
		in.kind = cancel
	case dice < 80:
		in.kind = end
	case dice < 98:
		in.kind = show
	default:
		in.kind = list
	}
	from := time.Since(r.epoch)
	asks, tolds, err := c.do(ctx, in, len(r.slots))
	to := time.Since(r.epoch)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k := range asks {
		r.history = append(r.history, porcupine.Operation{ClientId: i, Input: asks[k], Output: tolds[k], Call: int64(from), Return: int64(to)})
	}
	return nil
}

// window lies within a slot, so that no two slots touch: those of an exact
// slot all hold its middle.
func (r *race) window(c *client, slot int) [2]int64 {
	at := r.base + int64(slot)*slotLength
	from, to := at+1800+c.random.Int64N(3600), at+2*3600+c.random.Int64N(3600)
	if !r.slots[slot].exact {
		from = at + 1800 + c.random.Int64N(5000)
		to = from + 600 + c.random.Int64N(3000)
	}
	return [2]int64{from, to}
}

// judge asks whether one after the other could have been told the same.
func (r *race) judge() {
	t := r.d.t
	m := model(r.slots)
	counts := map[string]int{}
	for _, op := range r.history {
		counts[string(op.Input.(ask).kind)+" "+string(op.Output.(told).outcome)]++
	}
	t.Logf("what was answered: %v", counts)
	for _, wanted := range []string{"book done", "book refused", "book taken", "cancel done", "show done", "end refused"} {
		if counts[wanted] == 0 {
			t.Errorf("nobody was told %q: the race proves little", wanted)
		}
	}
	for i, part := range m.Partition(r.history) {
		switch result, _ := porcupine.CheckOperationsVerbose(m, part, 30*time.Second); result {
		case porcupine.Illegal:
			t.Errorf("slot %d: no order of these %d operations explains what they were told:\n%s", i, len(part), tell(part))
		case porcupine.Unknown:
			t.Errorf("slot %d: %d operations are too many to judge in 30 s", i, len(part))
		case porcupine.Ok:
		}
	}
}

// tell lists what decides in a slot.
func tell(part []porcupine.Operation) string {
	var lines []byte
	for _, op := range part {
		in, out := op.Input.(ask), op.Output.(told)
		lines = fmt.Appendf(lines, "%9.3f–%.3f %s %s/%s nodes=%d %v: %s %s %d %s\n", time.Duration(op.Call).Seconds(), time.Duration(op.Return).Seconds(),
			in.kind, in.tenant, in.name, in.nodes, in.window, out.outcome, out.id, out.nodes, out.names)
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
	out, err := exec.CommandContext(t.Context(), checker, file, list).CombinedOutput()
	if err != nil {
		t.Errorf("the checker: %v", err)
	}
	t.Logf("the checker says: %s", out)
}

// acknowledged is every cluster that a client was told of.
func (r *race) acknowledged() []map[string]any {
	cancelled := map[string]bool{}
	for _, op := range r.history {
		if out := op.Output.(told); op.Input.(ask).kind == cancel && out.outcome == done {
			cancelled[out.id] = true
		}
	}
	var list []map[string]any
	for _, op := range r.history {
		if in, out := op.Input.(ask), op.Output.(told); in.kind == book && out.outcome == done {
			list = append(list, map[string]any{
				"id": out.id, "tenant": in.tenant, "name": in.name, "nodes": in.nodes + 1, "live": !cancelled[out.id],
			})
		}
	}
	return list
}
