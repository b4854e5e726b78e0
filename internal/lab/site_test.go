//go:build lab

package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

// One site serves all of these: each leaves it as it found it.
func TestSite(t *testing.T) {
	f := newFixture(t)
	before := takeSnapshot(t)
	bootstrapped := 0
	o := f.options()
	o.Bootstrap = func(_ context.Context, c Credentials) error {
		bootstrapped++
		if c != (Credentials{Server: serverURL, Token: "first", CACertificate: "PEM"}) {
			t.Errorf("credentials are %+v", c)
		}
		return nil
	}
	f.up(o)
	spaces := namespacesOf(t, f.pids())
	for _, test := range []struct {
		name string
		run  func(*fixture)
	}{
		{"again", func(f *fixture) { upAgain(f, o) }},
		{"exec", execOnHosts},
		{"own files", ownFiles},
		{"management network", managementNetwork},
		{"internet", internet},
		{"trunk", trunkIsolates},
		{"services come back", servicesComeBack},
		{"orphans are collected", orphansAreCollected},
		{"guests survive libvirtd", guestsSurvive},
		{"pulled plug", pulledPlug},
		{"rack restart", rackRestart},
		{"another lab", anotherLab},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(&fixture{T: t, dir: f.dir, self: f.self}) })
	}
	if bootstrapped != 2 {
		t.Errorf("bootstrapped %d times, want 2", bootstrapped)
	}
	t.Logf("the lab's processes take %d MiB", residentMiB(t, spaces))
	for name := range namespacesOf(t, f.pids()) {
		spaces[name] = true
	}
	if err := Down(t.Context(), f.dir, false); err != nil {
		t.Fatalf("down: %v", err)
	}
	f.eventually("after down", func() string { return before.differs(t, f.dir, spaces) })
	if err := Down(t.Context(), f.dir, false); err != nil {
		t.Errorf("down again: %v", err)
	}
}

func upAgain(f *fixture, o Options) {
	was := f.pids()
	f.up(o)
	for name, pid := range f.pids() {
		if was[name] != pid {
			f.Errorf("host %s was started again", name)
		}
	}
	if st := f.status(); !st.Up || len(st.Hosts) != 6 {
		f.Errorf("status is %+v", st)
	}
	o.Pnodes = 1
	if err := Up(f.Context(), o); fault.KindOf(err) != fault.Refused {
		f.Errorf("shrinking: %v", err)
	}
}

func execOnHosts(f *fixture) {
	for _, tt := range []struct {
		argv []string
		code int
		out  string
	}{
		{[]string{"hostname"}, 0, "p1"},
		{[]string{"sh", "-c", "exit 7"}, 7, ""},
		{[]string{"sh", "-c", "kill -9 $$"}, 137, ""},
		{[]string{"cat"}, 0, "from outside"},
		{[]string{"sh", "-c", "readlink /proc/1/exe; exit 0"}, 0, f.self},
		{[]string{"sh", "-c", "test -c /dev/net/tun && echo yes"}, 0, "yes"},
	} {
		if code, out := f.exec("p1", tt.argv...); code != tt.code || out != tt.out {
			f.Errorf("%q: %d %q, want %d %q", tt.argv, code, out, tt.code, tt.out)
		}
	}
	code, err := Exec(f.Context(), f.dir, "p1", []string{"nonesuch"}, nil, nil, nil)
	if code != 127 || fault.KindOf(err) != fault.NotFound {
		f.Errorf("no such program: %d, %v", code, err)
	}
	if _, err := Exec(f.Context(), f.dir, "p99", []string{"true"}, nil, nil, nil); fault.KindOf(err) != fault.NotFound {
		f.Errorf("no such host: %v", err)
	}
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	if code, err := Exec(ctx, f.dir, "p1", []string{"sleep", "60"}, nil, nil, nil); code != 128+int(syscall.SIGTERM) {
		f.Errorf("a cancelled program: %d, %v", code, err)
	}
}

// ownFiles checks that hosts see their own files, the lab's and not each other's.
func ownFiles(f *fixture) {
	for _, dir := range []string{"/tmp", "/run", "/var/lib/quarry", "/etc/libvirt", "/etc/openvswitch", "/var/log/libvirt", "/dev/shm"} {
		f.must("p1", "sh", "-c", "echo mine > "+dir+"/quarry-test")
		if code, _ := f.exec("p2", "test", "-e", dir+"/quarry-test"); code == 0 {
			f.Errorf("p2 sees what p1 wrote to %s", dir)
		}
		if _, err := os.Stat(dir + "/quarry-test"); err == nil {
			f.Errorf("the machine sees what p1 wrote to %s", dir)
		}
		f.must("p1", "rm", dir+"/quarry-test")
	}
	if code, _ := f.exec("manager", "touch", "/var/lib/apt/lists/quarry-test"); code == 0 {
		f.Error("the manager writes to the machine's package lists")
	}
	f.must("outside", "test", "-e", filepath.Join(f.dir, "lab.json"))
}

func managementNetwork(f *fixture) {
	f.start("gw1", f.tool("test", "serve", "198.18.0.31:99")...)
	for _, from := range []string{"p1", "manager"} {
		f.eventually("gw1 from "+from, func() string {
			code, out := f.exec(from, f.tool("test", "dial", "gw1:99")...)
			if code == 0 {
				return ""
			}
			return out
		})
	}
	if out, err := exec.CommandContext(f.Context(), f.self, "test", "dial", managerAddress+":"+managerPort).CombinedOutput(); err != nil {
		f.Errorf("the manager from the machine: %v: %s", err, out)
	}
	if code, _ := f.exec("outside", f.tool("test", "dial", "198.18.0.31:99")...); code == 0 {
		f.Error("host outside reaches the management network")
	}
}

func internet(f *fixture) {
	name := aptHost(f.T)
	if err := exec.CommandContext(f.Context(), "getent", "hosts", name).Run(); name == "" || err != nil {
		f.Skip("the machine itself does not resolve the name of its package source")
	}
	f.must("manager", "getent", "hosts", name)
	if code, out := f.exec("p1", "getent", "hosts", name); code == 0 {
		f.Errorf("a pnode has a resolver: %s", out)
	}
}

// trunkPort gives a host an address in a VLAN of the trunk. The flow stands in
// for those of an agent, and both go with the host's Open vSwitch.
func (f *fixture) trunkPort(host string, vlan, number int) {
	f.Helper()
	name, n := "v"+itoa(vlan), itoa(number)
	f.must(host, "ovs-ofctl", "add-flow", "br-site", "actions=NORMAL")
	f.must(host, "ovs-vsctl", "--may-exist", "add-port", "br-site", name, "tag="+itoa(vlan),
		"--", "set", "Interface", name, "type=internal", `mac="02:99:00:00:00:0`+n+`"`)
	f.must(host, "ethtool", "-K", name, "tx", "off")
	f.must(host, "ip", "addr", "replace", "10.99.0."+n+"/24", "dev", name)
	f.must(host, "ip", "link", "set", name, "up")
}

// trunkIsolates gives p1, p2 and gw1 ports in VLANs and tries them with TCP.
func trunkIsolates(f *fixture) {
	f.trunkPort("p1", 10, 1)
	f.trunkPort("p2", 10, 2)
	f.trunkPort("gw1", 20, 3)
	f.start("p2", f.tool("test", "serve", "10.99.0.2:99")...)
	f.start("gw1", f.tool("test", "serve", "10.99.0.3:99")...)
	f.eventually("the same VLAN", func() string { return f.dialTrunk("10.99.0.2:99") })
	if f.dialTrunk("10.99.0.3:99") == "" {
		f.Error("VLAN 10 reaches VLAN 20")
	}
	// The same address in the other VLAN must not answer for it.
	f.must("gw1", "ip", "addr", "add", "10.99.0.9/24", "dev", "v20")
	if f.dialTrunk("10.99.0.9:99") == "" {
		f.Error("VLAN 10 reaches a second address in VLAN 20")
	}
}

// dialTrunk says what is wrong with TCP from p1.
func (f *fixture) dialTrunk(address string) string {
	if code, out := f.exec("p1", f.tool("test", "dial", address)...); code != 0 {
		return out
	}
	return ""
}

func (f *fixture) service(host, name string) ServiceStatus {
	for _, h := range f.status().Hosts {
		for _, s := range h.Services {
			if h.Name == host && s.Name == name {
				return s
			}
		}
	}
	return ServiceStatus{}
}

func servicesComeBack(f *fixture) {
	for _, tt := range []struct{ host, service string }{
		{"p1", "agent"},
		{"p1", "libvirtd"},
		{"p1", "ovs-vswitchd"},
		{"p1", "ovsdb-server"},
		{"manager", "manager"},
		{"manager", "internet"},
	} {
		was := f.service(tt.host, tt.service)
		f.must(tt.host, "kill", "-9", itoa(was.PID))
		f.eventually(tt.service+" on "+tt.host, func() string {
			now := f.service(tt.host, tt.service)
			if now.State == StateReady && now.PID != was.PID && now.Restarts == was.Restarts+1 {
				return ""
			}
			return string(now.State) + " " + now.Message
		})
	}
	if message := f.service("p1", "agent").Message; message != "killed by SIGKILL" {
		f.Errorf("why the agent ended: %q", message)
	}
}

func orphansAreCollected(f *fixture) {
	f.must("p1", "sh", "-c", "(sleep 0.01 & sleep 0.01 & true) & true")
	f.eventually("zombies", func() string {
		out := f.must("p1", "ps", "-eo", "stat,args")
		if strings.Contains(out, "<defunct>") {
			return out
		}
		return ""
	})
}

const guestXML = `<domain type='qemu'><name>quarry-test</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices><memballoon model='none'/></devices></domain>`

func guestsSurvive(f *fixture) {
	f.must("p1", "sh", "-c", "cat > /tmp/guest.xml <<'X'\n"+guestXML+"\nX")
	f.must("p1", "virsh", "-c", "qemu:///system", "create", "/tmp/guest.xml")
	guest := f.must("p1", "cat", "/run/libvirt/qemu/quarry-test.pid")
	was := f.service("p1", "libvirtd")
	f.must("p1", "kill", "-9", itoa(was.PID))
	f.eventually("the guest", func() string {
		code, out := f.exec("p1", "virsh", "-c", "qemu:///system", "domstate", "quarry-test")
		if code == 0 && out == "running" {
			return ""
		}
		return out
	})
	if now := f.must("p1", "cat", "/run/libvirt/qemu/quarry-test.pid"); now != guest {
		f.Errorf("the guest's process was %s and is %s", guest, now)
	}
	f.must("p1", "kill", "-0", guest)
	defer func() {
		if f.Failed() {
			f.Log(tail(serviceLog(layout(f.dir), "p1", "libvirtd")))
		}
	}()
	// While it takes the guest over, libvirtd may say that there is none after
	// it has ended it: what counts is that it is gone.
	f.exec("p1", "virsh", "-c", "qemu:///system", "destroy", "quarry-test")
	f.eventually("the end of the guest", func() string {
		if code, _ := f.exec("p1", "kill", "-0", guest); code == 0 {
			return "it runs"
		}
		return ""
	})
}

func pulledPlug(f *fixture) {
	f.must("p2", "sh", "-c", "echo kept > /var/lib/quarry/kept; echo lost > /run/lost")
	pid := f.pids()["p2"]
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		f.Fatal(err)
	}
	f.eventually("p2 down", func() string {
		if _, ok := f.pids()["p2"]; ok {
			return "still up"
		}
		return ""
	})
	if f.status().Up {
		f.Error("the lab is up without p2")
	}
	if err := StartHost(f.Context(), f.dir, "p2"); err != nil {
		f.Fatal(err)
	}
	if got := f.must("p2", "cat", "/var/lib/quarry/kept"); got != "kept" {
		f.Errorf("the disk holds %q", got)
	}
	if code, _ := f.exec("p2", "test", "-e", "/run/lost"); code == 0 {
		f.Error("/run outlived its host")
	}
	if err := KillHost(f.Context(), f.dir, "p99"); fault.KindOf(err) != fault.NotFound {
		f.Errorf("no such host: %v", err)
	}
	f.serveTrunkAgain()
}

// serveTrunkAgain brings back the ports of trunkIsolates in VLAN 10.
func (f *fixture) serveTrunkAgain() {
	f.trunkPort("p1", 10, 1)
	f.trunkPort("p2", 10, 2)
	f.start("p2", f.tool("test", "serve", "10.99.0.2:99")...)
	f.eventually("the trunk", func() string { return f.dialTrunk("10.99.0.2:99") })
}

func rackRestart(f *fixture) {
	ports := f.must("p1", "ovs-vsctl", "get", "Interface", "trunk0", "ofport")
	if err := KillHost(f.Context(), f.dir, "rack"); err != nil {
		f.Fatal(err)
	}
	if f.dialTrunk("10.99.0.2:99") == "" {
		f.Error("the trunk works without a rack")
	}
	if err := StartHost(f.Context(), f.dir, "rack"); err != nil {
		f.Fatal(err)
	}
	f.eventually("the trunk", func() string { return f.dialTrunk("10.99.0.2:99") })
	if now := f.must("p1", "ovs-vsctl", "get", "Interface", "trunk0", "ofport"); now != ports {
		f.Errorf("the uplink's port was %s and is %s", ports, now)
	}
}

func anotherLab(f *fixture) {
	o := f.options()
	o.Dir += "2"
	if err := Up(f.Context(), o); fault.KindOf(err) != fault.Conflict {
		f.Errorf("a second lab: %v", err)
	}
	if err := Down(f.Context(), o.Dir, true); err != nil {
		f.Error(err)
	}
	if !slices.Contains(linkNames(f.T), rootLink) {
		f.Error("taking down no lab unplugged this one")
	}
}
