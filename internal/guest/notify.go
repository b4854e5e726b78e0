package guest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// NotifyReady tells systemd, which listens on socket ($NOTIFY_SOCKET), that
// the service is ready. Without a socket nobody wants to know.
func NotifyReady(socket string) error {
	if socket == "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket to systemd: %w", err)
	}
	defer unix.Close(fd)
	// x/sys takes a leading "@" for the abstract namespace, as systemd does.
	if err := unix.Sendto(fd, []byte("READY=1"), 0, &unix.SockaddrUnix{Name: socket}); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}
