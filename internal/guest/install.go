package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/vnode"
)

// Install is the other life of this program: process 1 of a throwaway machine
// that runs a tenant's install scripts in the tree of an image, mounted at
// root, and writes the tree out. It trusts nothing of the tree, and nobody
// trusts what it reports.
type Install struct {
	Root   string
	Job    vnode.InstallJob
	Report io.Writer
	// Exec runs a prepared command; a test's does not change the root.
	Exec func(*exec.Cmd) error
	// Quiet ends every other process, so that the tree does not change any more.
	Quiet func() error
}

// ReadInstallJob reads a job from a file.
func ReadInstallJob(path string) (job vnode.InstallJob, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return job, fmt.Errorf("read the job: %w", err)
	}
	if err := json.Unmarshal(raw, &job); err != nil {
		return job, fmt.Errorf("read the job: %w", err)
	}
	return job, nil
}

// Run does the whole job and reports how it went.
func (i Install) Run(ctx context.Context) error {
	for n, step := range i.Job.Steps {
		if err := i.say(vnode.InstallReport{Step: n}); err != nil {
			return err
		}
		if output, err := i.step(ctx, step); err != nil {
			return i.say(vnode.InstallReport{Step: n, Failed: err.Error(), Output: output})
		}
	}
	if err := errors.Join(i.Quiet(), i.write()); err != nil {
		return i.say(vnode.InstallReport{Step: len(i.Job.Steps), Error: err.Error()})
	}
	return i.say(vnode.InstallReport{Step: len(i.Job.Steps), Done: true})
}

func (i Install) say(r vnode.InstallReport) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if _, err := i.Report.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// step runs one program and returns the last of what it said.
func (i Install) step(ctx context.Context, s vnode.InstallStep) (output string, err error) {
	args := s.Command
	if len(args) == 0 {
		const file = "run/quarry-script"
		if err := os.WriteFile(filepath.Join(i.Root, file), []byte(s.Body), 0o700); err != nil {
			return "", err
		}
		args = []string{"/" + file}
	}
	limit := or(s.Timeout, scriptTimeout)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = "/", i.Job.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Chroot: i.Root}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var said lastSaid
	cmd.Stdout, cmd.Stderr = &said, &said
	err = i.Exec(cmd)
	switch {
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("not done after %s", limit)
	case errors.Is(err, exec.ErrWaitDelay): // it is done, and left something running
		err = nil
	}
	return tail(said.String()), err
}

// lastSaid keeps the end of a long text.
type lastSaid struct {
	mu   sync.Mutex
	kept []byte
}

func (l *lastSaid) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, p...)
	if over := len(l.kept) - 2*tailBytes; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
	}
	return len(p), nil
}

func (l *lastSaid) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.kept)
}

// write puts the tree on its device.
func (i Install) write() error {
	out, err := os.OpenFile(i.Job.Out, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := writeTree(out, i.Root); err != nil {
		return errors.Join(fmt.Errorf("write the tree: %w", err), out.Close())
	}
	return errors.Join(out.Sync(), out.Close())
}

// OpenInstallPort finds the port by its name, as no udev does it, and waits for
// it: ports are told to the kernel one by one.
func OpenInstallPort(ctx context.Context) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, portLate)
	defer cancel()
	for {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, file := range names {
			raw, err := os.ReadFile(file)
			if err == nil && strings.TrimSpace(string(raw)) == vnode.InstallPort {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(file)), os.O_WRONLY, 0)
			}
		}
		if !sleep(ctx, portLook) {
			return nil, fmt.Errorf("there is no port %s", vnode.InstallPort)
		}
	}
}

// KillOthers ends every process but process 1, which this one is, and waits
// until none is left.
func KillOthers() error {
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	for {
		_, err := unix.Wait4(-1, nil, 0, nil)
		if errors.Is(err, unix.ECHILD) {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
