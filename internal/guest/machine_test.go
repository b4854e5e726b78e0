package guest

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"quarry/internal/needs"
	"quarry/internal/vnode"
)

func TestNotifyReadyReachesSystemd(t *testing.T) {
	for name, socket := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@quarry-guest-test-" + filepath.Base(t.TempDir()) + t.Name(),
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if err := NotifyReady(socket); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 64)
			n, err := l.Read(b)
			if err != nil || string(b[:n]) != "READY=1" {
				t.Errorf("got %q, %v", b[:n], err)
			}
		})
	}
	if err := NotifyReady(""); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	if err := NotifyReady(filepath.Join(t.TempDir(), "nobody")); err == nil {
		t.Error("no error although nobody listens")
	}
}

func TestFindPort(t *testing.T) {
	root := t.TempDir()
	put := func(path, content string) {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := findPort(root); err == nil {
		t.Error("found a port where there is none")
	}
	put("sys/class/virtio-ports/vport1p1/name", "org.qemu.guest_agent.0\n")
	if _, err := findPort(root); err == nil {
		t.Error("took another port")
	}
	put("sys/class/virtio-ports/vport1p2/name", vnode.ChannelName+"\n")
	if got, err := findPort(root); err != nil || got != filepath.Join(root, "dev/vport1p2") {
		t.Errorf("got %q, %v", got, err)
	}
	put("dev/virtio-ports/"+vnode.ChannelName, "")
	if got, err := findPort(root); err != nil || got != filepath.Join(root, "dev/virtio-ports", vnode.ChannelName) {
		t.Errorf("got %q, %v", got, err)
	}
}

// inNamespace runs f on a thread with a network of its own, which dies with it.
func inNamespace(t *testing.T, f func()) {
	t.Helper()
	needs.Root(t)
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this function
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		needs.Missing(t, "needs a network namespace: %v", err)
	}
}

// addLinks makes two links, the ends of one cable.
func addLinks(t *testing.T, mac1, mac2 string) {
	t.Helper()
	hw1, err1 := net.ParseMAC(mac1)
	hw2, err2 := net.ParseMAC(mac2)
	cable := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "v1", HardwareAddr: hw1}, PeerName: "v2", PeerHardwareAddr: hw2}
	if err := errors.Join(err1, err2, netlink.LinkAdd(cable)); err != nil {
		t.Error(err)
	}
}

func addresses(t *testing.T, name string) []string {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return nil
	}
	if l.Attrs().Flags&net.FlagUp == 0 {
		t.Errorf("%s is down", name)
	}
	list, err := netlink.AddrList(l, netlink.FAMILY_V4)
	if err != nil {
		t.Error(err)
	}
	var out []string
	for _, a := range list {
		out = append(out, a.IPNet.String())
	}
	return out
}

func TestConfigureNamesAddressesAndRoutes(t *testing.T) {
	inNamespace(t, func() {
		addLinks(t, "52:54:00:00:00:01", "52:54:00:00:00:02")
		n := Network{
			Links: []Link{
				{MAC: "52:54:00:00:00:01", Name: "private0", Address: netip.MustParsePrefix("10.1.0.1/24")},
				{MAC: "52:54:00:00:00:02", Name: "outside0", Address: netip.MustParsePrefix("203.0.113.10/24")},
			},
			Gateway: netip.MustParseAddr("203.0.113.1"),
		}
		for round := range 2 {
			if err := (Machine{}).Configure(n); err != nil {
				t.Errorf("round %d: %v", round, err)
				return
			}
			if got := addresses(t, "private0"); !slices.Equal(got, []string{"10.1.0.1/24"}) {
				t.Errorf("private0 has %q", got)
			}
			if got := addresses(t, "outside0"); !slices.Equal(got, []string{"203.0.113.10/24"}) {
				t.Errorf("outside0 has %q", got)
			}
			addresses(t, "lo")
		}
		routes, err := netlink.RouteGet(net.IPv4(198, 51, 100, 1))
		if err != nil || len(routes) != 1 || !routes[0].Gw.Equal(net.IPv4(203, 0, 113, 1)) {
			t.Errorf("default route: %+v, %v", routes, err)
		}

		n.Links[0].Address = netip.MustParsePrefix("10.2.0.1/16") // a changed identity
		if err := (Machine{}).Configure(n); err != nil {
			t.Error(err)
		}
		if got := addresses(t, "private0"); !slices.Equal(got, []string{"10.2.0.1/16"}) {
			t.Errorf("private0 has %q after the change", got)
		}
		n.Gateway = netip.MustParseAddr("192.0.2.1") // on no link's network
		if err := (Machine{}).Configure(n); err != nil {
			t.Errorf("gateway off every link: %v", err)
		}
		links, err := Machine{}.Links()
		if err != nil || links["52:54:00:00:00:02"] != "outside0" {
			t.Errorf("links %v, %v", links, err)
		}
		n.Links[0].MAC = "52:54:00:00:00:99"
		if err := (Machine{}).Configure(n); err == nil {
			t.Error("no error although a link is missing")
		}
	})
}
