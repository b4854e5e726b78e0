package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"quarry/internal/fault"
)

// hostPath is where programs are looked up in a host.
const hostPath = insideBin + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Exec runs a program in all namespaces of a running host and returns its exit
// code: 127 if there is no such program, 128 plus the signal if one ended it.
// Streams that are files are handed over as they are, so a terminal works. The
// working folder is kept where the host has the same one. Signals to us are passed
// on; when ctx ends the program gets SIGTERM, and SIGKILL five seconds later. On
// a terminal an interrupt from the keyboard is the program's own affair.
func Exec(ctx context.Context, dir, name string, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	if len(argv) == 0 {
		return 0, fault.New(fault.Invalid, "no command to run on host "+name)
	}
	pid, err := running(dir, name)
	if err != nil {
		return 0, err
	}
	cmd := &exec.Cmd{Args: argv, Stdin: stdin, Stdout: stdout, Stderr: stderr, Env: hostEnv(os.Environ())}
	// A stream that is no file must not keep us once the program has ended.
	cmd.WaitDelay = time.Second
	here, _ := os.Getwd()
	hereInfo, _ := os.Stat(here)
	err = inside(pid, []string{"net", "uts", "pid", "mnt"}, func() error {
		if err := lookPath(cmd); err != nil {
			return err
		}
		cmd.Dir = "/"
		if info, err := os.Stat(here); err == nil && hereInfo != nil && os.SameFile(info, hereInfo) {
			cmd.Dir = here
		}
		return cmd.Start()
	})
	if errors.Is(err, fs.ErrNotExist) {
		return 127, fault.New(fault.NotFound, "host "+name+" has no program "+argv[0])
	}
	if err != nil {
		return 0, fmt.Errorf("run %s on host %s: %w", argv[0], name, err)
	}
	stop := relay(ctx, cmd.Process, isTerminal(stdin))
	err = cmd.Wait()
	stop()
	if cmd.ProcessState == nil {
		return 0, fmt.Errorf("wait for %s on host %s: %w", argv[0], name, err)
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// lookPath finds the program as a shell in the host would.
func lookPath(cmd *exec.Cmd) error {
	name := cmd.Args[0]
	if strings.Contains(name, "/") {
		cmd.Path = name
		return nil
	}
	for _, dir := range filepath.SplitList(hostPath) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			cmd.Path = path
			return nil
		}
	}
	return fs.ErrNotExist
}

// hostEnv is the caller's environment with the host's own search path and
// temporary folder.
func hostEnv(env []string) []string {
	out := []string{"PATH=" + hostPath}
	for _, kv := range env {
		if !strings.HasPrefix(kv, "PATH=") && !strings.HasPrefix(kv, "TMPDIR=") {
			out = append(out, kv)
		}
	}
	return out
}

// running returns the supervisor of a host, or an error for people.
func running(dir, name string) (int, error) {
	found, err := supervisors(dir)
	if err != nil {
		return 0, err
	}
	if pids := found[name]; len(pids) > 0 {
		return pids[0], nil
	}
	if len(found) == 0 {
		return 0, fault.New(fault.NotFound, "no lab is up in "+dir+": start one with quarry lab up")
	}
	return 0, fault.New(fault.NotFound, "the lab has no running host "+name+": see quarry lab status")
}
