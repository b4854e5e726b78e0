//go:build lab

package test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// The main job: a Condor pool is booked, is ready before its start, is used
// through its gateway, and leaves nothing.
func TestMainJob(t *testing.T) {
	must(t, "cluster", "create", "farm", "--roll", "condor", "--compute", "2", "--start", "asap", "--for", "2h")
	c := wait(t, "farm", "ready", 15*time.Minute)
	if c.ReadyAt == nil || !c.ReadyAt.Before(c.Start) || c.SlackSeconds <= 0 {
		t.Fatalf("ready %v, start %v, slack %v", c.ReadyAt, c.Start, c.SlackSeconds)
	}
	t.Logf("cold: ready %s after booking, %.0f s before its start", c.ReadyAt.Sub(c.CreatedAt).Round(time.Second), c.SlackSeconds)
	if c.ActiveAt == nil {
		if r := on(t, "outside", "ping", "-c", "1", "-W", "2", c.Gateway.OutsideAddress); r.code == 0 {
			t.Error("the gateway answers from outside before the start")
		}
	}
	checkIsolatedOnTheSwitch(t, c)

	c = wait(t, "farm", "active", time.Until(c.Start)+time.Minute)
	if late := c.ActiveAt.Sub(c.Start); late < 0 || late > 3*time.Second {
		t.Errorf("handed over %s after the start", late)
	}
	pool := ssh(t, "farm", "", "condor_status -af Machine")
	for _, node := range []string{"compute-0", "compute-1"} {
		if !strings.Contains(pool, node) {
			t.Errorf("the pool lacks %s: %s", node, pool)
		}
	}
	ran := runJobs(t, 8)
	for _, node := range []string{"compute-0", "compute-1"} {
		if !slices.ContainsFunc(ran, func(host string) bool { return strings.HasPrefix(host, node) }) {
			t.Errorf("no job ran on %s: %v", node, ran)
		}
	}
	if got := strings.TrimSpace(ssh(t, "farm", "compute-1", "sudo -n hostname")); got != "compute-1" {
		t.Errorf("on compute-1 sudo hostname says %q", got)
	}
	n := c.Nodes[len(c.Nodes)-1]
	if size := ssh(t, "farm", n.Name, "df -BM --output=size /"); !grown(size, n.DiskMiB) {
		t.Errorf("the file system did not grow to the %d MiB of the disk: %s", n.DiskMiB, size)
	}
	only := reachableFromOutside(t, c.Gateway.OutsideAddress)
	if !slices.Equal(only, []string{"22"}) {
		t.Errorf("from outside the gateway has open ports %v, want 22 alone", only)
	}
	if r := on(t, "outside", "ping", "-c", "1", "-W", "2", c.Nodes[1].Leg(cluster.PrivateNetwork).Address); r.code == 0 {
		t.Error("a compute node answers from outside")
	}
}

// A second cluster of the same profiles finds its images made, and is ready
// in time with no build.
func TestWarmCluster(t *testing.T) {
	before := must(t, "--context", "provider", "image", "list", "-o", "json")
	must(t, "cluster", "create", "warm", "--roll", "condor", "--compute", "2", "--start", "asap", "--for", "1h")
	c := wait(t, "warm", "ready", 10*time.Minute)
	if !c.ReadyAt.Before(c.Start) {
		t.Errorf("ready %v, start %v", c.ReadyAt, c.Start)
	}
	t.Logf("warm: ready %s after booking, %.0f s before its start", c.ReadyAt.Sub(c.CreatedAt).Round(time.Second), c.SlackSeconds)
	if count(before) != count(must(t, "--context", "provider", "image", "list", "-o", "json")) {
		t.Error("an image was made for a profile that had one")
	}
	must(t, "cluster", "cancel", "warm")
	wait(t, "warm", "ended", 2*time.Minute)
	checkGone(t, c)
}

func count(images string) int { return strings.Count(images, `"address"`) }

// farm makes sure that the cluster farm is there and active.
func farm(t *testing.T) cluster.Cluster {
	t.Helper()
	r := quarry(t, "cluster", "show", "farm", "-o", "json")
	var c cluster.Cluster
	if r.code == 0 {
		if err := json.Unmarshal([]byte(r.out), &c); err != nil {
			t.Fatal(err)
		}
	}
	if r.code != 0 || c.EndedAt != nil {
		must(t, "cluster", "create", "farm", "--roll", "condor", "--compute", "2", "--start", "asap", "--for", "2h")
		wait(t, "farm", "ready", 15*time.Minute)
		c = show(t, "farm")
	}
	return wait(t, "farm", "active", time.Until(c.Start)+time.Minute)
}

// ssh runs a line on a vnode, from host outside, through the gateway.
func ssh(t testing.TB, name, node, line string, flags ...string) string {
	t.Helper()
	args := append([]string{"cluster", "ssh", name}, flags...)
	if node != "" {
		args = append(args, "--node", node)
	}
	return must(t, append(args, "--", line)...)
}

// grown says whether df shows nearly all of a disk; the file system's own data
// takes some of it.
func grown(df string, diskMiB int) bool {
	size := regexp.MustCompile(`(?m)^\s*(\d+)M\s*$`).FindStringSubmatch(df)
	if size == nil {
		return false
	}
	mib, err := strconv.Atoi(size[1])
	return err == nil && mib >= diskMiB*9/10
}

// runJobs submits n jobs and returns the machines that ran them.
func runJobs(t *testing.T, n int) []string {
	t.Helper()
	submit := fmt.Sprintf(`mkdir -p jobs && cd jobs && rm -f out.* log && cat > job.sub <<'END'
executable = /bin/sh
arguments = "-c 'hostname; sleep 2'"
transfer_executable = false
should_transfer_files = YES
when_to_transfer_output = ON_EXIT
output = out.$(Process)
log = log
queue %d
END
condor_submit job.sub && condor_wait -wait 600 log && cat out.*`, n)
	out := ssh(t, "farm", "", submit)
	ran := regexp.MustCompile(`(?m)^compute-\d+`).FindAllString(out, -1)
	if len(ran) != n {
		t.Fatalf("%d of %d jobs say where they ran: %s", len(ran), n, out)
	}
	return ran
}

// reachableFromOutside lists the ports of interest that answer at an address.
func reachableFromOutside(t *testing.T, address string) []string {
	t.Helper()
	var open []string
	for _, port := range []string{"22", "53", "67", "80", "443", "9618"} {
		r := on(t, "outside", "timeout", "3", "bash", "-c", "exec 3<>/dev/tcp/"+address+"/"+port)
		if r.code == 0 {
			open = append(open, port)
		}
	}
	return open
}

// checkIsolatedOnTheSwitch wants the rack switch to have seen every MAC of a
// cluster in its own VLAN and in no other.
func checkIsolatedOnTheSwitch(t testing.TB, c cluster.Cluster) {
	t.Helper()
	table := sh(t, "rack", "ovs-appctl fdb/show rack")
	for _, n := range c.Nodes {
		mac := n.Leg(cluster.PrivateNetwork).MAC
		for line := range strings.Lines(table) {
			f := strings.Fields(line)
			if len(f) >= 3 && f[2] == mac && f[1] != fmt.Sprint(c.VLAN) {
				t.Errorf("%s (%s) was seen in VLAN %s, its own is %d", n.Name, mac, f[1], c.VLAN)
			}
		}
	}
}

// checkGone wants nothing of a cluster to be left on any pnode.
func checkGone(t testing.TB, c cluster.Cluster) {
	t.Helper()
	for _, host := range []string{"p1", "p2", "p3", "gw1"} {
		// Nobody else ends when an agent is slow: the manager said "ended".
		out := sh(t, host, "ls /var/lib/quarry/agent/vnodes 2>/dev/null; ps -eo args; ovs-vsctl --columns=name,tag,external_ids list Port")
		if strings.Contains(out, c.ID) || strings.Contains(out, c.Name+".") && strings.Contains(out, c.ID[:8]) {
			t.Errorf("%s still has something of %s: %s", host, c.Name, out)
		}
	}
}
