//go:build lab

package test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// printed finds the commands that a refusal offers.
var printed = regexp.MustCompile(`(?m)(quarry cluster create .*|echo '.*)$`)

// What a refusal offers first is booked as it was printed, and ready on time.
// One of its pnodes then dies a minute before the start: the cluster is made
// whole elsewhere in time, or said to be late before its start.
func TestFirstAlternativeAsPrinted(t *testing.T) {
	set := func(args ...string) { must(t, append([]string{"--context", "provider"}, args...)...) }
	set("site", "set", "--prepare-floor", "150s") // so that it is ready well before
	t.Cleanup(func() { set("site", "set", "--prepare-floor", "1m") })
	for _, pnode := range []string{"p1", "p2"} {
		set("node", "set", pnode, "--tag", "ssd")
	}
	t.Cleanup(func() {
		for _, pnode := range []string{"p1", "p2", "p3"} {
			set("node", "set", pnode, "--untag", "ssd")
		}
	})
	r := quarry(t, "cluster", "create", "instead", "--roll", "base", "--compute", "3",
		"--apart", "compute", "--require", "compute=ssd", "--start", "+4m", "--for", "1h")
	offers := printed.FindAllString(r.err, -1)
	if r.code != 3 || len(offers) < 3 {
		t.Fatalf("exit %d with %d offers, want a refusal with three\n%s%s", r.code, len(offers), r.out, r.err)
	}
	t.Log(offers[0])

	book := exec.CommandContext(context.Background(), "sh", "-c", offers[0])
	book.Env = append(os.Environ(), "PATH="+filepath.Dir(binary())+":"+os.Getenv("PATH"))
	if booked := finish(t, book); booked.code != 0 {
		t.Fatalf("%s: exit %d\n%s%s", offers[0], booked.code, booked.out, booked.err)
	}
	t.Cleanup(func() { endCluster(t, "instead") })
	c := wait(t, "instead", "ready", 10*time.Minute)
	if c.ReadyAt.After(c.Start) {
		t.Fatalf("ready %s after its start", c.ReadyAt.Sub(c.Start))
	}
	i := slices.IndexFunc(c.Nodes, func(n cluster.Node) bool { return n.Pnode == "p2" })
	if i < 0 {
		t.Fatalf("nothing of it is on p2: %+v", c.Nodes)
	}
	set("node", "set", "p3", "--tag", "ssd")
	loseAMinuteBefore(t, c, i)
	ssh(t, "instead", c.Nodes[i].Name, "true")
}

// loseAMinuteBefore pulls the plug of the pnode of a cluster's i-th node one
// minute before the start.
func loseAMinuteBefore(t *testing.T, c cluster.Cluster, i int) {
	t.Helper()
	eventually(t, time.Until(c.Start), "one minute is left", func() bool { return time.Until(c.Start) <= time.Minute })
	lost := c.Nodes[i].Pnode
	pullThePlug(t, lost)
	t.Cleanup(func() { must(t, "lab", "up", "--pnodes", "3", "--gateways", "1") })
	told := false
	eventually(t, 5*time.Minute, c.Nodes[i].Name+" is ready elsewhere", func() bool {
		c = show(t, c.Name)
		told = told || time.Now().Before(c.Start) && saidLate(c)
		return c.Nodes[i].Pnode != lost && c.Nodes[i].State == cluster.NodeReady
	})
	c = wait(t, c.Name, "active", time.Until(c.Start)+time.Minute)
	t.Logf("ready %.0f s before the start; said to be late before it: %v", c.SlackSeconds, told)
	if !told && (c.ReadyAt == nil || c.ReadyAt.After(c.Start)) {
		t.Error("late without a word before the start")
	}
}

func saidLate(c cluster.Cluster) bool {
	return slices.ContainsFunc(c.Conditions, func(k cluster.Condition) bool {
		return k.Type == cluster.ConditionOnTime && k.Status == "False"
	})
}
