package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"quarry/internal/needs"
)

// All that runs in a host's PID namespace is moved, and nothing else; nothing
// is left when that is taken back.
func TestSlowMovesAHostAndNothingElse(t *testing.T) {
	needs.Root(t)
	groups, err := cpuGroups()
	if err != nil {
		needs.Missing(t, "%v", err)
	}
	host := exec.CommandContext(t.Context(), "sh", "-c", "sleep 300 & exec sleep 300")
	host.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = host.Process.Kill()
		_ = host.Wait()
	}()
	group := groups.of(fmt.Sprintf("test-%d", os.Getpid()))
	if err := groups.limit(group, 30); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(group) }()
	inside := func() []string {
		raw, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(raw))
	}
	if err := moveHost(host.Process.Pid, group); err != nil {
		t.Fatal(err)
	}
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", host.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	moved := inside()
	for _, pid := range moved {
		if its, err := os.Readlink("/proc/" + pid + "/ns/pid"); err != nil || its != space {
			t.Errorf("process %s of %s was moved, too: %v", pid, its, err)
		}
	}
	if len(moved) == 0 {
		t.Fatal("nothing was moved")
	}
	if err := moveHost(host.Process.Pid, groups.root); err != nil {
		t.Fatal(err)
	}
	if left := inside(); len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
	if err := removeGroup(t.Context(), group); err != nil || exists(group) {
		t.Fatalf("the group is still there: %v", err)
	}
}
