package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/vnode"
)

const (
	portLook = 100 * time.Millisecond // between two looks for the device
	portLate = 30 * time.Second       // then its absence is worth a line
	hostLook = 200 * time.Millisecond // between two looks for the host's end
)

// Port is the virtio-serial port to the agent. The device stays open for good:
// every opening and closing is an event for the hypervisor. What comes and goes
// is the host's end, and each of its comings is one connection.
type Port struct {
	Log *slog.Logger

	mu   sync.Mutex
	file *os.File
}

// Open waits for the device and for the host's end of it. Close of what it
// returns ends the connection and leaves the device open.
func (p *Port) Open(ctx context.Context) (io.ReadWriteCloser, error) {
	f, err := p.device(ctx)
	if err != nil {
		return nil, err
	}
	for {
		up, err := hostConnected(f)
		if err != nil {
			p.drop(f)
			return nil, err
		}
		if up {
			if err := f.SetDeadline(time.Time{}); err != nil {
				p.drop(f)
				return nil, err
			}
			return &connection{File: f, port: p}, nil
		}
		if !sleep(ctx, hostLook) {
			return nil, ctx.Err()
		}
	}
}

// device returns the open device, waiting for it: drivers and udev are late
// as often as not.
func (p *Port) device(ctx context.Context) (*os.File, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		return p.file, nil
	}
	start, warned := time.Now(), false
	for {
		f, err := openPort("/")
		if err == nil {
			p.file = f
			return f, nil
		}
		if !warned && time.Since(start) > portLate {
			warned = true
			p.Log.WarnContext(ctx, "no channel to the agent yet", "error", err)
		}
		if !sleep(ctx, portLook) {
			return nil, ctx.Err()
		}
	}
}

// drop closes a device that failed, so that the next Open looks for it anew.
func (p *Port) drop(f *os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.Close()
	p.file = nil
}

func openPort(root string) (*os.File, error) {
	path, err := findPort(root)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
}

// findPort looks for the port below root: udev's link, or else the kernel's
// own list, which is there earlier.
func findPort(root string) (string, error) {
	link := filepath.Join(root, "dev/virtio-ports", vnode.ChannelName)
	if _, err := os.Stat(link); err == nil {
		return link, nil
	}
	names, err := filepath.Glob(filepath.Join(root, "sys/class/virtio-ports/*/name"))
	if err != nil {
		return "", err
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err == nil && strings.TrimSpace(string(raw)) == vnode.ChannelName {
			return filepath.Join(root, "dev", filepath.Base(filepath.Dir(name))), nil
		}
	}
	return "", fmt.Errorf("no virtio-serial port %s", vnode.ChannelName)
}

// hostConnected asks the driver whether the host's end is open.
func hostConnected(f *os.File) (bool, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	poll := []unix.PollFd{{Events: unix.POLLOUT}}
	var failed error
	err = raw.Control(func(fd uintptr) {
		poll[0].Fd = int32(fd)
		for {
			if _, failed = unix.Poll(poll, 0); !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	if err = errors.Join(err, failed); err != nil {
		return false, fmt.Errorf("poll the channel: %w", err)
	}
	if poll[0].Revents&(unix.POLLERR|unix.POLLNVAL) != 0 {
		return false, errors.New("the channel's device is gone")
	}
	return poll[0].Revents&unix.POLLHUP == 0, nil
}

// connection is the time between the host's coming and going.
type connection struct {
	*os.File
	port *Port
}

// Read gives io.EOF when the host's end is gone.
func (c *connection) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.port.drop(c.File) // the device itself is broken: look for it anew
	}
	return n, err
}

// Close ends a pending Read and Write and leaves the device open.
func (c *connection) Close() error { return c.SetDeadline(time.Unix(1, 0)) }
