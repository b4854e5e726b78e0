package calendar

import "fmt"

// Harm is why a vnode cannot stay on its pnode.
type Harm struct {
	Vnode string   `json:"vnode"`
	Pnode string   `json:"pnode"`
	Kind  HarmKind `json:"kind"`
	Why   string   `json:"why"` // "pnode p1 is drained"
}

// HarmKind is what came over a pnode.
type HarmKind string

// The kinds of harm. What runs on a drained pnode may stay until its end.
const (
	HarmGone        HarmKind = "gone" // no longer part of the site
	HarmLost        HarmKind = "lost"
	HarmDrained     HarmKind = "drained"
	HarmMaintenance HarmKind = "maintenance"
	HarmLabel       HarmKind = "label"    // it lacks one that is required
	HarmRack        HarmKind = "rack"     // they have to be in one rack and are not
	HarmCapacity    HarmKind = "capacity" // it has less than it holds
)

// Harms lists the vnodes of a booking that cannot stay where they are from now
// on; none for a booking that is unharmed, over or unknown.
func (c *Calendar) Harms(id string) []Harm {
	e := c.bookings[id]
	if e == nil || e.to <= c.now {
		return nil
	}
	return c.harms(e)
}

func (c *Calendar) harms(e *entry) []Harm {
	var list []Harm
	racks := e.Request.Together == RequireRack && !c.inOneRack(e)
	e.vnodes(func(i int, g *Group, p int) {
		kind, why := c.trouble(g, p, max(e.from, c.now), e.to)
		switch {
		case kind == HarmGone:
			why = fmt.Sprintf("pnode %s %s", e.Vnodes[i].Pnode, why)
		case kind == "" && racks && !g.needsUplink():
			kind, why = HarmRack, fmt.Sprintf("pnode %s is not in one rack with the others", e.Vnodes[i].Pnode)
		case kind == "":
			return
		}
		list = append(list, Harm{Vnode: e.Vnodes[i].Name, Pnode: e.Vnodes[i].Pnode, Kind: kind, Why: why})
	})
	return list
}

// inOneRack reports whether all vnodes but those that require an uplink are.
func (c *Calendar) inOneRack(e *entry) bool {
	rack, first, same := "", true, true
	e.vnodes(func(_ int, g *Group, p int) {
		if p < 0 || g.needsUplink() {
			return
		}
		if same = same && (first || c.pnodes[p].Rack == rack) && c.pnodes[p].Rack != ""; first {
			rack, first = c.pnodes[p].Rack, false
		}
	})
	return same
}
