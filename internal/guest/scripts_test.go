package guest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarry/internal/vnode"
)

// newRealGuest runs real scripts in a temporary tree.
func newRealGuest(t *testing.T) (*guest, *fakeSystem) {
	f := newFake(t)
	f.run = func(ctx context.Context, _ string, c Command) error { return Machine{}.Run(ctx, c) }
	return newGuest(f), f
}

func scripts(bodies ...string) *vnode.Identity {
	id := &vnode.Identity{
		Hostname: "compute-0", Appliance: "compute", Cluster: "farm", Domain: "farm.example",
		Parameters: map[string]string{"condor.slots": "two words"},
		Secrets:    map[string]string{"condor.password": "hunter2"},
	}
	for i, b := range bodies {
		id.Scripts = append(id.Scripts, vnode.Script{Name: "roll/s" + string(rune('a'+i)), Body: b})
	}
	return id
}

func failureOf(t *testing.T, err error) vnode.FromGuest {
	t.Helper()
	if err == nil {
		t.Fatal("the script was to fail")
	}
	return failed(err)
}

func TestScriptsRunInOrderWithTheirEnvironment(t *testing.T) {
	g, f := newRealGuest(t)
	out := filepath.Join(f.root, "out")
	id := scripts(
		"#!/bin/sh\nenv | grep ^QUARRY_ | sort >"+out+"\necho said",
		"echo no first line >>"+out, // runs with sh
	)
	if err := g.runScripts(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	want := "QUARRY_APPLIANCE=compute\nQUARRY_CLUSTER=farm\nQUARRY_DOMAIN=farm.example\n" +
		"QUARRY_HOSTNAME=compute-0\nQUARRY_NODES=/etc/quarry/nodes.json\nQUARRY_NODES_TABLE=/etc/quarry/nodes.txt\nQUARRY_PARAM_CONDOR_SLOTS=two words\nno first line\n"
	if got, _ := os.ReadFile(out); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, _ := g.tree.read(logDir + "/01-roll-sa.log"); string(got) != "said\n" {
		t.Errorf("log %q", got)
	}
	if f.syncs != 1 {
		t.Errorf("synced %d times, want once for all", f.syncs)
	}
}

func TestAFailingScriptTellsItsLastLines(t *testing.T) {
	g, f := newRealGuest(t)
	id := scripts(
		"#!/bin/sh\nexit 0",
		"#!/bin/sh\nfor i in $(seq 100); do echo line $i; done\nexit 7",
		"#!/bin/sh\ntouch "+filepath.Join(f.root, "never"),
	)
	m := failureOf(t, g.runScripts(t.Context(), id))
	if m.Step != "roll/sb" || m.Done != 1 || m.Total != 3 {
		t.Errorf("got %+v", m)
	}
	if !strings.HasPrefix(m.Message, "exit status 7\nline 81\n") || !strings.HasSuffix(m.Message, "\nline 100") {
		t.Errorf("message %q", m.Message)
	}
	if g.tree.exists("/never") {
		t.Error("it went on after the failure")
	}

	// After a repair only what has not succeeded runs, also on the next boot.
	if err := os.RemoveAll(g.tree.at("/run")); err != nil {
		t.Fatal(err)
	}
	before := f.called("01-")
	id.Scripts[1].Body = "#!/bin/sh\n"
	if err := g.runScripts(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if f.called("01-") != before || !g.tree.exists("/never") {
		t.Errorf("calls: %q", f.calls)
	}
}

func TestAScriptThatHangsIsKilledWithItsChildren(t *testing.T) {
	g, f := newRealGuest(t)
	pidFile := filepath.Join(f.root, "pid")
	id := scripts("#!/bin/sh\necho started\nsh -c 'echo $$ >" + pidFile + "; exec sleep 600'\n")
	id.Scripts[0].Timeout = 2 * time.Second // for a busy machine to get to the child
	m := failureOf(t, g.runScripts(t.Context(), id))
	if m.Message != "not finished within 2s\nstarted" {
		t.Errorf("message %q", m.Message)
	}
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	child := filepath.Join("/proc", strings.TrimSpace(string(raw)), "cmdline")
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) { // the kernel kills when it gets to it
		if args, err := os.ReadFile(child); err != nil || len(args) == 0 { // gone, or not yet waited for
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("the child lives")
		}
	}
}

func TestADaemonLeftBehindHoldsNothingUp(t *testing.T) {
	g, f := newRealGuest(t)
	pidFile := filepath.Join(f.root, "pid")
	begin := time.Now()
	if err := g.runScripts(t.Context(), scripts("#!/bin/sh\nsleep 30 & echo $! >"+pidFile)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	kill := Command{Args: []string{"kill", strings.TrimSpace(string(raw))}}
	if err := (Machine{}).Run(t.Context(), kill); err != nil {
		t.Errorf("the daemon did not live on: %v", err)
	}
}

func TestAScriptWithoutItsInterpreter(t *testing.T) {
	g, _ := newRealGuest(t)
	m := failureOf(t, g.runScripts(t.Context(), scripts("#!/no/such/program\n")))
	if !strings.Contains(m.Message, "no such file") {
		t.Errorf("message %q", m.Message)
	}
}

func TestLogsAndScriptsAreNotForEverybody(t *testing.T) {
	g, _ := newRealGuest(t)
	if err := g.runScripts(t.Context(), scripts("#!/bin/sh\n")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		logDir + "/01-roll-sa.log":       0o640,
		logDir:                           0o750 | os.ModeDir,
		stateDir + "/scripts/01-roll-sa": 0o700,
		stateDir + "/done":               0o755 | os.ModeDir,
	} {
		if st, err := os.Stat(g.tree.at(path)); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, st.Mode(), err, want)
		}
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("é", tailBytes)
	for in, want := range map[string]string{
		"":               "",
		"\n\n":           "",
		"a\nb\n":         "a\nb",
		"bad \xff\xfe x": "bad  x",
	} {
		if got := tail(in); got != want {
			t.Errorf("tail(%q) = %q, want %q", in, got, want)
		}
	}
	got := tail("x" + long)
	if len(got) > tailBytes || !strings.HasSuffix(long, got) {
		t.Errorf("%d bytes, not the whole runes of the end", len(got))
	}
	if n := strings.Count(tail(strings.Repeat("l\n", 100)), "\n"); n != tailLines-1 {
		t.Errorf("%d lines, want %d", n+1, tailLines)
	}
}

func TestCommandErrorsSayWhatTheProgramSaid(t *testing.T) {
	err := Machine{}.Run(t.Context(), Command{Args: []string{"sh", "-c", "echo oh no >&2; exit 4"}})
	if err == nil || err.Error() != "sh: exit status 4: oh no" {
		t.Errorf("got %v", err)
	}
}
