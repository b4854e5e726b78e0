//go:build lab

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func itoa(n int) string { return strconv.Itoa(n) }

// snapshot is what of the machine a lab could change.
type snapshot struct{ mounts, links, files []string }

func takeSnapshot(t *testing.T) snapshot {
	t.Helper()
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	s := snapshot{links: linkNames(t)}
	for line := range strings.Lines(string(info)) {
		s.mounts = append(s.mounts, strings.Fields(line)[4])
	}
	for _, dir := range []string{
		"/", "/etc", "/run", "/root", "/var/lib", "/var/cache", "/var/log", "/var/lib/libvirt", "/var/cache/apt",
		"/etc/libvirt", "/etc/openvswitch", "/var/log/openvswitch", "/var/log/libvirt", "/dev", "/dev/shm",
	} {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			s.files = append(s.files, filepath.Join(dir, e.Name()))
		}
	}
	return s
}

func linkNames(t *testing.T) []string {
	t.Helper()
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range links {
		names = append(names, l.Name)
	}
	return names
}

// differs says what is there now and was not before, "" if nothing: mounts,
// links and files, processes that name the lab, processes in its namespaces.
func (s snapshot) differs(t *testing.T, dir string, spaces map[string]bool) string {
	t.Helper()
	now := takeSnapshot(t)
	var wrong []string
	for what, pair := range map[string][2][]string{
		"mount": {s.mounts, now.mounts}, "link": {s.links, now.links}, "file": {s.files, now.files},
	} {
		for _, x := range pair[1] {
			if !slices.Contains(pair[0], x) {
				wrong = append(wrong, what+" "+x)
			}
		}
	}
	eachProcess(t, func(pid int, proc string) {
		cmdline, _ := os.ReadFile(filepath.Join(proc, "cmdline"))
		if pid != os.Getpid() && strings.Contains(string(cmdline), dir) {
			wrong = append(wrong, fmt.Sprintf("process %d %q", pid, cmdline))
		}
		for _, ns := range []string{"net", "mnt", "pid", "uts"} {
			if name, err := os.Readlink(filepath.Join(proc, "ns", ns)); err == nil && spaces[name] {
				wrong = append(wrong, fmt.Sprintf("process %d in %s", pid, name))
			}
		}
	})
	for _, path := range []string{"lab.json", "hosts", "lock"} {
		if exists(filepath.Join(dir, path)) {
			wrong = append(wrong, "file "+path+" of the lab")
		}
	}
	return strings.Join(wrong, "\n")
}

func eachProcess(t *testing.T, f func(pid int, proc string)) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			f(pid, filepath.Join("/proc", e.Name()))
		}
	}
}

func namespacesOf(t *testing.T, pids map[string]int) map[string]bool {
	t.Helper()
	spaces := map[string]bool{}
	for host, pid := range pids {
		for _, ns := range []string{"net", "mnt", "pid", "uts"} {
			name, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, ns))
			own, _ := os.Readlink("/proc/self/ns/" + ns)
			if err != nil || name == own {
				t.Fatalf("%s has no %s namespace of its own: %v", host, ns, err)
			}
			spaces[name] = true
		}
	}
	return spaces
}

// residentMiB sums the memory of all processes in the namespaces.
func residentMiB(t *testing.T, spaces map[string]bool) int {
	t.Helper()
	pages := 0
	eachProcess(t, func(_ int, proc string) {
		if name, err := os.Readlink(filepath.Join(proc, "ns", "pid")); err != nil || !spaces[name] {
			return
		}
		statm, _ := os.ReadFile(filepath.Join(proc, "statm"))
		if fields := strings.Fields(string(statm)); len(fields) > 2 {
			resident, _ := strconv.Atoi(fields[1])
			shared, _ := strconv.Atoi(fields[2])
			pages += resident - shared
		}
	})
	return pages * os.Getpagesize() >> 20
}

// An Up that ends anywhere leaves what Down takes away and another Up completes.
func TestCrashOfUp(t *testing.T) {
	f := newFixture(t)
	before := takeSnapshot(t)
	total := 0
	o := f.options()
	o.Progress = func(string, int, int) { total++ }
	f.up(o)
	if err := Down(t.Context(), f.dir, true); err != nil {
		t.Fatal(err)
	}
	for _, stopAt := range []int{1, 4, total / 2, total - 2} {
		t.Run(fmt.Sprintf("step %d", stopAt), func(t *testing.T) {
			f := &fixture{T: t, dir: f.dir, self: f.self}
			ctx, cancel := context.WithCancelCause(t.Context())
			crash := errors.New("crash")
			step := 0
			o := f.options()
			o.Progress = func(string, int, int) {
				if step++; step == stopAt {
					cancel(crash)
				}
			}
			if err := Up(ctx, o); err != nil && !errors.Is(err, crash) {
				t.Fatalf("up that is cut short: %v", err)
			}
			spaces := namespacesOf(t, f.pids())
			f.up(f.options())
			for name := range namespacesOf(t, f.pids()) {
				spaces[name] = true
			}
			// The worst: nothing in the folder can be read.
			for _, file := range []string{"hosts/p1/plan.json", "hosts/p2/status.json"} {
				if err := os.WriteFile(filepath.Join(f.dir, file), []byte("{"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := Down(t.Context(), f.dir, true); err != nil {
				t.Fatal(err)
			}
			f.eventually("after down", func() string { return before.differs(t, f.dir, spaces) })
		})
	}
}

// A lab can be taken away whose folder somebody has removed.
func TestDownWithoutFolder(t *testing.T) {
	f := newFixture(t)
	f.up(f.options())
	spaces := namespacesOf(t, f.pids())
	site, err := layout(f.dir).readSite()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(f.dir, f.dir+".moved"); err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), f.dir, true); err != nil {
		t.Fatal(err)
	}
	f.eventually("processes", func() string { return takeSnapshot(t).differs(t, f.dir, spaces) })
	if slices.Contains(linkNames(t), rootLink) {
		t.Error("the machine's leg is still there")
	}
	for _, dir := range slices.Backward(site.Made) {
		_ = os.Remove(dir)
	}
}
