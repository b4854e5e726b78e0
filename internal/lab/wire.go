package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// wire plugs all links of a host into the rack. A link that is whole is left
// alone; both ends are born in their namespaces, so none is ever seen elsewhere.
func wire(h host, pid, rackPID int) error {
	for _, l := range h.Links {
		if err := wireLink(l, pid, rackPID); err != nil {
			return fmt.Errorf("wire %s of host %s: %w", l.Name, h.Name, err)
		}
	}
	return nil
}

func wireLink(l link, pid, rackPID int) error {
	host, err := peerOf(pid, l.Name)
	if err != nil {
		return err
	}
	rack, err := peerOf(rackPID, l.Rack)
	if err != nil {
		return err
	}
	if host.index != 0 && rack.index != 0 && host.peer == rack.index && rack.peer == host.index {
		return nil
	}
	if err := errors.Join(unplug(pid, l.Name), unplug(rackPID, l.Rack)); err != nil {
		return err
	}
	mac, err := net.ParseMAC(l.MAC)
	if err != nil {
		return err
	}
	hostNet, err := os.Open("/proc/" + strconv.Itoa(pid) + "/ns/net")
	if err != nil {
		return err
	}
	defer hostNet.Close()
	rackNet, err := os.Open("/proc/" + strconv.Itoa(rackPID) + "/ns/net")
	if err != nil {
		return err
	}
	defer rackNet.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr, attrs.Namespace = l.Name, mac, netlink.NsFd(hostNet.Fd())
	err = netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: l.Rack, PeerNamespace: netlink.NsFd(rackNet.Fd())})
	if err != nil {
		return fmt.Errorf("make the link: %w", err)
	}
	return nil
}

// end is one end of a veth; index 0 means that there is none.
type end struct{ index, peer int }

func peerOf(pid int, name string) (e end, err error) {
	err = inside(pid, []string{"net"}, func() error {
		dev, err := netlink.LinkByName(name)
		if isNoLink(err) {
			return nil
		}
		if err != nil {
			return err
		}
		e = end{dev.Attrs().Index, dev.Attrs().ParentIndex}
		return nil
	})
	return e, err
}

func unplug(pid int, name string) error {
	return inside(pid, []string{"net"}, func() error {
		dev, err := netlink.LinkByName(name)
		if isNoLink(err) {
			return nil
		}
		if err != nil {
			return err
		}
		err = netlink.LinkDel(dev)
		if errors.Is(err, unix.ENODEV) {
			return nil
		}
		return err
	})
}

func isNoLink(err error) bool {
	_, ok := errors.AsType[netlink.LinkNotFoundError](err)
	return ok
}

// rootHost stands for the machine itself, whose one link leads into the
// management network.
func rootHost() host {
	return host{Name: "this machine", Links: []link{{
		Name: rootLink, Rack: prefixMgmt + "root", MAC: macOf("root", rootLink), Address: rootAddress,
	}}}
}

// wireRoot gives the machine its leg in the management network.
func wireRoot(rackPID int) error {
	h := rootHost()
	if err := wire(h, os.Getpid(), rackPID); err != nil {
		return err
	}
	dev, err := netlink.LinkByName(rootLink)
	if err != nil {
		return err
	}
	if err := setAddress(dev, rootAddress); err != nil {
		return err
	}
	return linkUp(rootLink)
}
