//go:build lab

package fabric

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"quarry/internal/needs"
)

// TestMain runs the tests in namespaces of their own: taps, bridges and
// daemons end with them.
func TestMain(m *testing.M) {
	if os.Getenv("QUARRY_FABRIC_INSIDE") != "" || os.Getuid() != 0 {
		os.Exit(m.Run())
	}
	args := append([]string{
		"--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
		"--propagation", "private", os.Args[0],
	}, os.Args[1:]...)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), "QUARRY_FABRIC_INSIDE=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pnode is a network namespace with an Open vSwitch of its own.
type pnode struct {
	fabric   *Fabric
	dir      string
	ns       *os.File
	vswitchd *exec.Cmd
}

func needLab(t testing.TB) {
	t.Helper()
	needs.Root(t)
	for _, program := range []string{"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "nft", "ip"} {
		needs.Program(t, program)
	}
}

// newPnode makes a pnode with both bridges and no uplinks.
func newPnode(t testing.TB) *pnode {
	t.Helper()
	needLab(t)
	dir, err := os.MkdirTemp("", "quarry-ovs-") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	p := &pnode{dir: dir, ns: newNamespace(t)}
	t.Cleanup(func() {
		p.ns.Close()
		os.RemoveAll(dir)
	})
	p.run(t, "ip", "link", "set", "lo", "up")
	p.run(t, "ovsdb-tool", "create", p.path("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	p.daemon(t, "ovsdb-server", "--remote=punix:"+p.path("db.sock"), "--pidfile", p.path("conf.db"))
	eventually(t, "the database listens", func() bool {
		_, err := os.Stat(p.path("db.sock"))
		return err == nil
	})
	p.vsctl(t, "--no-wait", "init")
	p.startSwitch(t)
	for _, b := range []string{BridgeSite, BridgeOutside} {
		p.vsctl(t, "add-br", b, "--", "set", "bridge", b, "datapath_type=netdev")
		p.run(t, "ip", "link", "set", b, "up")
	}
	p.fabric = New(Config{OVSDB: "unix:" + p.path("db.sock")})
	t.Cleanup(p.fabric.Close)
	return p
}

func (p *pnode) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pnode) startSwitch(t testing.TB) {
	t.Helper()
	p.vswitchd = p.daemon(t, "ovs-vswitchd", "--pidfile", "-vconsole:warn", "unix:"+p.path("db.sock"))
}

func (p *pnode) vsctl(t testing.TB, args ...string) string {
	t.Helper()
	return p.run(t, "ovs-vsctl", append([]string{"--db=unix:" + p.path("db.sock")}, args...)...)
}

func (p *pnode) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+p.dir, "OVS_DBDIR="+p.dir, "OVS_LOGDIR="+p.dir, "OVS_SYSCONFDIR="+p.dir)
	return cmd
}

func (p *pnode) run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out []byte
	var err error
	p.inside(func() { out, err = p.command(name, args...).CombinedOutput() })
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (p *pnode) daemon(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := p.command(name, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	p.inside(func() { err = cmd.Start() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", name, log.Bytes()[max(0, log.Len()-4000):])
		}
	})
	return cmd
}

// inside runs f in the pnode's network namespace.
func (p *pnode) inside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with us
		if err := unix.Setns(int(p.ns.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err)
		}
		f()
	}()
	<-done
}

func newNamespace(t testing.TB) *os.File {
	t.Helper()
	var ns *os.File
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			ns, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		}
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func (p *pnode) setup(t testing.TB) {
	t.Helper()
	var err error
	p.inside(func() { err = p.fabric.Setup(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pnode) apply(t testing.TB, ports ...Port) {
	t.Helper()
	var err error
	p.inside(func() { err = p.fabric.Apply(t.Context(), ports) })
	if err != nil {
		t.Fatal(err)
	}
}

// uplink adds a trunk whose far end the test holds.
func (p *pnode) uplink(t testing.TB, bridge, name string) *wire {
	t.Helper()
	w := p.open(t, name)
	p.run(t, "ip", "link", "set", name, "up")
	p.vsctl(t, "add-port", bridge, name, "--", "set", "port", name, "external_ids:quarry-uplink=true")
	return w
}

// cable joins two pnodes by an Ethernet pair of that name.
func (p *pnode) cable(t testing.TB, other *pnode, name string) {
	t.Helper()
	var err error
	p.inside(func() {
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name, PeerNamespace: netlink.NsFd(int(other.ns.Fd()))}
		err = netlink.LinkAdd(pair)
	})
	if err != nil {
		t.Fatalf("cable %s: %v", name, err)
	}
	p.run(t, "ip", "link", "set", name, "up")
	other.run(t, "ip", "link", "set", name, "up")
}

// eventually waits until condition holds, asking again every 10 ms.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if <-tick.C; time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
