package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
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
	log, err := os.OpenFile(filepath.Join(insideHost, "log", "ports.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		s.log.ErrorContext(ctx, "open the log of the rack's ports", "error", err)
		return
	}
	defer log.Close()
	plugged := map[string]int{} // trunk ports, with the number of the device
	s.onLinkChange(ctx, func() error {
		err := s.plugAll(log, plugged)
		if err != nil {
			s.log.WarnContext(ctx, "plug in links", "error", err)
		}
		return err
	})
}

func (s *supervisor) plugAll(log *os.File, plugged map[string]int) error {
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
			problems = append(problems, s.plugTrunk(log, dev, plugged))
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
func (s *supervisor) plugTrunk(log *os.File, dev netlink.Link, plugged map[string]int) error {
	name, index := dev.Attrs().Name, dev.Attrs().Index
	if plugged[name] == index && dev.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	if err := s.plainChecksums(name); err != nil {
		return err
	}
	if err := linkUp(name); err != nil {
		return err
	}
	err := s.reaper.command(log, "ovs-vsctl", "--timeout=10", "--if-exists", "del-port", rackTrunk, name,
		"--", "add-port", rackTrunk, name)
	if err != nil {
		return fmt.Errorf("plug %s into the rack switch: %w", name, err)
	}
	plugged[name] = index
	return nil
}
