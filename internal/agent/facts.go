package agent

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"quarry/internal/fault"
	"quarry/internal/pnode"
)

// measureWithin bounds one try; the accelerator's probe boots a tiny guest.
const measureWithin = 3 * time.Minute

// facts are what the machine is found to be.
type facts struct {
	pnode.Facts
	complete bool
	// refusal is why the machine may not run guests, "" if it may.
	refusal string
}

// measure finds out what the machine is, again until the hypervisor answers.
func (a *agent) measure(ctx context.Context) {
	pause := backoff{first: time.Second, most: 15 * time.Second}
	for ctx.Err() == nil {
		f, err := a.measureOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		a.mu.Lock()
		a.facts = f
		a.setTrouble("measuring", err)
		if f.refusal != "" {
			a.setTrouble("guests", errors.New(f.refusal))
		}
		a.mu.Unlock()
		a.changed.fire()
		a.known.fire()
		if err == nil {
			a.log.InfoContext(ctx, "measured the machine", "cpus", f.CPUs, "memory_mib", f.MemoryMiB, "disk_mib", f.DiskMiB,
				"accelerator", f.Accelerator, "hypervisor", f.Hypervisor, "uplink", f.Uplink)
			return
		}
		a.log.WarnContext(ctx, "cannot measure the machine", "error", err)
		sleep(ctx, pause.next())
	}
}

func (a *agent) measureOnce(ctx context.Context) (facts, error) {
	ctx, cancel := context.WithTimeout(ctx, measureWithin)
	defer cancel()
	f := facts{Facts: pnode.Facts{
		CPUs: limit(runtime.GOMAXPROCS(0), a.cfg.OfferCPUs), Uplink: a.fabric.HasUplink(ctx), Version: a.cfg.Version, Arch: runtime.GOARCH,
	}}
	memory, err := memoryMiB()
	if err != nil {
		return f, fmt.Errorf("measure memory: %w", err)
	}
	f.MemoryMiB = limit(memory, a.cfg.OfferMemoryMiB)
	disk, err := diskMiB(a.cfg.Dir)
	if err != nil {
		return f, fmt.Errorf("measure disk: %w", err)
	}
	f.DiskMiB = limit(disk, a.cfg.OfferDiskMiB)
	if f.Hypervisor, err = a.hypervisor.Version(ctx); err != nil {
		return f, fmt.Errorf("ask for the hypervisor's version: %w", err)
	}
	f.Accelerator, err = a.hypervisor.ProbeAccelerator(ctx)
	switch {
	case fault.KindOf(err) == fault.Refused: // waiting will not change it
		f.refusal = err.Error()
	case err != nil:
		return f, fmt.Errorf("probe the accelerator: %w", err)
	default:
		f.refusal = refusal(f.Hypervisor, f.Accelerator)
	}
	f.complete = true
	return f, nil
}

// awaitFacts waits until the machine is measured.
func (a *agent) awaitFacts(ctx context.Context) (facts, error) {
	var f facts
	err := a.known.until(ctx, func() bool {
		f = a.knownFacts()
		return f.complete
	})
	return f, err
}

func (a *agent) knownFacts() facts {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.facts
}

var qemuVersion = regexp.MustCompile(`^QEMU (\d+)\.(\d+)`)

// refusal says why this hypervisor may not run guests: QEMU before 8.2
// corrupts the memory of emulated guests as soon as two run at once.
func refusal(hypervisor, accelerator string) string {
	m := qemuVersion.FindStringSubmatch(hypervisor)
	if accelerator != "tcg" || m == nil {
		return ""
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major > 8 || major == 8 && minor >= 2 {
		return ""
	}
	return fmt.Sprintf("%s corrupts guests under software emulation, which is all this machine has: "+
		"install QEMU 8.2 or newer (Debian 12 has one in bookworm-backports), or enable KVM, and restart the agent", hypervisor)
}

func limit(found, offered int) int {
	if offered > 0 {
		return min(found, offered)
	}
	return found
}

// memoryMiB is the memory that the agent's guests may fill at most.
func memoryMiB() (int, error) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	total, err := parseMemInfo(file)
	if err != nil {
		return 0, err
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if bytes, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && bytes > 0 {
			total = int(min(int64(total), bytes>>20))
		}
	}
	return total, nil
}

func parseMemInfo(r io.Reader) (int, error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), "MemTotal:"); found {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(rest, "kB")))
			return kib >> 10, err
		}
	}
	return 0, errors.Join(errors.New("/proc/meminfo has no MemTotal"), lines.Err())
}

// diskMiB is how large the file system is on which the agent keeps disks.
func diskMiB(dir string) (int, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int((stat.Blocks - stat.Bfree + stat.Bavail) * uint64(stat.Bsize) >> 20), nil //nolint:gosec // a block size is positive
}
