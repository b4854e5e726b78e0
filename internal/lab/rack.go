package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/vishvananda/netlink"
)

// The rack's switches: two plain bridges, and the Open vSwitch bridge "rack",
// which keeps the VLANs of the trunks apart.
const (
	rackMgmt    = "mgmt"
	rackOutside = "outside"
	rackTrunk   = "rack"
)

// keepPorts plugs each link that appears in the rack into its switch, once the
// switches are there.
func (s *supervisor) keepPorts(ctx context.Context, switches <-chan struct{}) {
	select {
	case <-ctx.Done():
		return
	case <-switches:
	}
	plugged := map[string]int{} // trunk ports, with the number of the device
	s.onLinkChange(ctx, func() error {
		err := s.plugAll(plugged)
		if err != nil {
			s.log.WarnContext(ctx, "plug in links", "error", err)
		}
		return err
	})
}

func (s *supervisor) plugAll(plugged map[string]int) error {
	for _, name := range []string{rackMgmt, rackOutside} {
		if err := ensureBridge(name); err != nil {
			return err
		}
	}
	devs, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list the rack's links: %w", err)
	}
	var problems []error
	for _, dev := range devs {
		switch name := dev.Attrs().Name; {
		case strings.HasPrefix(name, prefixMgmt):
			problems = append(problems, plugBridge(dev, rackMgmt))
		case strings.HasPrefix(name, prefixOutside):
			problems = append(problems, plugBridge(dev, rackOutside))
		case strings.HasPrefix(name, prefixTrunk):
			problems = append(problems, s.plugTrunk(dev, plugged))
		}
	}
	return errors.Join(problems...)
}

func ensureBridge(name string) error {
	if _, err := netlink.LinkByName(name); err != nil {
		if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}); err != nil {
			return fmt.Errorf("make bridge %s: %w", name, err)
		}
	}
	return linkUp(name)
}

func plugBridge(dev netlink.Link, bridge string) error {
	br, err := netlink.LinkByName(bridge)
	if err != nil {
		return err
	}
	if dev.Attrs().MasterIndex != br.Attrs().Index {
		if err := netlink.LinkSetMaster(dev, br); err != nil {
			return fmt.Errorf("plug %s into %s: %w", dev.Attrs().Name, bridge, err)
		}
	}
	return linkUp(dev.Attrs().Name)
}

// plugTrunk takes the port out and in again when its device is a new one.
func (s *supervisor) plugTrunk(dev netlink.Link, plugged map[string]int) error {
	name, index := dev.Attrs().Name, dev.Attrs().Index
	if plugged[name] == index && dev.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	if err := s.plainChecksums(name); err != nil {
		return err
	}
	// Two transactions, as for the uplink of a host.
	for _, argv := range [][]string{{"--if-exists", "del-port", rackTrunk, name}, {"add-port", rackTrunk, name}} {
		if err := s.command(append([]string{"ovs-vsctl", "--timeout=10"}, argv...)...); err != nil {
			return fmt.Errorf("plug %s into the rack switch: %w", name, err)
		}
	}
	plugged[name] = index
	return linkUp(name)
}
