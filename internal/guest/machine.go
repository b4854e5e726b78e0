package guest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is the System that this program runs on.
type Machine struct{}

var _ System = Machine{}

func (Machine) SetHostname(name string) error { return unix.Sethostname([]byte(name)) }

func (Machine) SetClock(t time.Time) error {
	tv := unix.NsecToTimeval(t.UnixNano())
	return unix.Settimeofday(&tv)
}

func (Machine) Chown(path string, uid, gid int) error { return os.Lchown(path, uid, gid) }

func (Machine) Sync() { unix.Sync() }

func (Machine) Has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Run is System's.
func (Machine) Run(ctx context.Context, c Command) error {
	limit := or(c.Timeout, scriptTimeout)
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(timed, c.Args[0], c.Args[1:]...)
	cmd.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
	}, c.Env...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	said := &end{}
	if c.Output != nil { // a file, so that a daemon left behind keeps no pipe open
		cmd.Stdout, cmd.Stderr = c.Output, c.Output
	} else {
		cmd.Stdout, cmd.Stderr = said, said
	}
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case ctx.Err() == nil && timed.Err() != nil:
		err = fmt.Errorf("not finished within %s", limit)
	}
	if text := tail(string(said.text)); text != "" {
		return fmt.Errorf("%s: %w: %s", c.Args[0], err, text)
	}
	if c.Output == nil {
		return fmt.Errorf("%s: %w", c.Args[0], err)
	}
	return err
}

// end keeps the last bytes written to it.
type end struct{ text []byte }

func (e *end) Write(p []byte) (int, error) {
	e.text = append(e.text, p...)
	if over := len(e.text) - tailBytes; over > 0 {
		e.text = e.text[over:]
	}
	return len(p), nil
}
