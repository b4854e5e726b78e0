//go:build lab

package test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// victim is a process on a host of the lab.
type victim struct{ host, pattern string }

// victims are all daemons, and the guests of a cluster wherever they are.
func victims(name string) []victim {
	all := []victim{{"manager", "quarry manager run"}}
	for _, host := range []string{"p1", "p2", "p3", "gw1"} {
		all = append(all,
			victim{host, "quarry agent run"},
			victim{host, "/usr/sbin/libvirtd"},
			victim{host, "qemu-system.*guest=" + name + "[.]"})
	}
	return all
}

// Anything may be killed at any time, while a cluster is prepared, runs and
// ends: it gets ready or says before its start that it will be late, nothing
// is there twice, and nothing is left. QUARRY_TEST_SEED repeats a run.
func TestRandomKills(t *testing.T) {
	seed := seedOf(t)
	t.Logf("QUARRY_TEST_SEED=%d repeats these kills", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	must(t, "cluster", "create", "chaos", "--roll", "condor", "--compute", "1", "--start", "asap", "--for", "1h")
	t.Cleanup(func() {
		if r := quarry(t, "cluster", "show", "chaos"); r.code == 0 {
			quarry(t, "cluster", "end", "chaos")
		}
	})
	killSome(t, random, "chaos", 6, 8*time.Second)
	c := wait(t, "chaos", "ready", 15*time.Minute)
	if !c.ReadyAt.Before(c.Start) && !warned(t, c) {
		t.Errorf("ready %s, start %s, and no event said so before", c.ReadyAt, c.Start)
	}
	eachOnce(t, c)

	c = wait(t, "chaos", "active", time.Until(c.Start)+time.Minute)
	killSome(t, random, "chaos", 3, 5*time.Second)
	eventually(t, 8*time.Minute, "compute-0 answers through the gateway after the kills", func() bool {
		return quarry(t, "cluster", "ssh", "chaos", "--node", "compute-0", "--", "true").code == 0
	})
	eachOnce(t, c)

	eventually(t, time.Minute, "the end is accepted", func() bool { return quarry(t, "cluster", "end", "chaos").code == 0 })
	killSome(t, random, "chaos", 3, 2*time.Second)
	wait(t, "chaos", "ended", 5*time.Minute)
	checkGone(t, c)
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	given := os.Getenv("QUARRY_TEST_SEED")
	if given == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(given, 10, 64)
	if err != nil {
		t.Fatalf("QUARRY_TEST_SEED: %v", err)
	}
	return seed
}

// killSome kills so many processes, each after a random part of a pause. A
// draw that is not there just then is drawn again.
func killSome(t *testing.T, random *rand.Rand, name string, kills int, pause time.Duration) {
	t.Helper()
	for range kills {
		<-time.After(time.Duration(random.Int64N(int64(pause))))
		draw := victims(name)
		for len(draw) > 0 {
			i := random.IntN(len(draw))
			if on(t, draw[i].host, "pkill", "-KILL", "-f", draw[i].pattern).code == 0 {
				t.Logf("killed %s on %s", draw[i].pattern, draw[i].host)
				break
			}
			draw = slices.Delete(draw, i, i+1)
		}
	}
}

// warned says whether a cluster told before its start that it may be late.
func warned(t *testing.T, c cluster.Cluster) bool {
	t.Helper()
	var events []cluster.Event
	raw := must(t, "cluster", "events", c.Name, "-o", "json")
	if err := json.Unmarshal([]byte(raw), &events); err != nil {
		t.Fatalf("cluster events %s: %v in %s", c.Name, err, raw)
	}
	return slices.ContainsFunc(events, func(e cluster.Event) bool { return e.Type == "warning" && e.Time.Before(c.Start) })
}

func eachOnce(t *testing.T, c cluster.Cluster) {
	t.Helper()
	for _, n := range c.Nodes {
		eventually(t, time.Minute, n.Name+" is there once", func() bool { return running(t, c, n) == 1 })
	}
}
