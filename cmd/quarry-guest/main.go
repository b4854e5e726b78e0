// Command quarry-guest runs inside a vnode: see package guest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"quarry/internal/guest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, os.Stderr); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "quarry-guest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string, stderr io.Writer) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Errorf("read boot id: %w", err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	port := &guest.Port{Log: log}
	return guest.Run(ctx, guest.Config{
		Root:    "/",
		BootID:  strings.TrimSpace(string(boot)),
		Open:    port.Open,
		Applied: func() error { return guest.NotifyReady(getenv("NOTIFY_SOCKET")) },
		System:  guest.Machine{},
		Log:     log,
	})
}
