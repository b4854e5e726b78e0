package manager

import (
	"slices"
	"strconv"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/quota"
)

// The site's pools in the calendar.
const (
	vlanPool    = "vlan"
	addressPool = quota.AddressPool
)

// pools are the VLANs and the outside addresses.
func (s Site) pools() []calendar.Pool {
	vlans, addresses := calendar.Pool{Name: vlanPool}, calendar.Pool{Name: addressPool}
	for v := s.VLANFirst; v <= s.VLANLast; v++ {
		vlans.Units = append(vlans.Units, strconv.Itoa(v))
	}
	first, last := s.pool()
	for a := first; a.IsValid() && !last.Less(a); a = a.Next() {
		addresses.Units = append(addresses.Units, a.String())
	}
	return []calendar.Pool{vlans, addresses}
}

// requestOf is what a cluster asks of the calendar: neighbours in its list of
// nodes that are alike are one group.
func requestOf(c cluster.Cluster) calendar.Request {
	r := calendar.Request{
		ID: c.ID, Tenant: c.Tenant, Name: c.Name, Start: c.Start, End: c.End,
		Prepare: max(0, c.Start.Sub(c.PrepareAt)), Wipe: wipeTimeOf(c),
		Pools:      []calendar.Need{{Pool: vlanPool, Count: 1}, {Pool: addressPool, Count: 1}},
		BestEffort: c.Spec.BestEffort,
		Policy:     c.Spec.Policy, Together: c.Spec.Together,
	}
	if !r.End.After(r.Start) { // ended or cancelled before its start
		r.Start, r.Prepare = r.End.Add(-time.Second), 0
	}
	for _, n := range c.Nodes {
		size := nodeSize(n)
		last := len(r.Groups) - 1
		if last < 0 || r.Groups[last].Appliance != n.Appliance || r.Groups[last].Size != size {
			r.Groups = append(r.Groups, calendarGroup(c.Spec.Group(n.Appliance), n.Appliance, size))
			last++
		}
		g := &r.Groups[last]
		g.Names = append(g.Names, n.Name)
		g.Count++
	}
	return r
}

// calendarGroup is an empty group of the calendar, placed as one of the
// specification asks. The gateway needs an uplink, asked for or not.
func calendarGroup(g cluster.Group, appliance string, size calendar.Size) calendar.Group {
	out := calendar.Group{Appliance: appliance, Size: size, Require: g.Require, Prefer: g.Prefer, Apart: g.Apart}
	if appliance == cluster.Gateway && !slices.Contains(g.Require, calendar.Uplink) {
		out.Require = append([]string{calendar.Uplink}, g.Require...)
	}
	return out
}

// bookingOf is what a live cluster holds. One that is not wiped yet holds on
// after its end.
func bookingOf(c cluster.Cluster, now time.Time) calendar.Booking {
	b := calendar.Booking{Started: c.State == cluster.Active || c.State == cluster.Ending}
	if c.HoldUntil != nil {
		b.Expires = c.HoldUntil.UTC()
	}
	b.Request = requestOf(c)
	b.From, b.To = c.PrepareAt, b.Request.End.Add(b.Request.Wipe)
	if !b.To.After(now) {
		b.To = now.Add(b.Request.Wipe)
	}
	for _, n := range c.Nodes {
		b.Vnodes = append(b.Vnodes, calendar.Vnode{Name: n.Name, Pnode: n.Pnode})
	}
	b.Units = []calendar.Unit{{Pool: vlanPool, Unit: strconv.Itoa(c.VLAN)}, {Pool: addressPool, Unit: c.Gateway.OutsideAddress}}
	return b
}

// wipeTimeOf is what is held after a cluster's end.
func wipeTimeOf(c cluster.Cluster) time.Duration {
	if wipe := c.Estimate.Wipe(); wipe > 0 {
		return wipe
	}
	return wipeTime
}

func nodeSize(n cluster.Node) calendar.Size {
	return calendar.Size{CPUs: n.CPUs, MemoryMiB: n.MemoryMiB, DiskMiB: n.DiskMiB}
}
