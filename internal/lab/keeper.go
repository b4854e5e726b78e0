package lab

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// State is what a service is doing.
type State string

// The states of a service.
const (
	StateWaiting  State = "waiting"  // for what it needs
	StateStarting State = "starting" // runs, cannot be used yet
	StateReady    State = "ready"    // can be used
	StateDone     State = "done"     // ran to success and is not needed again
	StateBackOff  State = "back-off" // ended and is started again soon
)

// A service that dies is started again after minDelay, doubled each time up to
// maxDelay; one that ran for steadyAfter starts from minDelay again.
const (
	minDelay    = 200 * time.Millisecond
	maxDelay    = 5 * time.Second
	steadyAfter = 20 * time.Second
	pollEvery   = 50 * time.Millisecond
)

// backOff is the time to wait after so many failures in a row (1 or more).
func backOff(failures int) time.Duration {
	d := minDelay
	for range failures - 1 {
		if d *= 2; d >= maxDelay {
			return maxDelay
		}
	}
	return d
}

// keeper keeps one service running.
type keeper struct {
	service service
	host    *supervisor
	index   int
	log     *logFile
	after   <-chan struct{} // closed when the service before can be used
	usable  func()          // to be called when this one can be used
}

func (k *keeper) run(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-k.after:
	}
	if k.wait(ctx) != nil {
		return
	}
	if k.service.Kind == once && exists(k.stamp()) {
		k.state(StateDone, 0, "")
		k.usable()
		return
	}
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		problem := k.once(ctx)
		if problem == "" {
			return
		}
		if time.Since(began) > steadyAfter {
			failures = 0
		}
		failures++
		k.host.set(k.index, func(s *ServiceStatus) {
			s.State, s.PID, s.Message, s.Failures = StateBackOff, 0, problem, failures
			s.Restarts++
		})
		if sleep(ctx, backOff(failures)) != nil {
			return
		}
	}
}

// wait returns when the files that the service needs are there.
func (k *keeper) wait(ctx context.Context) error {
	for _, path := range k.service.Needs {
		for !exists(path) {
			if err := sleep(ctx, pollEvery); err != nil {
				return err
			}
		}
	}
	return nil
}

// once runs the service's program to its end and says what was wrong with
// that, "" if nothing.
func (k *keeper) once(ctx context.Context) (problem string) {
	cmd, err := k.command()
	if err != nil {
		return err.Error()
	}
	pid, ended, err := k.host.reaper.start(cmd)
	closeStreams(cmd) // so that a log's pipe ends with its program
	if err != nil {
		return err.Error()
	}
	k.state(StateStarting, pid, "")
	status, err := k.attend(ctx, pid, ended)
	if err != nil {
		return ""
	}
	// Helpers that the program left behind go with it, as they do under a
	// machine's service manager; what made itself a session of its own stays.
	_ = unix.Kill(-pid, unix.SIGKILL)
	if k.service.Kind == daemon || status != 0 {
		return describe(status)
	}
	if err := k.finish(); err != nil {
		return err.Error()
	}
	k.state(StateDone, 0, "")
	k.usable()
	return ""
}

// finish keeps what a Boot or Once service has achieved.
func (k *keeper) finish() error {
	if k.service.Output != "" {
		if err := os.Rename(k.service.Output+".new", k.service.Output); err != nil {
			return err
		}
	}
	if k.service.Kind != once {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(k.stamp()), 0o755); err != nil {
		return err
	}
	return os.WriteFile(k.stamp(), nil, 0o644)
}

func (k *keeper) stamp() string { return filepath.Join(insideHost, "done", k.service.Name) }

// attend waits for the end of the running program and says meanwhile when it
// can be used.
func (k *keeper) attend(ctx context.Context, pid int, ended <-chan unix.WaitStatus) (unix.WaitStatus, error) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	ask := poll.C
	if k.service.Kind != daemon {
		ask = nil
	}
	for {
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case status := <-ended:
			return status, nil
		case <-ask:
			if k.service.Ready.met(ctx) {
				k.state(StateReady, pid, "")
				k.usable()
				ask = nil
			}
		}
	}
}

// met tries whether the service can be used.
func (r ready) met(ctx context.Context) bool {
	if r.File != "" && !exists(r.File) {
		return false
	}
	dialer := net.Dialer{Timeout: time.Second}
	for network, address := range map[string]string{"unix": r.Unix, "tcp": r.TCP} {
		if address == "" {
			continue
		}
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return false
		}
		conn.Close()
	}
	return true
}

func (k *keeper) state(state State, pid int, message string) {
	k.host.set(k.index, func(s *ServiceStatus) {
		s.State, s.PID = state, pid
		// Why it ended last stays to be read.
		if message != "" || state == StateDone {
			s.Message = message
		}
	})
}

func (k *keeper) command() (*exec.Cmd, error) {
	argv := make([]string, len(k.service.Argv))
	for i, arg := range k.service.Argv {
		argv[i] = strings.ReplaceAll(arg, "/proc/HOST/", "/proc/"+strconv.Itoa(k.host.pid)+"/")
	}
	var extra []*os.File
	if k.service.Machine {
		argv = append([]string{"nsenter", "--net=/proc/self/fd/3", "--mount=/proc/self/fd/4", "--"}, argv...)
		extra = []*os.File{os.NewFile(uintptr(dup(machineNetFD)), "net"), os.NewFile(uintptr(dup(machineMountFD)), "mnt")}
	}
	cmd := &exec.Cmd{
		Args: argv, Dir: "/", Env: serviceEnv(os.Environ()), ExtraFiles: extra,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	if err := lookPath(cmd); err != nil {
		return nil, errors.New("no program " + argv[0])
	}
	out, err := k.log.pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr, cmd.Stdout = out, out
	if k.service.Output != "" {
		f, err := os.OpenFile(k.service.Output+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			out.Close()
			return nil, err
		}
		cmd.Stdout = f
	}
	return cmd, nil
}

func dup(fd int) int {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return n
}

// closeStreams closes our copies of the files a program was given.
func closeStreams(cmd *exec.Cmd) {
	files := cmd.ExtraFiles
	for _, w := range []any{cmd.Stdout, cmd.Stderr} {
		if f, ok := w.(*os.File); ok {
			files = append(files, f)
		}
	}
	for _, f := range files {
		f.Close()
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
