package manager

import (
	"maps"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/store"
)

// ledger is what the site has and what is held of it, read in one transaction.
// It is derived from the clusters themselves, so that it cannot disagree with
// them.
type ledger struct {
	pnodes []calendar.Pnode
	silent map[string]bool // pnodes that do not answer
	holds  []calendar.Hold
	live   []cluster.Cluster
	now    time.Time
}

func (m *Manager) readLedger(tx *store.Tx, now time.Time) (ledger, error) {
	rows, err := tx.Pnodes()
	if err != nil {
		return ledger{}, err
	}
	l := ledger{now: now, silent: map[string]bool{}}
	for _, p := range rows {
		l.silent[p.Name] = m.lost(p, now)
		l.pnodes = append(l.pnodes, calendar.Pnode{
			Name:     p.Name,
			Capacity: calendar.Size{CPUs: p.Facts.CPUs, MemoryMiB: p.Facts.MemoryMiB, DiskMiB: p.Facts.DiskMiB},
			Uplink:   p.Facts.Uplink,
			Usable:   !p.Drained && p.Facts.Accelerator != "" && !l.silent[p.Name],
		})
	}
	if l.live, err = tx.Clusters(store.ClusterFilter{Live: true}); err != nil {
		return ledger{}, err
	}
	for _, c := range l.live {
		for _, n := range c.Nodes {
			l.holds = append(l.holds, calendar.Hold{
				Cluster: c.ID, Vnode: n.Name, Pnode: n.Pnode, From: c.PrepareAt, To: l.heldUntil(c), Size: nodeSize(n),
			})
		}
	}
	return l, nil
}

// heldUntil is when a cluster gives everything back; one that is not wiped
// yet holds on.
func (l ledger) heldUntil(c cluster.Cluster) time.Time {
	until := c.End.Add(wipeTime)
	if !until.After(l.now) {
		until = l.now.Add(wipeTime)
	}
	return until
}

// poolsInUse lists the VLANs and outside addresses held at any time in [from, to).
func (l ledger) poolsInUse(from, to time.Time) (vlans []int, addresses []string) {
	for _, c := range l.live {
		if c.PrepareAt.Before(to) && from.Before(l.heldUntil(c)) {
			vlans = append(vlans, c.VLAN)
			addresses = append(addresses, c.Gateway.OutsideAddress)
		}
	}
	return vlans, addresses
}

// lost reports whether a pnode does not answer.
func (l ledger) lost(pnode string) bool { return l.silent[pnode] }

func nodeSize(n cluster.Node) calendar.Size {
	return calendar.Size{CPUs: n.CPUs, MemoryMiB: n.MemoryMiB, DiskMiB: n.DiskMiB}
}

func (s Site) freeVLAN(taken []int) int {
	for v := s.VLANFirst; v <= s.VLANLast; v++ {
		if !slices.Contains(taken, v) {
			return v
		}
	}
	return 0
}

func (s Site) freeAddress(taken []string) string {
	first, last := s.pool()
	for a := first; a.IsValid() && !last.Less(a); a = a.Next() {
		if !slices.Contains(taken, a.String()) {
			return a.String()
		}
	}
	return ""
}

// sortedKeys makes loops over maps deterministic.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
