package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// keepNetwork configures the host's links whenever one appears: when the host
// is wired up, and again after the rack was down. It calls usable once all of
// them work.
func (s *supervisor) keepNetwork(ctx context.Context, usable func()) {
	s.onLinkChange(ctx, func() error {
		if err := s.configureLinks(); err != nil {
			s.set(0, func(st *ServiceStatus) { st.State, st.Message = StateWaiting, err.Error() })
			return err
		}
		s.set(0, func(st *ServiceStatus) { st.State, st.Message = StateReady, "" })
		usable()
		return nil
	})
}

// onLinkChange calls f at once, after each change of the host's links, and
// again soon after it failed.
func (s *supervisor) onLinkChange(ctx context.Context, f func() error) {
	for ctx.Err() == nil {
		updates := make(chan netlink.LinkUpdate, 64)
		done := make(chan struct{})
		if err := netlink.LinkSubscribe(updates, done); err != nil {
			s.log.ErrorContext(ctx, "watch links", "error", err)
			close(done)
			_ = sleep(ctx, time.Second)
			continue
		}
		s.followLinks(ctx, updates, f)
		close(done)
	}
}

// followLinks returns when ctx or the updates end.
func (s *supervisor) followLinks(ctx context.Context, updates <-chan netlink.LinkUpdate, f func() error) {
	for {
		var again <-chan time.Time
		if f() != nil {
			again = time.After(pollEvery)
		}
		select {
		case <-ctx.Done():
			return
		case _, ok := <-updates:
			if !ok {
				return
			}
			settle(updates)
		case <-again:
		}
	}
}

// settle takes what else has arrived, so that a burst is one change.
func settle(updates <-chan netlink.LinkUpdate) {
	for {
		select {
		case _, ok := <-updates:
			if !ok {
				return
			}
		case <-time.After(20 * time.Millisecond):
			return
		}
	}
}

// configureLinks brings up loopback and the planned links. It only changes
// what differs, or each change would bring the next.
func (s *supervisor) configureLinks() error {
	if err := linkUp("lo"); err != nil {
		return err
	}
	var problems []error
	for _, l := range s.host.Links {
		if err := s.configureLink(l); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", l.Name, err))
		}
	}
	return errors.Join(problems...)
}

func (s *supervisor) configureLink(l link) error {
	dev, err := netlink.LinkByName(l.Name)
	if err != nil {
		return err
	}
	index := dev.Attrs().Index
	if s.linkOf(l.Name) == index {
		return nil
	}
	if l.Address != "" {
		if err := setAddress(dev, l.Address); err != nil {
			return err
		}
	}
	if err := s.plainChecksums(l.Name); err != nil {
		return err
	}
	if err := linkUp(l.Name); err != nil {
		return err
	}
	// The rack brings up its end once it is plugged in.
	if dev.Attrs().RawFlags&unix.IFF_LOWER_UP == 0 {
		return errors.New("not plugged in")
	}
	if s.linkOf(l.Name) != 0 {
		if err := s.replaceUplink(l); err != nil {
			return err
		}
	}
	s.setLink(l.Name, index)
	return nil
}

// replaceUplink makes Open vSwitch see that a device of the same name is
// another one: it would go on listening to the old one. It takes two
// transactions, since one whose outcome looks the same changes nothing.
func (s *supervisor) replaceUplink(l link) error {
	if l.Bridge == "" {
		return nil
	}
	if err := s.command("ovs-vsctl", "--timeout=10", "--if-exists", "del-port", l.Bridge, l.Name); err != nil {
		return err
	}
	return s.command(append([]string{"ovs-vsctl", "--timeout=10"}, addUplink(l)...)...)
}

// plainChecksums makes the device send finished checksums: the userspace
// datapath of Open vSwitch passes unfinished ones on, and TCP hangs.
func (s *supervisor) plainChecksums(dev string) error {
	if s.host.Datapath != datapathUser {
		return nil
	}
	return s.command("ethtool", "-K", dev, "tx", "off")
}

func linkUp(name string) error {
	dev, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	if dev.Attrs().Flags&net.FlagUp != 0 {
		return nil
	}
	if err := netlink.LinkSetUp(dev); err != nil {
		return fmt.Errorf("bring %s up: %w", name, err)
	}
	return nil
}

func setAddress(dev netlink.Link, cidr string) error {
	addr, err := netlink.ParseAddr(cidr)
	if err != nil {
		return err
	}
	if err := netlink.AddrReplace(dev, addr); err != nil {
		return fmt.Errorf("set address %s: %w", cidr, err)
	}
	return nil
}
