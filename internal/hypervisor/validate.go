package hypervisor

import (
	"fmt"
	"net"
	"path/filepath"
	"regexp"

	"quarry/internal/fault"
)

// maxSocketPath is what fits into sockaddr_un.
const maxSocketPath = 107

var guestName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,190}$`)

// Validate returns a fault.Invalid that names everything wrong with g.
func (g Guest) Validate() error {
	var l fault.List
	if !guestName.MatchString(g.Name) {
		l.Add("name", fmt.Sprintf("%q is no guest name: use letters, digits, dots and dashes", g.Name))
	}
	if g.CPUs < 1 {
		l.Add("cpus", fmt.Sprintf("%d CPUs: give at least 1", g.CPUs))
	}
	if g.MemoryMiB < 1 {
		l.Add("memoryMiB", fmt.Sprintf("%d MiB of memory: give at least 1", g.MemoryMiB))
	}
	if g.Disk.Format != "qcow2" && g.Disk.Format != "raw" {
		l.Add("disk.format", fmt.Sprintf("format %q is not known: name qcow2 or raw", g.Disk.Format))
	}
	if g.Accelerator != KVM && g.Accelerator != TCG {
		l.Add("accelerator", fmt.Sprintf("accelerator %q is not known: name kvm or tcg", g.Accelerator))
	}
	needPath(&l, "disk.path", g.Disk.Path, true)
	needPath(&l, "kernel", g.Kernel, false)
	needPath(&l, "initrd", g.Initrd, false)
	needPath(&l, "consoleLog", g.ConsoleLog, true)
	needPath(&l, "channel", g.Channel, false)
	if len(g.Channel) > maxSocketPath {
		l.Add("channel", fmt.Sprintf("%q has %d bytes: a socket's path has %d at most", g.Channel, len(g.Channel), maxSocketPath))
	}
	for i, n := range g.NICs {
		if n.Tap == "" || len(n.Tap) > 15 {
			l.Add(fmt.Sprintf("nics[%d].tap", i), fmt.Sprintf("%q is no interface name: 1 to 15 bytes", n.Tap))
		}
		if hw, err := net.ParseMAC(n.MAC); err != nil || len(hw) != 6 || hw[0]&1 != 0 {
			l.Add(fmt.Sprintf("nics[%d].mac", i), fmt.Sprintf("%q is no unicast Ethernet address", n.MAC))
		}
	}
	return l.Err(fault.Invalid, "the guest cannot be defined")
}

func needPath(l *fault.List, field, path string, required bool) {
	if path == "" && !required {
		return
	}
	if !filepath.IsAbs(path) {
		l.Add(field, fmt.Sprintf("%q is no absolute path", path))
	}
}
