package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/fault"
)

// Site is what there is to book.
type Site struct {
	Pnodes     []Pnode    `json:"pnodes"`
	Pools      []Pool     `json:"pools,omitempty"`
	Overcommit Overcommit `json:"overcommit,omitzero"`
}

// Pnode is a machine as the calendar sees it.
type Pnode struct {
	Name     string `json:"name"`
	Capacity Size   `json:"capacity"`
	Uplink   bool   `json:"uplink,omitempty"`
	Rack     string `json:"rack,omitempty"`
	// Arch and Accelerator are like "amd64" and "kvm".
	Arch        string   `json:"arch,omitempty"`
	Accelerator string   `json:"accelerator,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	// A drained pnode takes nothing new; a lost one does not answer.
	Drained bool `json:"drained,omitempty"`
	Lost    bool `json:"lost,omitempty"`
	// Maintenance are windows in which nothing may be held.
	Maintenance []Window `json:"maintenance,omitempty"`
	// Overcommit counts for this pnode instead of the site's.
	Overcommit Overcommit `json:"overcommit,omitzero"`
}

// Window is [From, To).
type Window struct {
	From time.Time `json:"from" yaml:"from"`
	To   time.Time `json:"to" yaml:"to"`
}

// Pool is a number of equal things of which a cluster holds some for itself:
// VLANs, outside addresses. Those named first are given first.
type Pool struct {
	Name  string   `json:"name"`
	Units []string `json:"units"`
}

// Uplink is the label of pnodes with an uplink. The other labels that a group
// can require or prefer are a pnode's tags, and "arch=…", "accelerator=…" and
// "rack=…".
const Uplink = "uplink"

func (p Pnode) labels() []string {
	list := slices.Clone(p.Tags)
	if p.Uplink {
		list = append(list, Uplink)
	}
	for _, l := range []struct{ name, value string }{{"arch", p.Arch}, {"accelerator", p.Accelerator}, {"rack", p.Rack}} {
		if l.value != "" {
			list = append(list, l.name+"="+l.value)
		}
	}
	return list
}

func (p Pnode) usable() bool { return !p.Drained && !p.Lost }

// Equal reports whether nothing about the pnode changed.
func (p Pnode) Equal(o Pnode) bool {
	return p.Name == o.Name && p.Capacity == o.Capacity && p.Uplink == o.Uplink && p.Rack == o.Rack && p.Arch == o.Arch &&
		p.Accelerator == o.Accelerator && p.Overcommit == o.Overcommit && p.Drained == o.Drained && p.Lost == o.Lost &&
		slices.Equal(p.Tags, o.Tags) && slices.EqualFunc(p.Maintenance, o.Maintenance, func(a, b Window) bool {
		return a.From.Equal(b.From) && a.To.Equal(b.To)
	})
}

// check lists everything that is wrong with a description of a site.
func (s Site) check() error {
	var l fault.List
	seen := map[string]bool{}
	for i, p := range s.Pnodes {
		field := fmt.Sprintf("pnodes[%d]", i)
		if p.Name == "" || seen[p.Name] {
			l.Add(field+".name", fmt.Sprintf("%q is empty or taken by another pnode: give each its own name", p.Name))
		}
		seen[p.Name] = true
		checkSize(&l, field+".capacity", p.Capacity)
		for j, w := range p.Maintenance {
			w.check(&l, fmt.Sprintf("%s.maintenance[%d]", field, j))
		}
		l.AddAll(p.Overcommit.Check())
	}
	pools := map[string]bool{}
	for i, p := range s.Pools {
		if p.Name == "" || pools[p.Name] {
			l.Add(fmt.Sprintf("pools[%d].name", i), fmt.Sprintf("%q is empty or taken by another pool: give each its own name", p.Name))
		}
		pools[p.Name] = true
		if len(slices.Compact(slices.Sorted(slices.Values(p.Units)))) != len(p.Units) {
			l.Add(fmt.Sprintf("pools[%d].units", i), fmt.Sprintf("a unit of pool %q is named twice", p.Name))
		}
	}
	l.AddAll(s.Overcommit.Check())
	return l.Err(fault.Invalid, "the site is not described properly")
}

// tooMuch bounds amounts, so that sums cannot overflow.
const tooMuch = 1 << 40

func checkSize(l *fault.List, field string, s Size) {
	for r, v := range s.vec() {
		if v < 0 || v > tooMuch {
			l.Add(field+"."+resourceNames[r], fmt.Sprintf("%d is not between 0 and %d", v, int64(tooMuch)))
		}
	}
}

// order is the order of the site: pnodes without an uplink first, so that
// those with one stay free for gateways, then by rack, then by name.
func order(a, b Pnode) int {
	if a.Uplink != b.Uplink {
		if b.Uplink {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(a.Rack, b.Rack), strings.Compare(a.Name, b.Name))
}
