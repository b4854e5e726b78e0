//go:build lab

package test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarry/internal/cluster"
)

// The lab is brought up once and serves every test.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Geteuid() != 0 {
		if os.Getenv("QUARRY_TEST_NO_SKIP") == "1" {
			fmt.Fprintln(os.Stderr, "the end-to-end tests need root")
			return 1
		}
		fmt.Println("skipped: the end-to-end tests need root")
		return 0
	}
	if _, err := os.Stat(binary()); err != nil {
		fmt.Fprintln(os.Stderr, "the end-to-end tests need the built program: run make build:", err)
		return 1
	}
	if err := quiet("lab", "down"); err != nil {
		fmt.Fprintln(os.Stderr, "lab down:", err)
		return 1
	}
	before := snapshot()
	if err := loud("lab", "up", "--pnodes", "3", "--gateways", "1"); err != nil {
		fmt.Fprintln(os.Stderr, "lab up:", err)
		return 1
	}
	code := m.Run()
	if code != 0 {
		keepLogs()
	}
	if err := loud("lab", "down"); err != nil {
		fmt.Fprintln(os.Stderr, "lab down:", err)
		code = 1
	}
	if left := before.leftAtLast(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "the lab left behind:\n  "+strings.Join(left, "\n  "))
		code = 1
	}
	return code
}

// binary is the program under test.
func binary() string {
	path, err := filepath.Abs("../bin/quarry")
	if err != nil {
		panic(err)
	}
	return path
}

func command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, binary(), args...)
}

func loud(args ...string) error {
	c := command(context.Background(), args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c.Run()
}

func quiet(args ...string) error {
	out, err := command(context.Background(), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// result is what a command left behind.
type result struct {
	out, err string
	code     int
}

// quarry runs the program and returns what it said.
func quarry(t testing.TB, args ...string) result {
	t.Helper()
	// Not the test's own context: clean-ups run commands too.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	return finish(t, command(ctx, args...))
}

func finish(t testing.TB, c *exec.Cmd) result {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", c, err)
	}
	return result{out: out.String(), err: errs.String(), code: c.ProcessState.ExitCode()}
}

// must runs the program and fails the test unless it succeeds.
func must(t testing.TB, args ...string) string {
	t.Helper()
	r := quarry(t, args...)
	if r.code != 0 {
		t.Fatalf("quarry %s: exit %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// on runs a command on a host of the lab.
func on(t testing.TB, host string, argv ...string) result {
	t.Helper()
	return quarry(t, append([]string{"lab", "exec", host, "--"}, argv...)...)
}

// sh runs a line of shell on a host of the lab and wants it to succeed.
func sh(t testing.TB, host, line string) string {
	t.Helper()
	r := on(t, host, "sh", "-c", line)
	if r.code != 0 {
		t.Fatalf("on %s: %s: exit %d\n%s%s", host, line, r.code, r.out, r.err)
	}
	return r.out
}

func show(t testing.TB, name string, flags ...string) cluster.Cluster {
	t.Helper()
	var c cluster.Cluster
	args := append([]string{"cluster", "show", name, "-o", "json"}, flags...)
	var raw string
	// The manager may just have been killed; it is back in a moment.
	eventually(t, 30*time.Second, "quarry "+strings.Join(args, " ")+" succeeds", func() bool {
		r := quarry(t, args...)
		raw = r.out
		return r.code == 0
	})
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		t.Fatalf("cluster show %s: %v in %s", name, err, raw)
	}
	return c
}

// wait waits until a cluster is so far, and tells what it was doing if not.
func wait(t testing.TB, name, state string, timeout time.Duration, flags ...string) cluster.Cluster {
	t.Helper()
	timeout = max(timeout, time.Minute).Round(time.Second)
	r := quarry(t, append([]string{"cluster", "wait", name, "--for", state, "--timeout", timeout.String()}, flags...)...)
	if r.code != 0 {
		t.Fatalf("%s is not %s: exit %d\n%s%s\n%s\n%s", name, state, r.code, r.out, r.err,
			must(t, append([]string{"cluster", "show", name}, flags...)...),
			must(t, append([]string{"cluster", "events", name}, flags...)...))
	}
	return show(t, name, flags...)
}

// eventually waits for a condition, looking again and again until a deadline.
func eventually(t testing.TB, timeout time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(timeout)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("after %s still not: %s", timeout, what)
		case <-tick.C:
		}
	}
}

// keepLogs copies the hosts' logs aside, because lab down removes them.
func keepLogs() {
	dir := os.Getenv("QUARRY_TEST_LOGS")
	if dir == "" {
		return
	}
	if out, err := exec.Command("cp", "-a", "/var/lib/quarry-lab/hosts", dir).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "keep logs: %v: %s\n", err, out)
	}
}
