package hypervisor

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

// probeKernel is probe.S, assembled.
//
//go:embed probe.bin
var probeKernel []byte

const probeMarker = "quarry-probe: alive"

// ProbeConfig says how to find out which accelerator works.
type ProbeConfig struct {
	QEMU string // default "qemu-system-x86_64"
	// Cache is the file that remembers the result; empty for none.
	Cache string
	// Timeout is how long the tiny guest may take; default 5 s.
	Timeout time.Duration
	Log     *slog.Logger
}

// probeResult is the cache: the result counts while everything else is equal.
type probeResult struct {
	QEMU        string `json:"qemu"`
	Kernel      string `json:"kernel"`
	Device      bool   `json:"device"` // there is a /dev/kvm
	Accelerator string `json:"accelerator"`
}

// ProbeAccelerator returns KVM when a tiny guest really boots with it, TCG
// otherwise: /dev/kvm may be there, QEMU may even start, and still no kernel
// comes up. The answer is remembered per version of QEMU and of the kernel.
// A QEMU too old for software emulation is a fault.Refused.
func ProbeAccelerator(ctx context.Context, c ProbeConfig) (string, error) {
	c.QEMU = cmp.Or(c.QEMU, "qemu-system-x86_64")
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	found, err := c.conditions(ctx)
	if err != nil {
		return "", err
	}
	if c.recall(&found) {
		return found.Accelerator, checkVersion(found)
	}
	found.Accelerator = TCG
	if found.Device {
		err := bootProbe(ctx, c.QEMU, KVM, c.Timeout)
		if ctx.Err() != nil {
			return "", fmt.Errorf("probe accelerator: %w", ctx.Err())
		}
		if err == nil {
			found.Accelerator = KVM
		} else {
			c.Log.WarnContext(ctx, "no guest boots with kvm, software emulation is used", "error", err)
		}
	}
	if err := c.remember(found); err != nil {
		return "", err
	}
	return found.Accelerator, checkVersion(found)
}

func (c ProbeConfig) conditions(ctx context.Context) (probeResult, error) {
	out, err := exec.CommandContext(ctx, c.QEMU, "--version").Output()
	if err != nil {
		return probeResult{}, fmt.Errorf("ask %s for its version: %w", c.QEMU, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return probeResult{}, fmt.Errorf("ask the kernel for its version: %w", err)
	}
	_, err = os.Stat("/dev/kvm")
	return probeResult{QEMU: first, Kernel: unix.ByteSliceToString(u.Release[:]), Device: err == nil}, nil
}

// recall fills in the remembered result if it was found under the same
// conditions. A cache that cannot be read is no cache.
func (c ProbeConfig) recall(now *probeResult) bool {
	raw, err := os.ReadFile(c.Cache)
	if err != nil {
		return false
	}
	var old probeResult
	if json.Unmarshal(raw, &old) != nil || (old.Accelerator != KVM && old.Accelerator != TCG) {
		return false
	}
	now.Accelerator = old.Accelerator
	return old == *now
}

func (c ProbeConfig) remember(r probeResult) error {
	if c.Cache == "" {
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	temporary := c.Cache + ".new"
	if err := os.WriteFile(temporary, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("remember accelerator: %w", err)
	}
	if err := os.Rename(temporary, c.Cache); err != nil {
		return fmt.Errorf("remember accelerator: %w", err)
	}
	return nil
}

var qemuVersion = regexp.MustCompile(`version (\d+)\.(\d+)`)

// checkVersion refuses emulation by a QEMU that corrupts guests: with 7.2 two
// emulated guests on busy cores die of double faults.
func checkVersion(r probeResult) error {
	if r.Accelerator != TCG {
		return nil
	}
	m := qemuVersion.FindStringSubmatch(r.QEMU)
	if m == nil {
		return fmt.Errorf("no version in %q", r.QEMU)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major > 8 || major == 8 && minor >= 2 {
		return nil
	}
	return fault.New(fault.Refused, "this QEMU cannot be used without KVM", fault.Detail{
		Field: "qemu",
		Message: fmt.Sprintf("%s corrupts guests under software emulation, and KVM does not work here: "+
			"install QEMU 8.2 or newer (on Debian 12 from bookworm-backports), or enable virtualisation in the firmware", m[0]),
	})
}

// bootProbe boots the tiny guest and returns nil once its marker came.
func bootProbe(ctx context.Context, qemu, accelerator string, timeout time.Duration) error {
	dir, err := os.MkdirTemp("", "quarry-probe-")
	if err != nil {
		return fmt.Errorf("probe accelerator: %w", err)
	}
	defer os.RemoveAll(dir)
	kernel := filepath.Join(dir, "kernel")
	if err := os.WriteFile(kernel, probeKernel, 0o600); err != nil {
		return fmt.Errorf("probe accelerator: %w", err)
	}
	cpu := "host"
	if accelerator == TCG {
		cpu = tcgModel
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, qemu, "-machine", "pc,usb=off", "-accel", accelerator, "-cpu", cpu,
		"-m", "64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "stdio", "-kernel", kernel)
	cmd.WaitDelay = time.Second
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("probe %s: %w", accelerator, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("probe %s: %w", accelerator, err)
	}
	alive := hasMarker(out)
	timedOut := ctx.Err() != nil
	cancel()
	err = cmd.Wait()
	switch {
	case alive:
		return nil
	case timedOut:
		return fmt.Errorf("probe %s: no sign of life within %s: %s", accelerator, timeout, firstLine(complaints.String()))
	}
	return fmt.Errorf("probe %s: %w", accelerator, errors.Join(err, errors.New(firstLine(complaints.String()))))
}

func hasMarker(r io.Reader) bool {
	lines := bufio.NewScanner(io.LimitReader(r, 64<<10))
	for lines.Scan() {
		if strings.Contains(lines.Text(), probeMarker) {
			return true
		}
	}
	return false
}

// firstLine skips QEMU's warnings about CPU features.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.Contains(line, "warning:") {
			return line
		}
	}
	return "QEMU said nothing"
}
