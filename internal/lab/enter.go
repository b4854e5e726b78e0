package lab

import (
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// inside runs f on a thread of its own that has entered the given namespaces
// ("net", "uts", "mnt", "pid") of the process; what f starts with os/exec is
// born there. Goroutines that f starts are not inside. The thread is thrown
// away afterwards.
func inside(pid int, namespaces []string, f func() error) error {
	result := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread cannot be thrown away, and /proc/PID speaks of
			// it. While we keep it, another thread is found.
			defer runtime.UnlockOSThread()
			result <- inside(pid, namespaces, f)
			return
		}
		// Never unlocked: the runtime ends the thread with the goroutine.
		if err := enter(pid, namespaces); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

func enter(pid int, namespaces []string) error {
	// All are opened before any is entered: /proc is another one afterwards.
	files := make([]*os.File, 0, len(namespaces))
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	for _, ns := range namespaces {
		f, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/" + ns)
		if err != nil {
			return fmt.Errorf("open the host's %s namespace: %w", ns, err)
		}
		files = append(files, f)
	}
	// A mount namespace can only be entered by a thread with its own root and
	// working folder.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare the file system state of a thread: %w", err)
	}
	for i, f := range files {
		if err := unix.Setns(int(f.Fd()), 0); err != nil {
			return fmt.Errorf("enter the host's %s namespace: %w", namespaces[i], err)
		}
	}
	return nil
}
