package guest

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAConnectionEndsAndThePortStaysOpen uses a socket pair, which tells of its
// far end as the virtio-serial driver does: end of file and POLLHUP.
func TestAConnectionEndsAndThePortStaysOpen(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	defer near.Close()
	p := &Port{Log: slog.New(slog.DiscardHandler), file: near}
	ctx := t.Context()

	first, err := p.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := first.Read(make([]byte, 1)); ended <- err }()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Close ended the read with %v", err)
	}

	second, err := p.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(far, "x"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := second.Read(b); err != nil || b[0] != 'x' {
		t.Fatalf("the same device read %q, %v", b, err)
	}
	far.Close()
	if _, err := second.Read(b); !errors.Is(err, io.EOF) {
		t.Fatalf("with the host gone: %v, want EOF", err)
	}
	if p.file != near {
		t.Error("the host's going closed the device")
	}
	if up, err := hostConnected(near); up || err != nil {
		t.Errorf("hostConnected is %v, %v with the host gone", up, err)
	}
}

func TestABrokenDeviceIsLookedForAnew(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := &Port{Log: slog.New(slog.DiscardHandler), file: w}
	c := &connection{File: w, port: p}
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil { // the writing end cannot be read
		t.Fatal("read of a broken device gave no error")
	}
	if p.file != nil {
		t.Error("the broken device is kept")
	}
}
