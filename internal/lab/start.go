package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

// KillHost pulls the plug of a host: everything that runs on it ends at once,
// its disk stays. A host that is down already is left so.
func KillHost(ctx context.Context, dir, name string) error {
	l := layout(dir)
	release, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := findHost(l, name); err != nil {
		return err
	}
	found, err := supervisors(dir)
	if err != nil {
		return err
	}
	for _, pid := range found[name] {
		if err := kill(ctx, dir, name, pid); err != nil {
			return err
		}
	}
	return forgetSlow(ctx, name)
}

// StartHost switches a host on again, with the disk it had, and returns when
// its services can be used.
func StartHost(ctx context.Context, dir, name string) error {
	l := layout(dir)
	release, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	h, err := findHost(l, name)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("the host was not ready within %s", readyWithin))
	defer cancel()
	if err := startHost(ctx, l, h); err != nil {
		return err
	}
	hosts, err := l.readHosts()
	if err != nil {
		return err
	}
	if err := wireAll(ctx, l, hosts); err != nil {
		return err
	}
	if err := enrol(ctx, l, h); err != nil {
		return err
	}
	return waitHost(ctx, l, h, everything)
}

func findHost(l layout, name string) (host, error) {
	hosts, err := l.readHosts()
	if err != nil {
		return host{}, err
	}
	i := slices.IndexFunc(hosts, func(h host) bool { return h.Name == name })
	if i < 0 {
		return host{}, fault.New(fault.NotFound, "the lab has no host "+name+": see quarry lab status")
	}
	return hosts[i], nil
}

// startHost starts the host's supervisor unless it runs.
func startHost(ctx context.Context, l layout, h host) error {
	found, err := supervisors(string(l))
	if err != nil {
		return err
	}
	if pids := found[h.Name]; len(pids) > 0 {
		// Two can only be the work of a crash between two steps.
		for _, extra := range pids[1:] {
			if err := kill(ctx, string(l), h.Name, extra); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.Remove(l.status(h.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return spawn(l, h)
}

// spawn starts a supervisor as PID 1 of new namespaces, in a session of its
// own, so that it outlives the command and its terminal.
func spawn(l layout, h host) error {
	log, err := os.OpenFile(l.hostLog(h.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the log of host %s: %w", h.Name, err)
	}
	defer log.Close()
	var machine []*os.File
	for _, ns := range []string{"net", "mnt"} {
		f, err := os.Open("/proc/self/ns/" + ns)
		if err != nil {
			return fmt.Errorf("open the machine's namespaces: %w", err)
		}
		defer f.Close()
		machine = append(machine, f)
	}
	cmd := exec.Command(h.Binary, append(hostCommand(string(l)), h.Name)...)
	cmd.Dir = "/"
	cmd.Env = serviceEnv(os.Environ())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = machine
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS,
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start host %s: %w", h.Name, err)
	}
	// Nobody waits for a host; but while we live, its end must leave no zombie.
	go func() { _ = cmd.Wait() }()
	return nil
}
