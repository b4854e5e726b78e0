//go:build lab

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// A running pool loses a node, gets one, and gets more time, while a loop of
// ssh from outside to the others never fails; inside the others nothing starts
// anew. It ends at its new end and not at its old one.
func TestChangesOfARunningCluster(t *testing.T) {
	must(t, "cluster", "create", "ops", "--roll", "condor", "--compute", "2", "--start", "asap", "--for", "2h")
	c := wait(t, "ops", "ready", 15*time.Minute)
	c = wait(t, "ops", "active", time.Until(c.Start)+time.Minute)
	t.Cleanup(func() {
		if r := quarry(t, "cluster", "end", "ops"); r.code == 0 {
			quarry(t, "cluster", "wait", "ops", "--for", "ended", "--timeout", "3m")
		}
	})
	wantPool(t, "compute-0", "compute-1")
	before := map[string]string{"gateway": factsOf(t, "gateway"), "compute-0": factsOf(t, "compute-0")}
	stop := knock(t, "ops", "gateway", "compute-0")
	var screen func() string
	var leave func()
	eventually(t, 2*time.Minute, "a login is told of the end", func() bool {
		screen, leave = logIn(t, "ops")
		for tried := time.Now(); time.Since(tried) < 30*time.Second; <-time.After(time.Second) {
			if strings.Contains(screen(), "ends at "+c.End.UTC().Format("2006-01-02 15:04:05")) {
				return true
			}
		}
		t.Logf("a terminal that was not told of it said:\n%s", screen())
		leave()
		return false
	})

	began := time.Now()
	must(t, "cluster", "shrink", "ops", "compute-1")
	eventually(t, 3*time.Minute, "compute-1 is gone", func() bool { return len(show(t, "ops").Nodes) == 2 })
	t.Logf("a node left within %s", time.Since(began).Round(time.Second))
	wantPool(t, "compute-0")
	wantKnown(t, c.Nodes[2], false)

	began = time.Now()
	must(t, "cluster", "grow", "ops", "--by", "1")
	var grown cluster.Node
	eventually(t, 10*time.Minute, "the new compute-1 is ready", func() bool {
		grown = show(t, "ops").Nodes[2]
		return grown.State == cluster.NodeReady && !grown.Joining
	})
	t.Logf("a node joined within %s", time.Since(began).Round(time.Second))
	wantPool(t, "compute-0", "compute-1")
	wantKnown(t, grown, true)
	eventually(t, time.Minute, "the login on the gateway is counted", func() bool { return show(t, "ops").Nodes[0].Sessions > 0 })
	if got := strings.TrimSpace(ssh(t, "ops", "compute-1", "hostname")); got != "compute-1" {
		t.Errorf("the new compute-1 says it is %q", got)
	}
	if grown.HostKeys[0] == c.Nodes[2].HostKeys[0] {
		t.Error("the new compute-1 has the old one's host key")
	}

	first := time.Now().Add(45 * time.Second).UTC().Truncate(time.Second)
	must(t, "cluster", "shorten", "ops", "--end", first.Format(time.RFC3339))
	must(t, "cluster", "extend", "ops", "--by", "100s")
	end := first.Add(100 * time.Second)
	eventually(t, 30*time.Second, "who is logged in sees the new end", func() bool {
		return strings.Contains(screen(), "\a*** Cluster ops ends at "+end.Format("2006-01-02 15:04:05"))
	})
	t.Logf("a terminal said:\n%s", screen())
	eventually(t, 2*time.Minute, "the first end has passed", func() bool { return time.Now().After(first.Add(3 * time.Second)) })
	for node, was := range before {
		if is := factsOf(t, node); is != was {
			t.Errorf("%s changed:\n%s\nbefore:\n%s", node, is, was)
		}
	}
	knocks, failures := stop()
	t.Logf("%d logins from outside while a node left, one joined, and the end moved", knocks)
	if len(failures) > 0 || knocks < 10 {
		t.Errorf("%d logins of %d failed:\n%s", len(failures), knocks, strings.Join(failures, "\n"))
	}
	leave()
	eventually(t, time.Until(end)-5*time.Second, "nobody is logged in", func() bool {
		c = show(t, "ops")
		return !slices.ContainsFunc(c.Nodes, func(n cluster.Node) bool { return n.Sessions > 0 })
	})
	for _, n := range c.Nodes {
		t.Logf("%s idle since %v", n.Name, n.IdleSince)
		if at := n.IdleSince; at != nil && (at.Before(c.PrepareAt) || at.After(time.Now())) {
			t.Errorf("%s is idle since %s, it was made after %s and now is %s", n.Name, at, c.PrepareAt, time.Now())
		}
	}
	c = wait(t, "ops", "ended", time.Until(end)+3*time.Minute)
	if !c.End.Equal(end) || c.EndedAt.Before(end) {
		t.Errorf("ended at %v, its end was %v and is to be %v", c.EndedAt, c.End, end)
	}
	checkGone(t, c)
}

// factsOf is what must stay while a vnode's cluster changes around it: its
// boot, its addresses, and when its services were started.
func factsOf(t *testing.T, node string) string {
	t.Helper()
	return ssh(t, "ops", node, `cat /proc/sys/kernel/random/boot_id; ip -4 -o addr | awk '{print $2, $4}'
sudo -n systemctl show -p Id,ExecMainPID,ExecMainStartTimestampMonotonic,NRestarts ssh condor dnsmasq`)
}

// wantPool wants the collector to list slots of these machines and no others.
func wantPool(t *testing.T, nodes ...string) {
	t.Helper()
	var got string
	eventually(t, 3*time.Minute, "condor_status lists "+strings.Join(nodes, ", "), func() bool {
		r := quarry(t, "cluster", "ssh", "ops", "--", "condor_status -af Machine | cut -d. -f1 | sort -u")
		got = r.out
		return r.code == 0 && slices.Equal(strings.Fields(got), nodes)
	})
}

// wantKnown wants the other vnodes to know a vnode by name, address and host
// key, and dnsmasq to have read its files again without a restart; or all of
// it to be forgotten.
func wantKnown(t *testing.T, n cluster.Node, known bool) {
	t.Helper()
	address, key := n.Leg(cluster.PrivateNetwork).Address, strings.Fields(n.HostKeys[0])[1]
	for node, line := range map[string]string{
		"gateway":   fmt.Sprintf("grep -qF '%s' /etc/ssh/ssh_known_hosts && grep -q '^%s ' /etc/quarry/dnsmasq.names && getent hosts %s", key, address, n.Name),
		"compute-0": fmt.Sprintf("grep -qF '%s' /etc/ssh/ssh_known_hosts && getent hosts %s", key, n.Name),
	} {
		eventually(t, time.Minute, fmt.Sprintf("%s knows %s: %t", node, n.Name, known), func() bool {
			return quarry(t, "cluster", "ssh", "ops", "--node", node, "--", line).code == 0 == known
		})
	}
}

// logIn logs in on the gateway at a terminal, until the second function it
// returns is called; the first tells what the terminal shows.
func logIn(t *testing.T, name string) (screen func() string, leave func()) {
	t.Helper()
	shown := filepath.Join(t.TempDir(), "shown")
	c := exec.Command("script", "-qfc", binary()+" cluster ssh "+name, shown)
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatalf("log in at a terminal: %v", err)
	}
	leave = sync.OnceFunc(func() {
		fmt.Fprintln(stdin, "exit") //nolint:errcheck // it may be over
		stdin.Close()
		timer := time.AfterFunc(10*time.Second, func() { c.Process.Kill() })
		defer timer.Stop()
		c.Wait() //nolint:errcheck // its status is that of the last command
	})
	t.Cleanup(leave)
	return func() string {
		raw, err := os.ReadFile(shown)
		if err != nil {
			return ""
		}
		return string(raw)
	}, leave
}

// knock logs in on vnodes again and again until the function it returns is
// called, which tells how often, and what failed.
func knock(t *testing.T, name string, nodes ...string) func() (int, []string) {
	t.Helper()
	done := make(chan struct{})
	var mu sync.Mutex
	var group sync.WaitGroup
	count := 0
	var failures []string
	for _, node := range nodes {
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				r := quarry(t, "cluster", "ssh", name, "--node", node, "--", "true")
				mu.Lock()
				count++
				if r.code != 0 {
					failures = append(failures, fmt.Sprintf("%s %s after %s: exit %d %s%s", began.Format(time.TimeOnly), node, time.Since(began), r.code, r.out, r.err))
				}
				mu.Unlock()
			}
		})
	}
	var once sync.Once
	stop := func() { once.Do(func() { close(done); group.Wait() }) }
	t.Cleanup(stop)
	return func() (int, []string) {
		stop()
		return count, failures
	}
}
