package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

// slowPeriod is the time over which the kernel shares processors out,
// microseconds.
const slowPeriod = 100_000

// SlowHost lets all that runs on a host have no more than so many per cent of
// one processor; 0 takes that back. It lasts until the host is killed.
func SlowHost(ctx context.Context, dir, name string, percent int) error {
	if percent < 0 || percent > 10_000 || percent > 0 && percent < 5 {
		return fault.New(fault.Invalid, "the host cannot be slowed down", fault.Detail{
			Field: "cpu", Message: fmt.Sprintf("%d is not between 5 and 10000 per cent of a processor, and not 0", percent),
		})
	}
	l := layout(dir)
	release, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := findHost(l, name); err != nil {
		return err
	}
	pid, err := running(dir, name)
	if err != nil {
		return err
	}
	groups, err := cpuGroups()
	if err != nil {
		return err
	}
	group := groups.of(name)
	if percent == 0 {
		if err := moveHost(pid, groups.root); err != nil {
			return err
		}
		return removeGroup(ctx, group)
	}
	if err := groups.limit(group, percent); err != nil {
		return fmt.Errorf("limit the processor time of host %s: %w", name, err)
	}
	return moveHost(pid, group)
}

// groupPrefix begins the names of the control groups of a lab's hosts.
const groupPrefix = "quarry-lab-"

// cgroups is where the kernel's control groups for processor time are.
type cgroups struct {
	root    string
	unified bool
}

func cpuGroups() (cgroups, error) {
	controllers, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err == nil && strings.Contains(" "+strings.TrimSpace(string(controllers))+" ", " cpu ") {
		return cgroups{root: "/sys/fs/cgroup", unified: true}, nil
	}
	for _, root := range []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"} {
		if exists(filepath.Join(root, "cpu.cfs_quota_us")) || exists(filepath.Join(root, "cgroup.procs")) {
			return cgroups{root: root}, nil
		}
	}
	return cgroups{}, fault.New(fault.Refused, "the host cannot be slowed down", fault.Detail{
		Message: "this machine has no control group for processor time in /sys/fs/cgroup",
	})
}

func (g cgroups) of(host string) string { return filepath.Join(g.root, groupPrefix+host) }

// limit makes a group that has so many per cent of a processor.
func (g cgroups) limit(group string, percent int) error {
	quota := percent * slowPeriod / 100
	files := map[string]string{"cpu.cfs_period_us": strconv.Itoa(slowPeriod), "cpu.cfs_quota_us": strconv.Itoa(quota)}
	if g.unified {
		if err := os.WriteFile(filepath.Join(g.root, "cgroup.subtree_control"), []byte("+cpu"), 0); err != nil {
			return err
		}
		files = map[string]string{"cpu.max": fmt.Sprintf("%d %d", quota, slowPeriod)}
	}
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for name, value := range files {
		if err := os.WriteFile(filepath.Join(group, name), []byte(value), 0); err != nil {
			return err
		}
	}
	return nil
}

// moveHost moves all processes of the host whose supervisor is pid. Those that
// are born meanwhile are in the group of their parents: it looks until there
// is nobody left to move.
func moveHost(pid int, group string) error {
	space, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
	if err != nil {
		return fmt.Errorf("find the host's processes: %w", err)
	}
	done := map[string]bool{}
	for moved := true; moved; {
		moved = false
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return fmt.Errorf("find the host's processes: %w", err)
		}
		for _, e := range entries {
			if done[e.Name()] {
				continue
			}
			if its, err := os.Readlink(filepath.Join("/proc", e.Name(), "ns/pid")); err != nil || its != space {
				continue
			}
			err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(e.Name()), 0)
			if err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.EINVAL) { // it ended
				return fmt.Errorf("move process %s to %s: %w", e.Name(), group, err)
			}
			done[e.Name()], moved = true, true
		}
	}
	return nil
}

// removeGroup removes a control group whose processes have ended or moved.
func removeGroup(ctx context.Context, group string) error {
	for {
		err := os.Remove(group)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("remove the host's control group: %w", err)
		}
		if sleep(ctx, 20*time.Millisecond) != nil {
			return fmt.Errorf("remove the host's control group: %w", err)
		}
	}
}

// forgetSlow removes the control groups of hosts that do not run any more, all
// if no name is given.
func forgetSlow(ctx context.Context, name string) error {
	groups, err := cpuGroups()
	if err != nil {
		return nil // then nobody was slowed down
	}
	if name == "" {
		name = "*"
	}
	found, err := filepath.Glob(groups.of(name))
	for _, group := range found {
		err = errors.Join(err, removeGroup(ctx, group))
	}
	return err
}
