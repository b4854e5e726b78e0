//go:build lab

package image

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"quarry/internal/fault"
	"quarry/internal/needs"
	"quarry/internal/roll"
)

// vmBuilder is a builder that may make throwaway machines, with the real guest
// program.
func vmBuilder(t *testing.T) *Builder {
	t.Helper()
	b := labBuilder(t)
	needs.Program(t, "qemu-system-x86_64")
	b.cfg.GuestBinary = filepath.Join(t.TempDir(), "quarry-guest")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", b.cfg.GuestBinary, "quarry/cmd/quarry-guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b.cfg.Accelerator = func(context.Context) (string, error) { return "tcg", nil }
	return b
}

// reader asks the disk of an image.
func reader(t *testing.T, b *Builder, address string) func(request string) string {
	t.Helper()
	disk, err := b.cfg.Store.Path(address, DiskFile)
	if err != nil {
		t.Fatal(err)
	}
	return func(request string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "debugfs", "-R", request, disk).Output()
		if err != nil {
			t.Fatalf("debugfs %s: %v", request, err)
		}
		return string(out)
	}
}

// noMachine fails unless every process, mount and file of throwaway machines is
// soon gone: a build that is given up cleans up behind whoever gave it up.
func noMachine(t *testing.T, b *Builder) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		processes := machines(t)
		mounts, err := os.ReadFile("/proc/self/mounts")
		files, err2 := filepath.Glob(filepath.Join(b.cfg.Dir, "*"))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		mounted := strings.Contains(string(mounts), b.cfg.Dir)
		if len(processes) == 0 && len(files) == 0 && !mounted {
			return
		}
		select {
		case <-deadline:
			t.Errorf("left are the processes %v, the files %v, and mounts: %v", processes, files, mounted)
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// machines are the processes that belong to throwaway machines.
func machines(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		raw, err := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		if err == nil && strings.Contains(string(raw), "quarry-throwaway") {
			found = append(found, e.Name())
		}
	}
	return found
}

// spy tries what a hostile script would, and writes down what came of it.
const spy = `#!/bin/sh
mkdir -p /var/lib/spy
cd /var/lib/spy
ls /sys/class/net >net
ip address >addresses 2>&1
ls /sys/class/block >disks
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' >processes
cat /proc/mounts >mounts
cat SECRET >secret 2>&1
hostname >name
id -u >user
echo made >/var/lib/made-by-tenant
ln -s ../../../../../../../../etc/passwd way-up
ln /usr/bin/ping hard
printf '#!/bin/sh\necho pwned >/var/lib/pwned\n' >/usr/bin/cp
rm /etc/motd
sleep 1000 &
`

// A tenant's install script runs in a throwaway machine: it sees nothing of
// this one, what it makes is in the image, and nothing else is left of it.
func TestLabThrowaway(t *testing.T) {
	b := vmBuilder(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("the manager's secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := recipe("iputils-ping")
	r.Files = []roll.File{
		{Path: "/etc/systemd/system/own.service", Mode: "0644", Owner: "root:root", Tenant: "chem", Content: "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"},
		{Path: "/etc/first", Mode: "0640", Owner: "root:adm", Content: "first"},
	}
	r.Enabled = []string{"own.service"}
	r.Scripts = []roll.Script{
		{Name: "base/first", Body: "#!/bin/sh\ncat /etc/first >/var/lib/order\n"},
		{Name: "evil/n/spy", Tenant: "chem", Timeout: 2 * time.Minute, Body: strings.ReplaceAll(spy, "SECRET", secret)},
		{Name: "base/last", Body: "#!/bin/sh\ncat /var/lib/made-by-tenant >>/var/lib/order\n"},
	}
	lock, err := b.Lock(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	m, err := b.Build(t.Context(), lock, func(stage string, percent int) {
		t.Logf("%6.1fs %s %d%%", time.Since(start).Seconds(), stage, percent)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("build: %s", time.Since(start))
	noMachine(t, b)
	ask := reader(t, b, m.Address)
	for file, want := range map[string]string{
		"spy/net": "lo\n", "spy/user": "0\n", "made-by-tenant": "made\n", "order": "firstmade\n", "spy/name": "(none)\n",
	} {
		if got := ask("cat /var/lib/" + file); got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	for file, bad := range map[string]string{"spy/processes": "image.test", "spy/secret": "the manager's secret", "spy/mounts": b.cfg.Dir, "pwned": "pwned"} {
		if got := ask("cat /var/lib/" + file); strings.Contains(got, bad) {
			t.Errorf("%s: %q", file, got)
		}
	}
	for _, file := range []string{"mounts", "disks", "addresses", "secret"} {
		t.Logf("%s:\n%s", file, ask("cat /var/lib/spy/"+file))
	}
	for request, want := range map[string]string{
		"stat /var/lib/spy/way-up":                                     "../../../etc/passwd",
		"stat /etc/systemd/system/multi-user.target.wants/own.service": "/etc/systemd/system/own.service",
		"stat /etc/first":                                              "Group:     4",
	} {
		if got := ask(request); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
	if got := ask("stat /etc/motd"); strings.Contains(got, "Inode") {
		t.Errorf("a file that was removed is there: %s", got)
	}
}

// Whatever a script does to its machine, the build ends, says why, and leaves
// nothing.
func TestLabThrowawayTrouble(t *testing.T) {
	b := vmBuilder(t)
	for name, c := range map[string]struct{ body, want string }{
		"fails":     {"#!/bin/sh\necho last words >&2\nexit 3\n", "last words"},
		"hangs":     {"#!/bin/sh\nsleep 1000 &\nwait\n", "not done after 3s"},
		"ends it":   {"#!/bin/sh\necho b >/proc/sysrq-trigger; sleep 60\n", "it ended during step 1"},
		"device":    {"#!/bin/sh\nmknod /srv/disk b 8 0\n", "/srv/disk: is a device or a pipe"},
		"fills all": {"#!/bin/sh\ncat /dev/zero >/srv/full\n", "No space left"},
	} {
		r := recipe()
		r.Scripts = []roll.Script{{Name: "evil/n/" + strings.ReplaceAll(name, " ", "-"), Body: c.body, Tenant: "chem", Timeout: 3 * time.Second}}
		if name == "fills all" {
			r.Scripts[0].Timeout = 3 * time.Minute
		}
		lock, err := b.Lock(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = b.Build(t.Context(), lock, nil)
		t.Logf("%s: after %s: %v", name, time.Since(start).Round(time.Second), err)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if b.cfg.Store.Has(lock.Address()) {
			t.Errorf("%s: there is an image", name)
		}
		noMachine(t, b)
	}
}

// A build that is given up takes its machine with it.
func TestLabThrowawayCancelled(t *testing.T) {
	b := vmBuilder(t)
	r := recipe()
	r.Scripts = []roll.Script{{Name: "evil/n/slow", Body: "#!/bin/sh\nsleep 1000\n", Tenant: "chem"}}
	lock, err := b.Lock(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = b.Build(ctx, lock, func(stage string, percent int) {
		if stage == "throwaway machine" && percent > 75 {
			cancel()
		}
	})
	if err == nil {
		t.Error("it was built")
	}
	noMachine(t, b)
	b.cfg.Accelerator = nil
	if _, err := b.Build(t.Context(), lock, nil); fault.KindOf(err) != fault.Refused {
		t.Errorf("without machines: %v", err)
	}
}

// A tenant's file may stand where a program stood: nothing of the tree runs
// any more once it is there.
func TestLabOwnFiles(t *testing.T) {
	b := labBuilder(t)
	const evil = "#!/bin/sh\necho pwned >/var/lib/pwned\n"
	r := recipe()
	for _, path := range []string{"/usr/bin/systemctl", "/usr/sbin/update-rc.d", "/usr/bin/true", "/usr/bin/sh", "/usr/sbin/ldconfig", "/usr/sbin/mkfs.ext4"} {
		r.Files = append(r.Files, roll.File{Path: path, Mode: "0755", Owner: "root:root", Content: evil, Tenant: "chem"})
	}
	r.Files = append(r.Files, roll.File{
		Path: "/etc/systemd/system/own.service", Mode: "0644", Owner: "root:root", Tenant: "chem",
		Content: "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
	}, roll.File{Path: "/etc/init.d/old", Mode: "0755", Owner: "root:root", Tenant: "chem", Content: evil})
	r.Enabled, r.Masked = []string{"own.service"}, []string{"cron.service"}
	r.Scripts = []roll.Script{{Name: "base/first", Body: "#!/bin/sh\necho here >/var/lib/here\n"}}
	lock, err := b.Lock(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Build(t.Context(), lock, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := reader(t, b, m.Address)
	if got := ask("cat /var/lib/here"); got != "here\n" {
		t.Errorf("the published script left %q", got)
	}
	if got := ask("stat /var/lib/pwned"); strings.Contains(got, "Inode") {
		t.Error("a tenant's file was run")
	}
	for request, want := range map[string]string{
		"cat /usr/bin/systemctl": "pwned",
		"stat /etc/systemd/system/multi-user.target.wants/own.service": "/etc/systemd/system/own.service",
		"stat /etc/systemd/system/cron.service":                        "/dev/null",
	} {
		if got := ask(request); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
	noMachine(t, b)
}
