package fabric

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// addrGenNone is IN6_ADDR_GEN_MODE_NONE: no link-local address.
const addrGenNone = 1

// listLinks returns all interfaces of this machine by name.
func listLinks() (map[string]netlink.Link, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	byName := map[string]netlink.Link{}
	for _, l := range links {
		byName[l.Attrs().Name] = l
	}
	return byName, nil
}

// ensureTaps returns the ports whose taps are there and up, and why others
// are not. A tap lasts: it outlives the guests that use it.
func ensureTaps(there map[string]netlink.Link, want []Port) ([]Port, error) {
	var good []Port
	var errs []error
	for _, p := range want {
		if err := ensureTap(there[p.Tap], p.Tap); err != nil {
			errs = append(errs, fmt.Errorf("make tap %s of %s: %w", p.Tap, p.Vnode, err))
			continue
		}
		good = append(good, p)
	}
	return good, errors.Join(errs...)
}

func ensureTap(link netlink.Link, name string) error {
	if link != nil && link.Type() != "tuntap" {
		return fmt.Errorf("an interface of that name is a %s", link.Type())
	}
	if link == nil {
		tap := &netlink.Tuntap{
			LinkAttrs: netlink.LinkAttrs{Name: name},
			Mode:      netlink.TUNTAP_MODE_TAP,
			Flags:     netlink.TUNTAP_NO_PI | netlink.TUNTAP_VNET_HDR,
		}
		if err := netlink.LinkAdd(tap); err != nil {
			return err
		}
		link = tap
	}
	const upNoARP = 0x1 | 0x80 // IFF_UP, IFF_NOARP
	if link.Attrs().RawFlags&upNoARP == upNoARP {
		return nil
	}
	// The machine itself never speaks on a guest's wire, nor listens.
	if err := netlink.LinkSetIP6AddrGenMode(link, addrGenNone); err != nil {
		return fmt.Errorf("keep IPv6 off: %w", err)
	}
	if err := netlink.LinkSetARPOff(link); err != nil {
		return fmt.Errorf("keep ARP off: %w", err)
	}
	return netlink.LinkSetUp(link)
}

// condemned is the group of interfaces that removeTaps deletes.
const condemned = 0x71746465

// removeTaps deletes our taps that no wanted port has, of those that were
// there. It puts them into one group and deletes that: the kernel takes some
// 20 ms for each deletion, and no more for all at once.
func removeTaps(there map[string]netlink.Link, want []Port) error {
	keep := map[string]bool{}
	for _, p := range want {
		keep[p.Tap] = true
	}
	var errs []error
	var some bool
	for name, l := range there {
		if l.Type() != "tuntap" || !strings.HasPrefix(name, tapPrefix) || keep[name] {
			continue
		}
		if err := netlink.LinkSetGroup(l, condemned); err != nil {
			errs = append(errs, fmt.Errorf("remove tap %s: %w", name, err))
			continue
		}
		some = true
	}
	if !some {
		return errors.Join(errs...)
	}
	request := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(condemned)))
	if _, err := request.Execute(unix.NETLINK_ROUTE, 0); err != nil {
		errs = append(errs, fmt.Errorf("remove taps: %w", err))
	}
	return errors.Join(errs...)
}
