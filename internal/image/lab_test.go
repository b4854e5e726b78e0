//go:build lab

package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"quarry/internal/fault"
	"quarry/internal/needs"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// standIn plays the guest program: it makes host keys, sets an address and
// says that the identity is there.
const standIn = `#!/bin/sh
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
systemd-notify --ready
echo "guest done at $(cut -d' ' -f1 /proc/uptime)" >/dev/ttyS0
while ! systemctl is-active -q multi-user.target; do sleep 1; done
echo "multi-user at $(cut -d' ' -f1 /proc/uptime), disk $(df -m / | tail -1)" >/dev/ttyS0
[ -z "$(systemctl --failed -q)" ] || systemctl --failed --no-pager >/dev/ttyS0
[ -e /etc/blame ] && { systemd-analyze blame; systemd-analyze critical-chain; systemctl list-units --no-pager; ps ax; free -m; } >/dev/ttyS0
exec sleep infinity
`

// shared is the cache of packages and base roots of all tests that do not ask
// for one of their own: bringing a release anew for each takes most of the time.
var shared string

// A cache may survive between runs too (QUARRY_TEST_CACHE).
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if shared = os.Getenv("QUARRY_TEST_CACHE"); shared != "" {
			return m.Run()
		}
		var err error
		if shared, err = os.MkdirTemp("", "quarry-image-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(shared)
		return m.Run()
	}())
}

func labBuilder(t *testing.T) *Builder {
	t.Helper()
	return labBuilderIn(t, t.TempDir(), shared)
}

// coldBuilder has nothing yet.
func coldBuilder(t *testing.T) *Builder {
	t.Helper()
	dir := t.TempDir()
	return labBuilderIn(t, dir, filepath.Join(dir, "cache"))
}

func labBuilderIn(t *testing.T, dir, cache string) *Builder {
	t.Helper()
	needs.Root(t)
	for _, program := range []string{"mmdebstrap", "unshare", "mkfs.ext4", "apt-get", "dpkg-deb"} {
		needs.Program(t, program)
	}
	guest := filepath.Join(dir, "guest")
	if err := os.WriteFile(guest, []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	mirror, err := MachineMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	store, err := OpenStore(filepath.Join(dir, "store"), 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBuilder(BuilderConfig{
		Dir: filepath.Join(dir, "work"), CacheDir: cache, Store: store, Mirror: mirror, GuestBinary: guest,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recipe(packages ...string) render.Recipe {
	return render.Recipe{Version: render.RecipeVersion, Suite: "trixie", Architecture: "amd64", Packages: packages}
}

func TestLabImage(t *testing.T) {
	b := labBuilder(t)
	ctx := t.Context()

	r := recipe("nginx-light")
	if extra := os.Getenv("QUARRY_TEST_PACKAGES"); extra != "" {
		r.Packages = strings.Fields(extra)
	}
	r.Files = []roll.File{{Path: "/etc/blame", Mode: "0640", Owner: "root:adm", Content: "x"}}
	r.Disabled = []string{"nginx.service"}
	r.Scripts = []roll.Script{{Name: "test/check", Body: `#!/bin/sh
set -eu
test "$(id -u)" = 0
test "$(ls /proc | grep -c '^[0-9]')" -le 5
test "$(ls /sys/class/net 2>/dev/null | wc -l)" = 0
! mount -t tmpfs x /mnt 2>/dev/null
! mknod /tmp/disk b 254 0 2>/dev/null
! ls /run/old 2>/dev/null
echo made >/var/lib/made-by-script
`}}
	start := time.Now()
	lock, err := b.Lock(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("lock: %s, %d packages", time.Since(start), len(lock.Packages))
	start = time.Now()
	again, err := b.Lock(ctx, r)
	if err != nil || again.Address() != lock.Address() {
		t.Fatalf("second lock: %v, %s, want %s", err, again.Address(), lock.Address())
	}
	t.Logf("second lock: %s", time.Since(start))

	start = time.Now()
	last, stages := 0, []string(nil)
	m, err := b.Build(ctx, lock, func(stage string, percent int) {
		if percent < last || percent > 100 {
			t.Errorf("progress went from %d to %d", last, percent)
		}
		last, stages = percent, append(stages, stage)
		t.Logf("%6.1fs %s %d%%", time.Since(start).Seconds(), stage, percent)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("build: %s, stages %v", time.Since(start), slices.Compact(stages))
	for _, f := range m.Files {
		t.Logf("%+v %+v", f, f.Packed)
	}
	second := func(stage string, _ int) { t.Errorf("the second build goes to %q", stage) }
	if _, err := b.Build(ctx, lock, second); err != nil {
		t.Fatal(err)
	}
	if err := b.cfg.Store.Verify(m.Address); err != nil {
		t.Fatal(err)
	}
	checkIdentity(t, b.cfg.Store, m)
	boot(t, b.cfg.Store, m)
}

// checkIdentity reads the filesystem of an image: it holds no secret, no
// identity, and what the recipe wants.
func checkIdentity(t *testing.T, s *Store, m Manifest) {
	t.Helper()
	disk, err := s.Path(m.Address, DiskFile)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request string) string {
		out, err := exec.Command("debugfs", "-R", request, disk).Output()
		if err != nil {
			t.Fatalf("debugfs %s: %v", request, err)
		}
		return string(out)
	}
	if id := ask("cat /etc/machine-id"); id != "" {
		t.Errorf("machine id %q", id)
	}
	if keys := ask("ls -p /etc/ssh"); !strings.Contains(keys, "sshd_config") || strings.Contains(keys, "ssh_host_") {
		t.Errorf("/etc/ssh has %s", keys)
	}
	for line := range strings.Lines(ask("cat /etc/shadow")) {
		if hash := strings.Split(line, ":")[1]; strings.Trim(hash, "!*") != "" || hash == "" {
			t.Errorf("shadow line %q", line)
		}
	}
	for _, dir := range []string{"/root", "/home/admin"} {
		if list := ask("ls -p " + dir); !strings.Contains(list, "/..") && !strings.Contains(list, "..") || strings.Contains(list, ".ssh") {
			t.Errorf("%s has %s", dir, list)
		}
	}
	for _, name := range []string{"/usr/sbin/policy-rc.d", "/var/lib/systemd/random-seed", "/etc/apt/sources.list"} {
		if out := ask("stat " + name); out != "" {
			t.Errorf("%s is there: %s", name, out)
		}
	}
	if made := ask("cat /var/lib/made-by-script"); made != "made\n" {
		t.Errorf("the install script left %q", made)
	}
	if info := ask("stat /etc/blame"); !strings.Contains(info, "0640") || !strings.Contains(info, "Group:     4") {
		t.Errorf("the roll's file: %s", info)
	}
}

// TestLabTwoProfiles measures what a site does first: two profiles at once,
// from nothing but packages.
func TestLabTwoProfiles(t *testing.T) {
	b := coldBuilder(t)
	start := time.Now()
	var wg sync.WaitGroup
	for _, packages := range [][]string{{"condor"}, {"dnsmasq-base", "nginx-light"}} {
		wg.Go(func() {
			lock, err := b.Lock(t.Context(), recipe(packages...))
			if err != nil {
				t.Error(err)
				return
			}
			t.Logf("%v locked after %s", packages, time.Since(start))
			m, err := b.Build(t.Context(), lock, nil)
			if err != nil {
				t.Error(err)
				return
			}
			disk := m.Files[0]
			t.Logf("%v after %s: %d packages, disk %d MB, packed %d MB", packages, time.Since(start), m.Packages, disk.Size/1e6, disk.Packed.Size/1e6)
		})
	}
	wg.Wait()
	if list, err := b.cfg.Store.List(); err != nil || len(list) != 2 {
		t.Errorf("the store has %d images, want 2 (%v)", len(list), err)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil || strings.Contains(string(mounts), b.cfg.Dir) || strings.Contains(string(mounts), b.cfg.CacheDir) {
		t.Errorf("mounts are left: %v", err)
	}
}

// A script that fails fails the build with its own last words.
func TestLabFailingScript(t *testing.T) {
	b := labBuilder(t)
	for name, c := range map[string]struct {
		script roll.Script
		want   string
	}{
		"fails": {roll.Script{Body: "#!/bin/sh\necho last words >&2\nexit 3\n"}, "last words"},
		"hangs": {roll.Script{Body: "#!/bin/sh\nsleep 1000 &\nwait\n", Timeout: 2 * time.Second}, "not done after 2s"},
		"key":   {roll.Script{Body: "#!/bin/sh\necho -----BEGIN RSA PRIVATE KEY----- >/etc/key\n"}, "/etc/key: a private key"},
	} {
		r := recipe()
		c.script.Name = name
		r.Scripts = []roll.Script{c.script}
		lock, err := b.Lock(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Build(t.Context(), lock, nil)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if b.cfg.Store.Has(lock.Address()) {
			t.Errorf("%s: there is an image", name)
		}
	}
	if left, err := filepath.Glob(filepath.Join(b.cfg.Dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestLabUnknownPackages(t *testing.T) {
	b := labBuilder(t)
	r := recipe("nginx-light", "no-such-package", "another-missing", "mail-transport-agent")
	r.Origins = map[string]roll.Source{"no-such-package": {Roll: "web", File: "nodes/web.yaml", Line: 7}}
	_, err := b.Lock(t.Context(), r)
	refused, ok := errors.AsType[*fault.Error](err)
	if !ok || refused.Kind != fault.Invalid {
		t.Fatalf("got %v, want an invalid recipe", err)
	}
	for _, want := range []string{`"no-such-package"`, `"another-missing"`, `"mail-transport-agent"`, "rolls/web/nodes/web.yaml:7"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not name %s: %v", want, err)
		}
	}
	if len(refused.Details) != 3 {
		t.Errorf("%d details, want 3: %v", len(refused.Details), refused.Details)
	}
}

// boot starts the image once and waits for a login over ssh to be offered.
func boot(t *testing.T, store *Store, m Manifest) {
	t.Helper()
	needs.Program(t, "qemu-system-x86_64")
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	overlay := filepath.Join(t.TempDir(), "quarry-image.qcow2")
	path := func(name string) string {
		at, err := store.Path(m.Address, name)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if out, err := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", path(DiskFile), overlay, "4G").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", "-name", "quarry-image-test", "-nodefaults", "-no-user-config",
		"-display", "none", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-m", "512",
		"-kernel", path(KernelFile), "-initrd", path(InitrdFile), "-append", m.KernelArguments, "-serial", "stdio",
		"-drive", "file="+overlay+",format=qcow2,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
		"-netdev", "user,id=n,restrict=on,hostfwd=tcp:"+address+"-:22", "-device", "virtio-net-pci,netdev=n",
		"-device", "virtio-serial-pci", "-no-reboot")
	console, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); cmd.Wait() }()
	multiUser := make(chan bool, 1)
	var seen bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		sc := bufio.NewScanner(console)
		for sc.Scan() {
			line := strings.TrimSpace(sc.Text())
			seen.WriteString(line + "\n")
			t.Logf("%6.1fs serial: %s", time.Since(start).Seconds(), line)
			if strings.Contains(line, "multi-user at") {
				multiUser <- true
			}
		}
	}()
	banner := sshBanner(ctx, address)
	t.Logf("ssh banner %q after %s, %s of CPU", banner, time.Since(start), cpuTime(t, cmd.Process.Pid))
	if !strings.HasPrefix(banner, "SSH-2.0-") {
		t.Errorf("no ssh banner: %q", banner)
	}
	select {
	case <-multiUser:
	case <-ctx.Done():
		t.Error("multi-user was not reached")
	}
	if os.Getenv("QUARRY_TEST_BLAME") != "" {
		<-time.After(30 * time.Second)
	}
	cancel()
	<-read
	if strings.Contains(seen.String(), "UNIT LOAD") {
		t.Error("units failed")
	}
}

// cpuTime is what a process has used so far: other than the time of day, it
// can be compared on a busy machine.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')'):]))
	user, _ := strconv.Atoi(fields[12])
	system, _ := strconv.Atoi(fields[13])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// sshBanner asks again until somebody answers: an emulated machine is slow,
// and the forwarded port accepts before it is up.
func sshBanner(ctx context.Context, address string) string {
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			continue
		}
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		line, err := bufio.NewReader(conn).ReadString('\n')
		conn.Close()
		if err == nil {
			return strings.TrimSpace(line)
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return ""
}
