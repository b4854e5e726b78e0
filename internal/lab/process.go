package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hostCommand is how a supervisor's command line goes on after the program;
// the name of its host follows. Supervisors are found by it, so no file has to
// be right for a lab to be taken down.
func hostCommand(dir string) []string { return []string{"lab", "host", "--dir", dir} }

// supervisors finds the running supervisors of the lab in dir, by host.
func supervisors(dir string) (map[string][]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("look for the lab's hosts: %w", err)
	}
	found := map[string][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if name, ok := supervisorOf(pid, dir); ok {
			found[name] = append(found[name], pid)
		}
	}
	return found, nil
}

// supervisorOf says which host of the lab the process is the supervisor of: it
// has the command line and is PID 1 of a PID namespace below ours.
func supervisorOf(pid int, dir string) (name string, ok bool) {
	name, processDir, ok := supervisorArgs(pid)
	return name, ok && processDir == dir
}

func supervisorArgs(pid int) (name, dir string, ok bool) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil {
		return "", "", false
	}
	argv := strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	if len(argv) != 6 {
		return "", "", false
	}
	dir, name = argv[4], argv[5]
	if !slices.Equal(argv[1:5], hostCommand(dir)) {
		return "", "", false
	}
	status, err := os.ReadFile(filepath.Join(proc, "status"))
	if err != nil || !firstOfNamespace(status) {
		return "", "", false
	}
	return name, dir, true
}

// firstOfNamespace reads from /proc/PID/status whether the process, seen from
// a namespace above, is PID 1 in its own.
func firstOfNamespace(status []byte) bool {
	for line := range bytes.Lines(status) {
		numbers, ok := bytes.CutPrefix(line, []byte("NSpid:"))
		if !ok {
			continue
		}
		fields := strings.Fields(string(numbers))
		return len(fields) >= 2 && fields[len(fields)-1] == "1"
	}
	return false
}

// otherLab returns the folder of a lab that runs somewhere else, "" if none.
func otherLab(dir string) string {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return ""
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if _, other, ok := supervisorArgs(pid); ok && other != dir {
			return other
		}
	}
	return ""
}

// kill ends the supervisor, and so its whole PID namespace, and returns when
// all of it is gone. A process that is not the host's supervisor (any more) is
// left alone.
func kill(ctx context.Context, dir, name string, pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d of host %s: %w", pid, name, err)
	}
	defer unix.Close(fd)
	if now, ok := supervisorOf(pid, dir); !ok || now != name {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d of host %s: %w", pid, name, err)
	}
	// The first process of a PID namespace ends only after all others did.
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for the end of host %s: %w", name, err)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for the end of host %s: %w", name, context.Cause(ctx))
		}
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
