package agent

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/pnode"
	"quarry/internal/vnode"
)

// Key names a vnode on this pnode.
type Key struct {
	Cluster string // ID
	Vnode   string
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Vnode, b.Vnode))
}

// wanted is a vnode that has to run, with what it needs to know of its cluster.
type wanted struct {
	guest string // the hypervisor's name for it
	vnode pnode.Vnode
	nics  []nic
	// assembled: every vnode of its cluster is up.
	assembled bool
	notices   []vnode.Notice
}

// actual is what is there of all clusters.
type actual struct {
	present  []Key    // vnodes of which something is there
	clusters []string // clusters of which something is or was there and that are not gone
	// superseded are vnodes that run elsewhere now, by the incarnation here.
	superseded map[Key]int
}

// plan is what has to be, now. Executing it needs no further decision.
type plan struct {
	run map[Key]wanted
	end []Key
	// early are those of end whose clusters go on without them.
	early map[Key]bool
	ports []port
	// gone are clusters of which nothing is left but their ports.
	gone []string
	// next is when the plan changes by itself; zero: never.
	next time.Time
}

type tapNamer func(clusterID, vnode, network string) string

// makePlan decides what has to be at an instant. The outside leg of a cluster
// is open from OpenAt (if the manager had evidence) until CloseAt, whatever
// else is going on; ports stay until their vnode is gone. Nothing is ended
// because of the time while it is not sure.
func makePlan(d pnode.Desired, a actual, tap tapNamer, now time.Time, sure bool) plan {
	p := plan{run: map[Key]wanted{}, early: map[Key]bool{}}
	present := map[Key]bool{}
	inCluster := map[string]bool{}
	for _, k := range a.present {
		present[k] = true
		inCluster[k.Cluster] = true
	}
	known := map[Key]bool{}
	for _, c := range d.Clusters {
		over := !now.Before(c.CloseAt)
		open := c.Open && !now.Before(c.OpenAt) && !over
		over = over && sure
		for _, v := range c.Vnodes {
			key := Key{c.ID, v.Name}
			p.early[key] = v.End && !over
			over := over || v.End
			if over && !present[key] {
				continue
			}
			if old, twin := a.superseded[key]; twin && old == v.Incarnation {
				continue // it ends as one that is not wanted
			}
			known[key] = true
			ports := portsOf(c, v, open, tap)
			p.ports = append(p.ports, ports...)
			if over {
				p.end = append(p.end, key)
				continue
			}
			p.run[key] = wanted{guest: guestName(c, v.Name), vnode: v, nics: nicsOf(ports), assembled: c.Assembled, notices: c.Notices}
			inCluster[c.ID] = true
		}
		if over && !inCluster[c.ID] {
			p.gone = append(p.gone, c.ID)
		}
		p.due(c.CloseAt, now)
		if c.Open {
			p.due(c.OpenAt, now)
		}
	}
	for _, k := range a.present {
		if !known[k] {
			p.end = append(p.end, k)
		}
	}
	for _, id := range a.clusters {
		wanted := slices.ContainsFunc(d.Clusters, func(c pnode.Cluster) bool { return c.ID == id })
		if !wanted && !inCluster[id] {
			p.gone = append(p.gone, id)
		}
	}
	slices.SortFunc(p.end, compareKeys)
	slices.SortFunc(p.ports, func(a, b port) int { return cmp.Compare(a.Tap, b.Tap) })
	slices.Sort(p.gone)
	p.gone = slices.Compact(p.gone)
	return p
}

func (p *plan) due(at, now time.Time) {
	if at.After(now) && (p.next.IsZero() || at.Before(p.next)) {
		p.next = at
	}
}

func portsOf(c pnode.Cluster, v pnode.Vnode, open bool, tap tapNamer) []port {
	var ports []port
	for _, leg := range v.Identity.Legs {
		p := port{
			Tap: tap(c.ID, v.Name, leg.Network), MAC: leg.MAC, VLAN: c.VLAN, Open: true,
			Router: v.Appliance == cluster.Gateway, key: Key{c.ID, v.Name},
		}
		if prefix, err := netip.ParsePrefix(leg.Address); err == nil {
			p.Addresses = []string{prefix.Addr().String()}
		}
		if leg.Network == cluster.OutsideNetwork {
			p.Outside, p.VLAN, p.Router, p.Open = true, 0, false, open
		}
		ports = append(ports, p)
	}
	return ports
}

func nicsOf(ports []port) []nic {
	var nics []nic
	for _, p := range ports {
		nics = append(nics, nic{Tap: p.Tap, MAC: p.MAC})
	}
	return nics
}

// guestName is the hypervisor's name of a vnode. Names of clusters may come
// again, so part of the ID is in it.
func guestName(c pnode.Cluster, vnode string) string {
	return c.Name + "." + vnode + guestSuffix(c.ID)
}

// ofCluster says whether a guest's name is one of a cluster's.
func ofCluster(guest, id string) bool { return strings.HasSuffix(guest, guestSuffix(id)) }

func guestSuffix(id string) string { return "." + id[:min(8, len(id))] }
