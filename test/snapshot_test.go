//go:build lab

package test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// machine is what a lab could leave on a machine.
type machine map[string]bool

// Others write here too, so only what looks like a lab's counts. The go command
// that runs this begins new counters when a week is over.
var (
	shared   = regexp.MustCompile(`^/(tmp|var/tmp|run|var/log|root/\.config/go/telemetry)/`)
	labFiles = regexp.MustCompile(`quarry|qemu|libvirt|openvswitch|ovs|slirp|dnsmasq`)
)

// ours are processes that only a lab starts.
var ours = regexp.MustCompile(`^(qemu-system|ovs-vswitchd|ovsdb-server|libvirtd|slirp4netns|dnsmasq|virtlogd)|quarry`)

// snapshot lists processes, links, mounts, namespaces, and files in places
// where a program may be tempted to leave some, beside the lab's own folder.
func snapshot() machine {
	m := machine{}
	procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range procs {
		raw, err := os.ReadFile(p)
		if err != nil || len(raw) == 0 || filepath.Dir(p) == "/proc/"+selfPid() {
			continue
		}
		argv := strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00")
		if ours.MatchString(filepath.Base(argv[0])) && !strings.HasSuffix(argv[0], ".test") {
			m["process: "+strings.Join(argv, " ")] = true
		}
	}
	for _, l := range lines("ip", "-o", "link") {
		if f := strings.Fields(l); len(f) > 1 {
			m["link: "+f[1]] = true
		}
	}
	for _, l := range lines("findmnt", "-rno", "TARGET") {
		m["mount: "+l] = true
	}
	for _, l := range lines("lsns", "-rno", "TYPE,COMMAND") {
		if strings.Contains(l, "quarry") || strings.Contains(l, "qemu") || strings.Contains(l, "ovs") || strings.Contains(l, "libvirt") {
			m["namespace: "+l] = true
		}
	}
	for _, root := range []string{"/etc", "/run", "/tmp", "/var/tmp", "/var/cache", "/var/lib/libvirt", "/var/lib/openvswitch", "/var/log", "/root/.config", "/dev/shm"} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (!shared.MatchString(path) || labFiles.MatchString(path)) {
				m["file: "+path] = true
			}
			return nil
		})
	}
	entries, _ := os.ReadDir("/var/lib")
	for _, e := range entries {
		if e.Name() != "quarry-lab" {
			m["folder: /var/lib/"+e.Name()] = true
		}
	}
	return m
}

func selfPid() string { return filepath.Base(first(os.Readlink("/proc/self"))) }

func first(s string, _ error) string { return s }

// leftAtLast lists what stays: the kernel takes a moment to clear up after the
// last process of a namespace.
func (m machine) leftAtLast() []string {
	deadline := time.Now().Add(10 * time.Second)
	for {
		left := m.leftIn(snapshot())
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		<-time.After(250 * time.Millisecond)
	}
}

// leftIn lists what is in after and not in m.
func (m machine) leftIn(after machine) []string {
	var left []string
	for what := range after {
		if !m[what] {
			left = append(left, what)
		}
	}
	slices.Sort(left)
	return left
}

func lines(name string, args ...string) []string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
