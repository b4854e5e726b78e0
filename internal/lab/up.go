package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

// The datapaths of Open vSwitch.
const (
	datapathKernel = "system"
	datapathUser   = "netdev"
)

// readyWithin bounds how long Up waits for all services of all hosts.
const readyWithin = 3 * time.Minute

// Up makes the lab's site what the options say and returns when every service
// of every host can be used. Hosts that run are left alone. A lab may grow, but
// to shrink it, it has to be taken down.
func Up(ctx context.Context, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := checkMachine(o.Dir); err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("make the lab's folder: %w", err)
	}
	l := layout(o.Dir)
	release, err := l.acquire(ctx)
	if err != nil {
		return err
	}
	defer release()
	hosts, err := prepare(ctx, l, o)
	if err != nil {
		return err
	}
	u := &upper{Options: o, layout: l, hosts: hosts, total: 2*len(hosts) + 1}
	return u.run(ctx)
}

// prepare writes what is going to be before any of it is made.
func prepare(ctx context.Context, l layout, o Options) ([]host, error) {
	s, err := l.readSite()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the lab's site (quarry lab down clears it): %w", err)
	}
	if err == nil && (o.Pnodes < s.Pnodes || o.Gateways < s.Gateways) {
		return nil, fault.New(fault.Refused, "a lab cannot shrink: take it down first", fault.Detail{
			Message: fmt.Sprintf("it has %d pnodes and %d gateways", s.Pnodes, s.Gateways),
		})
	}
	s.Pnodes, s.Gateways, s.Binary = o.Pnodes, o.Gateways, o.Binary
	if s.Datapath == "" {
		s.Datapath = probeDatapath(ctx)
	}
	if s.OfferMemoryMiB, err = memoryShare(o.Pnodes + o.Gateways); err != nil {
		return nil, err
	}
	hosts := plan(s)
	if o.services != nil {
		for i := range hosts {
			hosts[i].Services = o.services(hosts[i])
		}
	}
	s.Made = append(s.Made, missingFolders(hosts, s.Made)...)
	if err := writeJSON(l.site(), s); err != nil {
		return nil, fmt.Errorf("write the lab's site: %w", err)
	}
	for _, dir := range s.Made {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make a mount point: %w", err)
		}
	}
	for _, h := range hosts {
		if err := os.MkdirAll(filepath.Join(l.host(h.Name), "log"), 0o755); err != nil {
			return nil, fmt.Errorf("make the folder of host %s: %w", h.Name, err)
		}
		if err := writeJSON(l.plan(h.Name), h); err != nil {
			return nil, fmt.Errorf("write the plan of host %s: %w", h.Name, err)
		}
	}
	return hosts, nil
}

// Memory that a lab leaves to the machine and to its own daemons, and the least
// that a pnode offers however small the machine is, in MiB.
const (
	keptMemory  = 2048
	leastMemory = 1024
)

// memoryShare is what each of n pnodes may offer of the machine's memory, MiB.
func memoryShare(n int) (int, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, fmt.Errorf("measure the machine's memory: %w", err)
	}
	total := int(info.Totalram * uint64(info.Unit) >> 20)
	return max(leastMemory, (total-keptMemory)/max(1, n)), nil
}

// missingFolders lists the mount points that the machine lacks, parents first.
func missingFolders(hosts []host, known []string) []string {
	var missing []string
	for _, h := range hosts {
		for _, m := range h.Mounts {
			var chain []string
			for dir := m.Target; dir != "/" && !exists(dir); dir = filepath.Dir(dir) {
				chain = append(chain, dir)
			}
			slices.Reverse(chain)
			for _, dir := range chain {
				if !slices.Contains(known, dir) && !slices.Contains(missing, dir) {
					missing = append(missing, dir)
				}
			}
		}
	}
	return missing
}

// probeDatapath finds out whether the kernel has Open vSwitch's datapath.
func probeDatapath(ctx context.Context) string {
	// Fails where modules cannot be loaded or it is built in: the answer counts.
	_ = exec.CommandContext(ctx, "modprobe", "--quiet", "openvswitch").Run()
	if _, err := netlink.GenlFamilyGet("ovs_datapath"); err == nil {
		return datapathKernel
	}
	return datapathUser
}

// checkMachine refuses early and says everything that is missing.
func checkMachine(dir string) error {
	if os.Geteuid() != 0 {
		return fault.New(fault.Forbidden, "the lab makes namespaces and bridges: run it as root (sudo)")
	}
	if other := otherLab(dir); other != "" {
		return fault.New(fault.Conflict, "another lab is up on this machine", fault.Detail{
			Message: "take it down first: quarry lab down --dir " + other,
		})
	}
	var faults fault.List
	for _, name := range []string{
		"ovs-vsctl", "ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "libvirtd",
		"qemu-system-x86_64", "slirp4netns", "ethtool", "nsenter",
	} {
		if lookPath(&exec.Cmd{Args: []string{name}}) != nil {
			faults.Add(name, "this program is missing: sudo make setup installs it")
		}
	}
	return faults.Err(fault.Refused, "this machine lacks what the lab needs")
}
