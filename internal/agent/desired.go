package agent

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"

	"quarry/internal/cluster"
	"quarry/internal/fabric"
	"quarry/internal/pnode"
)

// label is what may become part of a path, a guest's name or a port's owner.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)

// parseDesired reads a desired state and checks it.
func parseDesired(raw []byte) (pnode.Desired, error) {
	var d pnode.Desired
	if err := json.Unmarshal(raw, &d); err != nil {
		return pnode.Desired{}, fmt.Errorf("read desired state: %w", err)
	}
	return d, checkDesired(d)
}

// checkDesired refuses a desired state as a whole when any part of it cannot
// be carried out: left out, that part would look like something to remove.
func checkDesired(d pnode.Desired) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	seen := map[string]bool{}
	macs := map[string]bool{}
	for _, c := range d.Clusters {
		if !label.MatchString(c.ID) || !label.MatchString(c.Name) {
			bad("cluster %q (%q): name or ID is not a label", c.Name, c.ID)
		}
		if seen[c.ID] {
			bad("cluster %q: twice", c.ID)
		}
		seen[c.ID] = true
		if c.VLAN < 1 || c.VLAN > fabric.MaxVLAN {
			bad("cluster %q: VLAN %d is not 1…%d", c.ID, c.VLAN, fabric.MaxVLAN)
		}
		if c.CloseAt.IsZero() {
			bad("cluster %q: it never closes", c.ID)
		}
		for _, v := range c.Vnodes {
			if err := checkVnode(v, macs); err != nil {
				bad("cluster %q: vnode %q: %w", c.ID, v.Name, err)
			}
			if seen[c.ID+"/"+v.Name] {
				bad("cluster %q: vnode %q: twice", c.ID, v.Name)
			}
			seen[c.ID+"/"+v.Name] = true
		}
	}
	for _, address := range d.Images {
		if !isAddress(address) {
			bad("image %q is not a content address", address)
		}
	}
	return errors.Join(errs...)
}

func checkVnode(v pnode.Vnode, macs map[string]bool) error {
	if !label.MatchString(v.Name) {
		return errors.New("name is not a label")
	}
	if v.CPUs < 1 || v.MemoryMiB < 1 || v.DiskMiB < 1 {
		return fmt.Errorf("size of %d CPUs, %d MiB of memory, %d MiB of disk is not positive", v.CPUs, v.MemoryMiB, v.DiskMiB)
	}
	if !isAddress(v.Image) {
		return fmt.Errorf("image %q is not a content address", v.Image)
	}
	networks := map[string]bool{}
	for _, leg := range v.Identity.Legs {
		mac, err := net.ParseMAC(leg.MAC)
		if err != nil || len(mac) != 6 || mac[0]&1 != 0 {
			return fmt.Errorf("leg %q: MAC %q is not one of a single interface", leg.Network, leg.MAC)
		}
		if leg.Network != cluster.PrivateNetwork && leg.Network != cluster.OutsideNetwork {
			return fmt.Errorf("leg %q: no such network", leg.Network)
		}
		if p, err := netip.ParsePrefix(leg.Address); err != nil || !p.Addr().Is4() {
			return fmt.Errorf("leg %q: %q is no IPv4 address with prefix length", leg.Network, leg.Address)
		}
		if networks[leg.Network] {
			return fmt.Errorf("leg %q: twice", leg.Network)
		}
		networks[leg.Network] = true
		if macs[mac.String()] {
			return fmt.Errorf("leg %q: MAC %q: twice", leg.Network, leg.MAC)
		}
		macs[mac.String()] = true
	}
	return nil
}

func isAddress(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 32
}
