package guest

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Links is System's.
func (Machine) Links() (map[string]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	names := make(map[string]string, len(links))
	for _, l := range links {
		if a := l.Attrs(); len(a.HardwareAddr) > 0 {
			names[strings.ToLower(a.HardwareAddr.String())] = a.Name
		}
	}
	return names, nil
}

// Configure is System's. It speaks netlink itself: no network daemon is needed
// in the image, and nothing waits for one.
func (m Machine) Configure(n Network) error {
	if lo, err := netlink.LinkByName("lo"); err == nil {
		if err := netlink.LinkSetUp(lo); err != nil {
			return fmt.Errorf("raise lo: %w", err)
		}
	}
	for _, l := range n.Links {
		if err := configureLink(l); err != nil {
			return fmt.Errorf("link %s (%s): %w", l.Name, l.MAC, err)
		}
	}
	if !n.Gateway.IsValid() {
		return nil
	}
	return defaultRoute(n)
}

func configureLink(want Link) error {
	l, err := linkByMAC(want.MAC)
	if err != nil {
		return err
	}
	if l.Attrs().Name != want.Name {
		if err := rename(l, want.Name); err != nil {
			return err
		}
	}
	if err := setAddress(l, want.Address); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("raise: %w", err)
	}
	return nil
}

func linkByMAC(mac string) (netlink.Link, error) {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return nil, err
	}
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	for _, l := range links {
		if bytes.Equal(l.Attrs().HardwareAddr, hw) {
			return l, nil
		}
	}
	return nil, fmt.Errorf("no link with MAC %s", mac)
}

// rename gives a link its name; older kernels want it down for that.
func rename(l netlink.Link, name string) error {
	if err := netlink.LinkSetDown(l); err != nil {
		return fmt.Errorf("lower: %w", err)
	}
	if err := netlink.LinkSetName(l, name); err != nil {
		return fmt.Errorf("rename: %w", err)
	}
	return nil
}

// setAddress makes address the only global one of its family.
func setAddress(l netlink.Link, address netip.Prefix) error {
	family := netlink.FAMILY_V4
	if address.Addr().Is6() {
		family = netlink.FAMILY_V6
	}
	have, err := netlink.AddrList(l, family)
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	there := false
	for _, a := range have {
		if a.IPNet.String() == address.String() {
			there = true
			continue
		}
		if a.Scope == unix.RT_SCOPE_UNIVERSE {
			if err := netlink.AddrDel(l, &a); err != nil {
				return fmt.Errorf("remove address %s: %w", a.IPNet, err)
			}
		}
	}
	if there {
		return nil
	}
	ip := net.IPNet{IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), address.Addr().BitLen())}
	if err := netlink.AddrReplace(l, &netlink.Addr{IPNet: &ip}); err != nil {
		return fmt.Errorf("add address %s: %w", address, err)
	}
	return nil
}

// defaultRoute sends everything else to the gateway, by the link it is on. A
// router outside every link's prefix is reached by the first link.
func defaultRoute(n Network) error {
	via := n.Links[0]
	flags := int(netlink.FLAG_ONLINK)
	for _, l := range n.Links {
		if l.Address.Contains(n.Gateway) {
			via, flags = l, 0
			break
		}
	}
	l, err := linkByMAC(via.MAC)
	if err != nil {
		return err
	}
	bits := n.Gateway.BitLen()
	route := &netlink.Route{
		LinkIndex: l.Attrs().Index,
		Dst:       &net.IPNet{IP: make(net.IP, bits/8), Mask: net.CIDRMask(0, bits)},
		Gw:        n.Gateway.AsSlice(),
		Flags:     flags,
	}
	if err := netlink.RouteReplace(route); err != nil {
		return fmt.Errorf("default route by %s: %w", n.Gateway, err)
	}
	return nil
}
