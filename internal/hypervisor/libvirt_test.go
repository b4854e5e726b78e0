package hypervisor

import (
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"libvirt.org/go/libvirtxml"

	"quarry/internal/fault"
)

func TestLibvirtThatIsDownIsUnavailable(t *testing.T) {
	l := NewLibvirt(LibvirtConfig{Socket: filepath.Join(t.TempDir(), "none")})
	if _, err := l.List(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("got %v", err)
	}
}

func TestLibvirtThatHangsIsGivenUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	listener, err := net.Listen("unix", path) // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := NewLibvirt(LibvirtConfig{Socket: path, Timeout: 20 * time.Millisecond})
	defer l.Close()
	for range 3 {
		if err := l.Remove(t.Context(), "a"); fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("got %v", err)
		}
	}
}

func TestLibvirtThatTalksNonsenseIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close() // as when it is killed just now
		}
	}()
	l := NewLibvirt(LibvirtConfig{Socket: path, Timeout: time.Second})
	defer l.Close()
	if _, err := l.Version(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("got %v", err)
	}
}

func TestDomainXML(t *testing.T) {
	g := sampleGuest("/var/lib/x", "farm.gateway.0123abcd")
	g.Kernel, g.Initrd, g.KernelArguments = "/k", "/i", `root=/dev/vda quiet "<&>"`
	g.NICs = []NIC{{Tap: "qta", MAC: "52:54:00:00:00:01"}, {Tap: "qtb", MAC: "52:54:00:00:00:02"}}
	read := func(g Guest, userspace bool) libvirtxml.Domain {
		t.Helper()
		raw, err := domainXML(g, userspace)
		if err != nil {
			t.Fatal(err)
		}
		var d libvirtxml.Domain
		if err := d.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		return d
	}

	d := read(g, true)
	if d.Type != "qemu" || d.CPU.Model.Value != tcgModel || d.OS.Cmdline != g.KernelArguments {
		t.Errorf("type %s, model %v, arguments %q", d.Type, d.CPU.Model, d.OS.Cmdline)
	}
	if !strings.Contains(d.Metadata.XML, metadataSpace) {
		t.Errorf("no mark in %q", d.Metadata.XML)
	}
	for _, i := range d.Devices.Interfaces {
		if i.Target.Managed != "no" || i.Driver == nil || i.Driver.Host.CSum != "off" || i.Driver.Guest.TSO4 != "off" {
			t.Errorf("interface %+v leaves something to hardware that is not there", i)
		}
	}
	if len(d.Devices.Interfaces) != 2 || len(d.Devices.Disks[0].Serial) != 20 {
		t.Errorf("%d interfaces, serial %q", len(d.Devices.Interfaces), d.Devices.Disks[0].Serial)
	}

	g.Accelerator, g.Channel = KVM, ""
	d = read(g, false)
	if d.Type != "kvm" || d.CPU.Mode != "host-passthrough" || d.Devices.Interfaces[0].Driver != nil || d.Devices.Channels != nil {
		t.Errorf("with kvm: type %s, CPU %+v, channels %v", d.Type, d.CPU, d.Devices.Channels)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	g := Guest{
		Name: "a/b", Disk: Disk{Path: "x"}, Kernel: "k", Channel: "/" + strings.Repeat("c", 107),
		NICs: []NIC{{Tap: "sixteen-letters-", MAC: "53:54:00:00:00:01"}},
	}
	err := g.Validate()
	for _, field := range []string{"name", "cpus", "memoryMiB", "disk.path", "disk.format", "accelerator", "kernel", "consoleLog", "channel", "nics[0].tap", "nics[0].mac"} {
		if err == nil || !strings.Contains(err.Error(), field+":") {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}
