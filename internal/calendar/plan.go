package calendar

import (
	"slices"
	"time"
)

// Plan is a request with everything decided: it says for each vnode where it
// goes and which units of the pools are its own. Booked as it is, it needs no
// further choice.
type Plan struct {
	Request Request `json:"request"`
	// From and To are what is held: the window, the preparation before it and
	// the wiping after it.
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Vnodes []Vnode   `json:"vnodes"`
	Units  []Unit    `json:"units,omitempty"`
}

// Vnode is where one vnode goes.
type Vnode struct {
	Name  string `json:"name"`
	Pnode string `json:"pnode"`
}

// Unit is one unit of a pool.
type Unit struct {
	Pool string `json:"pool"`
	Unit string `json:"unit"`
}

// Unit returns the plan's first unit of a pool, "" for none.
func (p Plan) Unit(pool string) string {
	for _, u := range p.Units {
		if u.Pool == pool {
			return u.Unit
		}
	}
	return ""
}

// Pnode returns where a vnode goes, "" for none.
func (p Plan) Pnode(vnode string) string {
	for _, v := range p.Vnodes {
		if v.Name == vnode {
			return v.Pnode
		}
	}
	return ""
}

// Booking is what a cluster holds in the calendar.
type Booking struct {
	Plan
	// Expires ends a hold that nobody confirmed; zero for a booking.
	Expires time.Time `json:"expires,omitzero"`
	// Started clusters' vnodes do not move.
	Started bool `json:"started,omitempty"`
}

// entry is a booking inside the calendar. It is never changed, only replaced.
type entry struct {
	Booking
	from, to int64
	pnodes   []int32 // by vnode, in the order of the groups
	units    [][]int32
}

// vnodes calls f for each vnode with its group and its pnode, -1 for one that
// the site does not have.
func (e *entry) vnodes(f func(i int, g *Group, pnode int)) {
	i := 0
	for g := range e.Request.Groups {
		for range e.Request.Groups[g].Count {
			f(i, &e.Request.Groups[g], int(e.pnodes[i]))
			i++
		}
	}
}

// holds reports whether the booking has a vnode on a pnode.
func (e *entry) holds(pnode int) bool { return slices.Contains(e.pnodes, int32(pnode)) }

// Move is a vnode that was planned for another pnode than before.
type Move struct {
	Vnode string `json:"vnode"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// moves lists which of the vnodes that both plans have changed their pnode.
func moves(before, after Plan) []Move {
	was := make(map[string]string, len(before.Vnodes))
	for _, v := range before.Vnodes {
		was[v.Name] = v.Pnode
	}
	var list []Move
	for _, v := range after.Vnodes {
		if from, there := was[v.Name]; there && from != v.Pnode {
			list = append(list, Move{Vnode: v.Name, From: from, To: v.Pnode})
		}
	}
	return list
}
