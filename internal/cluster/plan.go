package cluster

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// firstHost is the offset of the first node beside the gateway in the private
// range; the gateway itself has offset 1.
const firstHost = 10

// PlanNodes lists the vnodes of a valid, complete spec with their names,
// sizes, private addresses and MACs, the gateway first. id is the cluster's:
// MACs are drawn from it, so that they are the same however often it is asked.
func PlanNodes(id string, s Spec) ([]Node, error) {
	prefix, err := netip.ParsePrefix(s.Network)
	if err != nil {
		return nil, fmt.Errorf("private network of %s: %w", s.Name, err)
	}
	var nodes []Node
	offset := firstHost
	for _, g := range s.Nodes {
		for i := range g.Count {
			name, at := g.nodeName(i), offset
			if g.Appliance == Gateway {
				at = 1
			} else {
				offset++
			}
			nodes = append(nodes, Node{
				Name: name, Appliance: g.Appliance, State: NodePending,
				CPUs: g.CPUs, MemoryMiB: g.MemoryMiB, DiskMiB: g.DiskMiB,
				Addresses: []Address{{Network: PrivateNetwork, Address: hostAddress(prefix, at), MAC: MAC(id, name, PrivateNetwork)}},
			})
		}
	}
	return nodes, nil
}

// AddNodes adds vnodes of an appliance that the cluster has already, of the
// same size, at the lowest private addresses that are free. Names and addresses
// of the others stay. It is an error when the private range is full.
func AddNodes(c Cluster, appliance string, names []string) (Cluster, error) {
	last := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Appliance == appliance })
	if last < 0 {
		return c, fmt.Errorf("cluster %s has no nodes of appliance %q", c.Name, appliance)
	}
	prefix, err := netip.ParsePrefix(c.Spec.Network)
	if err != nil {
		return c, fmt.Errorf("private network of %s: %w", c.Name, err)
	}
	taken := map[string]bool{}
	for i, n := range c.Nodes {
		taken[n.Leg(PrivateNetwork).Address] = true
		if n.Appliance == appliance {
			last = i
		}
	}
	like := c.Nodes[last]
	offset := firstHost
	var more []Node
	for _, name := range names {
		for taken[hostAddress(prefix, offset)] {
			offset++
		}
		address := hostAddress(prefix, offset)
		if offset > 1<<(32-prefix.Bits())-2 {
			return c, fmt.Errorf("%w: %s has no address for %s", ErrNetworkFull, prefix, name)
		}
		taken[address] = true
		more = append(more, Node{
			Name: name, Appliance: appliance, State: NodePending, Joining: c.State.Begun(),
			CPUs: like.CPUs, MemoryMiB: like.MemoryMiB, DiskMiB: like.DiskMiB,
			Addresses: []Address{{Network: PrivateNetwork, Address: address, MAC: MAC(c.ID, name, PrivateNetwork)}},
		})
	}
	c.Nodes = slices.Insert(slices.Clone(c.Nodes), last+1, more...)
	return c, nil
}

// ErrNetworkFull says that a private range has no address left.
var ErrNetworkFull = errors.New("the private network is full")

// Hosts are the names of a group's vnodes.
func (g Group) Hosts() []string {
	var names []string
	for i := range min(g.Count, MaxNodes) {
		names = append(names, g.nodeName(i))
	}
	return names
}

// nodeName is the name of a group's i-th vnode.
func (g Group) nodeName(i int) string {
	if g.Appliance == Gateway {
		return Gateway
	}
	return fmt.Sprintf("%s-%d", g.Appliance, i)
}

// MAC returns the locally administered MAC of one leg of a vnode.
func MAC(clusterID, vnode, network string) string {
	h := sha256.Sum256([]byte(clusterID + "/" + vnode + "/" + network))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", h[0], h[1], h[2], h[3], h[4])
}

func hostAddress(prefix netip.Prefix, offset int) string {
	a := prefix.Masked().Addr().As4()
	n := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	n += uint32(offset)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}

// Leg returns the node's address in a network, or a zero Address.
func (n Node) Leg(network string) Address {
	for _, a := range n.Addresses {
		if a.Network == network {
			return a
		}
	}
	return Address{}
}

// Live reports whether the cluster's window is still to come or running: its
// name is taken.
func (s State) Live() bool {
	return s != Ended && s != Failed && s != Cancelled
}

// waits reports whether nothing of the cluster was begun yet.
func (s State) waits() bool { return s == Held || s == Booked }

// Begun reports whether vnodes of the cluster are made, or were.
func (s State) Begun() bool { return !s.waits() }

// Aside reports whether the cluster is ready without the vnode: one that is
// joining or leaving it.
func (n Node) Aside() bool { return n.Joining || n.Leaving }

// over reports whether the cluster is to be stopped and wiped.
func (s State) over() bool { return s == Ending || !s.Live() }
