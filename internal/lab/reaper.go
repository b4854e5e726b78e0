package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// reaper collects every dead child of PID 1: the services it started and the
// orphans it inherits, such as QEMUs after libvirtd died. It is the only one
// who waits, so nothing here may call exec.Cmd's Wait.
type reaper struct {
	mu      sync.Mutex
	waiters map[int]chan unix.WaitStatus
}

func newReaper() *reaper { return &reaper{waiters: map[int]chan unix.WaitStatus{}} }

// run collects until ctx ends.
func (r *reaper) run(ctx context.Context) {
	children := make(chan os.Signal, 1)
	signal.Notify(children, unix.SIGCHLD)
	defer signal.Stop(children)
	for {
		r.collect()
		select {
		case <-ctx.Done():
			return
		case <-children:
		}
	}
}

func (r *reaper) collect() {
	for {
		// A child that dies while it is being started must find its waiter.
		r.mu.Lock()
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if errors.Is(err, unix.EINTR) {
			r.mu.Unlock()
			continue
		}
		if err != nil || pid <= 0 {
			r.mu.Unlock()
			return
		}
		if waiter, ok := r.waiters[pid]; ok {
			delete(r.waiters, pid)
			waiter <- status
		}
		r.mu.Unlock()
	}
}

// start starts a program whose streams are files; its status arrives once on
// the channel.
func (r *reaper) start(cmd *exec.Cmd) (pid int, ended <-chan unix.WaitStatus, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	pid = cmd.Process.Pid
	_ = cmd.Process.Release()
	waiter := make(chan unix.WaitStatus, 1)
	r.waiters[pid] = waiter
	return pid, waiter, nil
}

// command runs a short program to its end, with its output in the log file.
func (r *reaper) command(log *os.File, argv ...string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	_, ended, err := r.start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", argv[0], err)
	}
	if status := <-ended; status != 0 {
		return fmt.Errorf("%s: %s", argv[0], describe(status))
	}
	return nil
}

// describe says how a program ended.
func describe(status unix.WaitStatus) string {
	if status.Signaled() {
		return "killed by " + unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
