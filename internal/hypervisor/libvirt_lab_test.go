//go:build lab

package hypervisor

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"quarry/internal/needs"
)

// host runs a libvirtd of its own in private mount, network and process
// namespaces, and starts it again whenever it ends. Ending unshare ends all.
const host = `set -e
mkdir -p "$1/run" "$1/lib" "$1/cache" "$1/etc" "$1/log"
cp -r /etc/libvirt/. "$1/etc/"
cat > "$1/etc/qemu.conf" <<EOF
security_driver = "none"
user = "root"
group = "root"
remember_owner = 0
cgroup_controllers = []
stdio_handler = "file"
EOF
echo 'auth_unix_rw = "none"' > "$1/etc/libvirtd.conf"
rm -rf "$1/etc/qemu/networks/autostart"
mkdir -p /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt
mount --bind "$1/run" /run/libvirt
mount --bind "$1/lib" /var/lib/libvirt
mount --bind "$1/cache" /var/cache/libvirt
mount --bind "$1/etc" /etc/libvirt
mount --bind "$1/log" /var/log/libvirt
ip link set lo up
ip tuntap add dev qttest mode tap
set +e
while :; do libvirtd > "$1/libvirtd.log" 2>&1; done`

type libvirtHost struct {
	dir string
	top int // process id of unshare
}

func startHost(t *testing.T) *libvirtHost {
	t.Helper()
	needs.Program(t, "libvirtd")
	needs.Root(t)
	dir, err := os.MkdirTemp("", "quarry-libvirt-") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
		"--propagation", "private", "sh", "-c", host, "sh", dir)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "libvirtd.log"))
			t.Logf("host: %s\nlibvirtd: %s", output.String(), log)
		}
		os.RemoveAll(dir)
	})
	return &libvirtHost{dir: dir, top: cmd.Process.Pid}
}

func (h *libvirtHost) socket() string { return filepath.Join(h.dir, "run", "libvirt-sock") }

// find returns the processes of this host whose command line holds all words.
func (h *libvirtHost) find(t *testing.T, words ...string) []int {
	t.Helper()
	var found []int
	var walk func(pid int)
	walk = func(pid int) {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		matches := pid != h.top
		for _, w := range words {
			matches = matches && bytes.Contains(line, []byte(w))
		}
		if matches {
			found = append(found, pid)
		}
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
		for _, task := range tasks {
			raw, _ := os.ReadFile(task)
			for _, f := range strings.Fields(string(raw)) {
				child, _ := strconv.Atoi(f)
				walk(child)
			}
		}
	}
	walk(h.top)
	return found
}

func (h *libvirtHost) kill(t *testing.T, words ...string) {
	t.Helper()
	pids := h.find(t, words...)
	if len(pids) != 1 {
		t.Fatalf("processes with %q: %v, want one", words, pids)
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// eventually waits until condition holds, asking again every 20 ms.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func (h *libvirtHost) connect(t *testing.T) *Libvirt {
	t.Helper()
	l := NewLibvirt(LibvirtConfig{Socket: h.socket(), UserspaceSwitch: true})
	t.Cleanup(func() { l.Close() })
	eventually(t, "libvirtd answers", func() bool {
		_, err := l.Version(t.Context())
		return err == nil
	})
	return l
}

// guest boots the probe's kernel: it says that it lives, then sleeps.
func (h *libvirtHost) guest(t *testing.T, name string) Guest {
	t.Helper()
	g := sampleGuest(h.dir, name)
	g.Kernel = filepath.Join(h.dir, "probe")
	base := filepath.Join(h.dir, "base.raw")
	for path, content := range map[string][]byte{g.Kernel: probeKernel, base: make([]byte, mebibyte)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.Disk.Path = filepath.Join(h.dir, name+".qcow2")
	if err := CreateOverlay(t.Context(), base, g.Disk.Path, 16); err != nil {
		t.Fatal(err)
	}
	g.ConsoleLog = filepath.Join(h.dir, name+".log")
	g.Channel = filepath.Join(h.dir, name+".sock")
	return g
}

func TestLibvirtContract(t *testing.T) {
	h := startHost(t)
	l := h.connect(t)
	testContract(t, world{
		Hypervisor: l,
		guest: func(t *testing.T, name string) Guest {
			g := h.guest(t, name)
			if name == "test-a" {
				g.NICs = []NIC{{Tap: "qttest", MAC: "52:54:00:00:00:01"}}
			}
			return g
		},
		crash: func(t *testing.T, name string) {
			h.kill(t, "guest="+name+",")
			eventually(t, "libvirt sees the crash", func() bool {
				infos, err := l.List(t.Context())
				return err == nil && len(infos) == 1 && infos[0].State == Crashed
			})
		},
		foreign: func(t *testing.T, name string) {
			_, err := call(t.Context(), &l.link, func(c *golibvirt.Libvirt) (golibvirt.Domain, error) {
				return c.DomainDefineXML(`<domain type="qemu"><name>` + name + `</name><memory unit="MiB">64</memory>` +
					`<os><type>hvm</type></os></domain>`)
			})
			if err != nil {
				t.Fatal(err)
			}
		},
	})
	if left := h.find(t, "qemu-system"); len(left) != 0 {
		t.Errorf("processes left: %v", left)
	}
}

func TestLibvirtIsKilledAndGuestsLive(t *testing.T) {
	h := startHost(t)
	l := h.connect(t)
	g := h.guest(t, "test-a")
	if err := l.Start(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the guest lives", func() bool {
		console, _ := os.ReadFile(g.ConsoleLog)
		return bytes.Contains(console, []byte(probeMarker))
	})
	if conn, err := net.Dial("unix", g.Channel); err != nil {
		t.Errorf("the channel is not there: %v", err)
	} else {
		conn.Close()
	}
	before := h.find(t, "guest=test-a,")
	if !appends(t, before[0], g.ConsoleLog) {
		t.Error("the console log is not open for appending: RotateConsole would leave a hole")
	}

	h.kill(t, "libvirtd\x00")
	eventually(t, "libvirt answers again, over a new connection", func() bool {
		infos, err := l.List(t.Context())
		return err == nil && len(infos) == 1 && infos[0].State == Running
	})
	if err := l.Start(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if after := h.find(t, "guest=test-a,"); len(before) != 1 || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("guest is process %v, was %v", after, before)
	}
	if err := l.Remove(t.Context(), "test-a"); err != nil {
		t.Fatal(err)
	}
}

// appends reports whether a process has a file open in append mode.
func appends(t *testing.T, pid int, path string) bool {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); target != path {
			continue
		}
		info, _ := os.ReadFile(strings.Replace(fd, "/fd/", "/fdinfo/", 1))
		for line := range strings.Lines(string(info)) {
			if octal, found := strings.CutPrefix(line, "flags:"); found {
				flags, _ := strconv.ParseInt(strings.TrimSpace(octal), 8, 64)
				return flags&syscall.O_APPEND != 0
			}
		}
	}
	return false
}

func TestLibvirtThatIsStoppedDoesNotHoldUpCallers(t *testing.T) {
	h := startHost(t)
	l := h.connect(t)
	pids := h.find(t, "libvirtd\x00")
	if len(pids) != 1 {
		t.Fatalf("libvirtd is %v", pids)
	}
	syscall.Kill(pids[0], syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := l.List(ctx); err == nil {
		t.Error("a stopped libvirtd answers")
	}
	syscall.Kill(pids[0], syscall.SIGCONT)
	if _, err := l.List(t.Context()); err != nil {
		t.Error(err)
	}
}
