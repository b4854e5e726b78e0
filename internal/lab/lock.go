package lab

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lock makes the caller the only one who changes the lab until release. The
// kernel gives the lock up when the holder dies.
func (l layout) acquire(ctx context.Context) (release func(), err error) {
	for {
		f, err := os.OpenFile(l.lock(), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock the lab: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil && l.holds(f) {
			return func() { f.Close() }, nil
		}
		f.Close()
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return nil, fmt.Errorf("wait for another command that changes the lab: %w", err)
		}
	}
}

// holds tells a lock from one whose file Down has removed meanwhile.
func (l layout) holds(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(l.lock())
	return err == nil && os.SameFile(mine, now)
}
