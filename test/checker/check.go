package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// claim is something held over [from, to), in Unix seconds.
type claim struct {
	from, to int64
	by       string
	plights  []string // what the cluster says of its pnodes
	vnode    string   // of what is on a pnode
	size     amount
}

// check lists everything that is wrong with a backup by itself.
func (b *backup) check() (wrong []string) {
	wrong = append(wrong, b.checkWhole()...)
	wrong = append(wrong, b.checkPairs()...)
	// What the clusters' own rows say, and what the calendar wrote down.
	rows, kept := newClaims("by the clusters"), newClaims("by the calendar")
	for _, id := range sorted(b.clusters) {
		b.clusters[id].claim(rows)
	}
	for _, id := range sorted(b.bookings) {
		b.bookings[id].claim(id, b.clusters[id].plights, kept)
	}
	for _, c := range []*claims{rows, kept} {
		wrong = append(wrong, c.checkPnodes(b.pnodes)...)
		wrong = append(wrong, c.checkMaintenance(b.pnodes)...)
		wrong = append(wrong, c.checkUnits()...)
	}
	return wrong
}

// checkWhole finds clusters of which something is missing or misplaced.
func (b *backup) checkWhole() (wrong []string) {
	for _, id := range sorted(b.clusters) {
		c := b.clusters[id]
		if len(c.vnodes) != c.asked {
			wrong = append(wrong, fmt.Sprintf("half: %s has %d vnodes of %d", c, len(c.vnodes), c.asked))
		}
		if c.vlan == "0" || c.address == "" {
			wrong = append(wrong, fmt.Sprintf("half: %s has VLAN %q and outside address %q", c, c.vlan, c.address))
		}
		for _, v := range c.vnodes {
			p, known := b.pnodes[v.pnode]
			if !known {
				wrong = append(wrong, fmt.Sprintf("half: vnode %s of %s is on pnode %q, which there is not", v.name, c, v.pnode))
			} else if v.appliance == "gateway" && !p.uplink {
				wrong = append(wrong, fmt.Sprintf("cut off: the gateway of %s is on pnode %s, which has no uplink", c, v.pnode))
			}
		}
	}
	return wrong
}

// checkPairs finds clusters that hold something else than the calendar says.
func (b *backup) checkPairs() (wrong []string) {
	for _, id := range sorted(b.clusters) {
		c := b.clusters[id]
		k, there := b.bookings[id]
		if !there {
			wrong = append(wrong, fmt.Sprintf("apart: %s holds nothing in the calendar", c))
			continue
		}
		where := map[string]string{}
		for _, v := range k.Vnodes {
			where[v.Name] = v.Pnode
		}
		for _, v := range c.vnodes {
			if where[v.name] != v.pnode {
				wrong = append(wrong, fmt.Sprintf("apart: vnode %s of %s is on %q, in the calendar on %q", v.name, c, v.pnode, where[v.name]))
			}
		}
		units := map[string]string{}
		for _, u := range k.Units {
			units[u.Pool] = u.Unit
		}
		if len(where) != len(c.vnodes) || units["vlan"] != c.vlan || units["address"] != c.address {
			wrong = append(wrong, fmt.Sprintf("apart: %s has %d vnodes, VLAN %s, address %s; in the calendar %d, %s, %s",
				c, len(c.vnodes), c.vlan, c.address, len(where), units["vlan"], units["address"]))
		}
		if k.From.Unix() > c.prepare || k.To.Unix() < c.end {
			wrong = append(wrong, fmt.Sprintf("apart: %s needs %s to %s; in the calendar it holds %s to %s",
				c, when(c.prepare), when(c.end), when(k.From.Unix()), when(k.To.Unix())))
		}
	}
	for _, id := range sorted(b.bookings) {
		k := b.bookings[id]
		if _, there := b.clusters[id]; !there && k.Expires.IsZero() {
			wrong = append(wrong, fmt.Sprintf("apart: the calendar holds something for %s/%s (%s), which is over or never was", k.Request.Tenant, k.Request.Name, id))
		}
	}
	return wrong
}

// claims is who holds what, each thing by its name.
type claims struct {
	source string
	pnodes map[string][]claim
	units  map[string][]claim // "VLAN 100", "address 203.0.113.7"
}

func newClaims(source string) *claims {
	return &claims{source, map[string][]claim{}, map[string][]claim{}}
}

func (c cluster) claim(to *claims) {
	hold := claim{from: c.prepare, to: c.end, by: c.String(), plights: c.plights}
	for _, v := range c.vnodes {
		hold.vnode, hold.size = v.name, v.size
		to.pnodes[v.pnode] = append(to.pnodes[v.pnode], hold)
	}
	to.units["vlan "+c.vlan] = append(to.units["vlan "+c.vlan], hold)
	to.units["address "+c.address] = append(to.units["address "+c.address], hold)
}

func (k booking) claim(id string, plights []string, to *claims) {
	hold := claim{from: k.From.Unix(), to: k.To.Unix(), by: fmt.Sprintf("%s/%s (%s)", k.Request.Tenant, k.Request.Name, id), plights: plights}
	i := 0
	for _, g := range k.Request.Groups {
		hold.size = amount{g.Size.CPUs, g.Size.MemoryMiB, g.Size.DiskMiB}
		for range g.Count {
			where := ""
			if i < len(k.Vnodes) {
				where, hold.vnode = k.Vnodes[i].Pnode, k.Vnodes[i].Name
			}
			to.pnodes[where] = append(to.pnodes[where], hold)
			i++
		}
	}
	for _, u := range k.Units {
		to.units[u.Pool+" "+u.Unit] = append(to.units[u.Pool+" "+u.Unit], hold)
	}
}

// checkPnodes adds up what each pnode carries from each instant at which
// something begins: it is most just then.
func (c *claims) checkPnodes(pnodes map[string]pnode) (wrong []string) {
	for _, name := range sorted(c.pnodes) {
		held := c.pnodes[name]
		for _, at := range held {
			var sum amount
			var by []string
			known := false
			for _, h := range held {
				if h.from <= at.from && at.from < h.to {
					by = append(by, h.by)
					known = known || h.knows(name)
					for i := range sum {
						sum[i] += h.size[i]
					}
				}
			}
			for i := range sum {
				if sum[i] > pnodes[name].room[i] && !known {
					wrong = append(wrong, fmt.Sprintf("too much: at %s pnode %q holds %d %s and gives %d (%s): %v",
						when(at.from), name, sum[i], amounts[i], pnodes[name].room[i], c.source, by))
				}
			}
		}
	}
	return slices.Compact(wrong)
}

// checkUnits finds what two hold at the same second.
func (c *claims) checkUnits() (wrong []string) {
	for _, name := range sorted(c.units) {
		held := slices.SortedFunc(slices.Values(c.units[name]), func(a, b claim) int { return cmp.Compare(a.from, b.from) })
		last := claim{to: -1 << 62}
		for _, h := range held {
			if h.from < last.to {
				wrong = append(wrong, fmt.Sprintf("twice: %s is held by %s until %s and by %s from %s (%s)",
					name, last.by, when(last.to), h.by, when(h.from), c.source))
			}
			if h.to > last.to {
				last = h
			}
		}
	}
	return wrong
}

func when(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }
