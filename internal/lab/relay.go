package lab

import (
	"context"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// keyboard is how close in time an interrupt and the end of the context
	// are the same event: the caller's own context may end by the interrupt.
	keyboard = 100 * time.Millisecond
	// lastWord is how long a program has between SIGTERM and SIGKILL.
	lastWord = 5 * time.Second
)

// relay passes signals on to a program until the returned function is called.
func relay(ctx context.Context, p *os.Process, terminal bool) (stop func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGHUP, unix.SIGINT, unix.SIGQUIT)
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		cancelled := ctx.Done()
		var end, kill <-chan time.Time
		for {
			select {
			case <-over:
				return
			case s := <-signals:
				// A terminal has sent these to the program already.
				if terminal && (s == unix.SIGINT || s == unix.SIGQUIT) {
					cancelled, end = nil, nil
					continue
				}
				_ = p.Signal(s)
			case <-cancelled:
				cancelled, end = nil, time.After(keyboard)
			case <-end:
				_ = p.Signal(unix.SIGTERM)
				kill = time.After(lastWord)
			case <-kill:
				_ = p.Kill()
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(over)
		<-done
	}
}

func isTerminal(stdin io.Reader) bool {
	f, ok := stdin.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
