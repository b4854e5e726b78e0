//go:build lab

package test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/lab"
)

// Every daemon, and a guest, is killed at some point of a preparation. The
// cluster is ready before its start all the same, each vnode exists once, and
// after the end nothing is left. The manager is stopped at the start: it is
// handed over all the same.
func TestCrashes(t *testing.T) {
	must(t, "cluster", "create", "crash", "--roll", "condor", "--compute", "2", "--start", "asap", "--for", "1h")
	t.Cleanup(func() { endCluster(t, "crash") })
	c := show(t, "crash")

	kill9(t, "manager", "quarry manager run")
	untilStage(t, c, "gateway", "boot")
	kill9(t, "gw1", "quarry agent run")
	kill9(t, pnodeOf(t, "crash", "compute-0"), "/usr/sbin/libvirtd")
	kill9(t, pnodeOf(t, "crash", "compute-1"), "quarry agent run")
	untilStage(t, c, "compute-0", "boot")
	kill9(t, pnodeOf(t, "crash", "compute-0"), "qemu-system.*guest=crash.compute-0")
	kill9(t, "manager", "quarry manager run")

	c = wait(t, "crash", "ready", 15*time.Minute)
	t.Logf("ready %.0f s before the start in spite of it all", c.SlackSeconds)
	for _, n := range c.Nodes {
		if got := running(t, c, n); got != 1 {
			t.Errorf("%d guests for %s", got, n.Name)
		}
	}

	if c.ActiveAt == nil {
		signal(t, "manager", "quarry manager run", "STOP")
		defer signal(t, "manager", "quarry manager run", "CONT")
		eventually(t, time.Until(c.Start)+time.Minute, "the gateway answers from outside without the manager", func() bool {
			return on(t, "outside", "ping", "-c", "1", "-W", "1", c.Gateway.OutsideAddress).code == 0
		})
		if now := time.Now(); now.Before(c.Start) {
			t.Errorf("reachable %s before the start", c.Start.Sub(now))
		}
		signal(t, "manager", "quarry manager run", "CONT")
	}
	wait(t, "crash", "active", time.Minute)
	if !strings.Contains(ssh(t, "crash", "compute-0", "hostname"), "compute-0") {
		t.Error("compute-0 is somebody else")
	}

	kill9(t, "gw1", "qemu-system.*guest=crash.gateway")
	eventually(t, 8*time.Minute, "the gateway is there again after its guest was killed", func() bool {
		return quarry(t, "cluster", "ssh", "crash", "--", "true").code == 0
	})
}

// A pnode that is lost before the start loses nobody their cluster.
func TestLostPnode(t *testing.T) {
	must(t, "cluster", "create", "moved", "--roll", "condor", "--compute", "1", "--start", "asap", "--for", "1h")
	t.Cleanup(func() { endCluster(t, "moved") })
	old := pnodeOf(t, "moved", "compute-0")
	untilStage(t, show(t, "moved"), "compute-0", "boot")
	pullThePlug(t, old)
	t.Cleanup(func() { must(t, "lab", "up", "--pnodes", "3", "--gateways", "1") })
	c := wait(t, "moved", "ready", 15*time.Minute)
	if now := pnodeOf(t, "moved", "compute-0"); now == old {
		t.Fatalf("compute-0 is still on %s", old)
	}
	t.Logf("ready %.0f s before the start", c.SlackSeconds)
	wait(t, "moved", "active", time.Until(c.Start)+time.Minute)
	if !strings.Contains(ssh(t, "moved", "compute-0", "hostname"), "compute-0") {
		t.Error("compute-0 does not answer where it is now")
	}
	must(t, "lab", "up", "--pnodes", "3", "--gateways", "1")
	eventually(t, 3*time.Minute, "the pnode that came back has nothing of the cluster", func() bool {
		r := on(t, old, "pgrep", "-f", "guest=moved.compute-0")
		return r.code == 1
	})
}

// endCluster ends a cluster and wants nothing of it to be left.
func endCluster(t testing.TB, name string, flags ...string) {
	t.Helper()
	c := show(t, name, flags...)
	verb := "end"
	if c.State == cluster.Booked {
		verb = "cancel"
	}
	must(t, append([]string{"cluster", verb, name}, flags...)...)
	wait(t, name, "ended", 3*time.Minute, flags...)
	checkGone(t, c)
	if c.Gateway.OutsideAddress != "" && on(t, "outside", "ping", "-c", "1", "-W", "1", c.Gateway.OutsideAddress).code == 0 {
		t.Errorf("the gateway of %s still answers", name)
	}
}

func pnodeOf(t testing.TB, name, node string) string {
	t.Helper()
	for _, n := range show(t, name).Nodes {
		if n.Name == node {
			return n.Pnode
		}
	}
	t.Fatalf("%s has no %s", name, node)
	return ""
}

// untilStage waits until a vnode is at least so far.
func untilStage(t testing.TB, c cluster.Cluster, node, stage string) {
	t.Helper()
	stages := []string{"", "image", "disk", "boot", "identity", "scripts", "checks", "ready"}
	rank := map[string]int{}
	for i, s := range stages {
		rank[s] = i
	}
	eventually(t, 10*time.Minute, node+" is at "+stage, func() bool {
		for _, n := range show(t, c.Name).Nodes {
			if n.Name == node {
				return rank[n.Stage] >= rank[stage]
			}
		}
		return false
	})
}

// kill9 kills what matches a pattern on a host.
func kill9(t testing.TB, host, pattern string) {
	t.Helper()
	signal(t, host, pattern, "KILL")
}

func signal(t testing.TB, host, pattern, name string) {
	t.Helper()
	if r := on(t, host, "pkill", "-"+name, "-f", pattern); r.code != 0 {
		t.Fatalf("nothing on %s matches %q: exit %d %s", host, pattern, r.code, r.err)
	}
}

// running counts the guests of a vnode over all pnodes.
func running(t testing.TB, c cluster.Cluster, n cluster.Node) int {
	t.Helper()
	total := 0
	for _, host := range []string{"p1", "p2", "p3", "gw1"} {
		out := on(t, host, "pgrep", "-fc", "guest="+c.Name+"."+n.Name+"."+c.ID[:8]).out
		found, err := strconv.Atoi(strings.TrimSpace(out))
		if err != nil {
			t.Fatalf("pgrep on %s says %q", host, out)
		}
		total += found
	}
	return total
}

// pullThePlug kills a host of the lab with everything on it.
func pullThePlug(t testing.TB, name string) {
	t.Helper()
	if err := lab.KillHost(t.Context(), lab.DefaultDir, name); err != nil {
		t.Fatal(err)
	}
}
