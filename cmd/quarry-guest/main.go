// Command quarry-guest runs inside a vnode: see package guest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"quarry/internal/guest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == "install" && os.Getpid() == 1 {
		install(ctx)
	}
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

// install is all that process 1 of a throwaway machine does: it does not
// return, and the machine is gone.
func install(ctx context.Context) {
	err := func() error {
		job, err := guest.ReadInstallJob("/job")
		if err != nil {
			return err
		}
		port, err := guest.OpenInstallPort(ctx)
		if err != nil {
			return err
		}
		i := guest.Install{Root: "/root", Job: job, Report: port, Exec: (*exec.Cmd).Run, Quiet: guest.KillOthers}
		return errors.Join(i.Run(ctx), port.Close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quarry-guest:", err)
	}
	syscall.Sync()
	err = syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
	fmt.Fprintln(os.Stderr, "quarry-guest: the machine does not end:", err)
	os.Exit(1)
}
