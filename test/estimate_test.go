//go:build lab

package test

import (
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// A pnode that became slow makes the estimate of the next preparation there
// grow, and that cluster is ready before its start.
func TestSlowPnodeIsGivenMoreTime(t *testing.T) {
	for _, other := range []string{"p1", "p3"} { // so that p2 is taken
		must(t, "--context", "provider", "node", "drain", other)
		t.Cleanup(func() { must(t, "--context", "provider", "node", "undrain", other) })
	}
	before := prepared(t, "brisk")
	must(t, "lab", "slow", "p2", "--cpu", "30")
	t.Cleanup(func() { must(t, "lab", "slow", "p2", "--cpu", "0") })
	first := prepared(t, "surprised")
	next := prepared(t, "warned")
	t.Logf("quick: %s, ready after %s", before.Estimate.PrepareWhy, took(before))
	t.Logf("slowed: ready after %s, %.0f s before its start", took(first), first.SlackSeconds)
	t.Logf("next: %s, ready after %s, %.0f s before its start", next.Estimate.PrepareWhy, took(next), next.SlackSeconds)
	if next.Estimate.Prepare() <= first.Estimate.Prepare() {
		t.Errorf("after %s on a slow pnode %s are held, %s before", took(first), next.Estimate.Prepare(), first.Estimate.Prepare())
	}
	if !strings.Contains(next.Estimate.PrepareWhy, "compute-0 on p2") {
		t.Errorf("the estimate does not tell who is slow: %s", next.Estimate.PrepareWhy)
	}
	if next.ReadyAt.After(next.Start) {
		t.Errorf("ready %s after its start", next.ReadyAt.Sub(next.Start))
	}
}

// prepared books a small cluster as soon as possible, waits until it is ready,
// and ends it.
func prepared(t *testing.T, name string) cluster.Cluster {
	t.Helper()
	must(t, "cluster", "create", name, "--roll", "base", "--compute", "1", "--start", "asap", "--for", "1h")
	c := wait(t, name, "ready", 10*time.Minute)
	endPrepared(t, name)
	return c
}

// endPrepared ends a cluster that is ready, handed over or not.
func endPrepared(t *testing.T, name string) {
	t.Helper()
	if r := quarry(t, "cluster", "cancel", name); r.code != 0 {
		must(t, "cluster", "end", name)
	}
	wait(t, name, "ended", 3*time.Minute)
}

func took(c cluster.Cluster) time.Duration { return c.ReadyAt.Sub(c.PrepareAt).Round(time.Second) }
