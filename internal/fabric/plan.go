package fabric

import (
	"maps"
	"slices"
)

// plan is what Apply has to change, decided before anything is changed.
type plan struct {
	// steady are wanted ports that are there and whose place stays: their
	// flows hold all through Apply.
	steady []Port
	create []Port
	update []Port
	remove []Port
}

// makePlan compares what is recorded with what is wanted.
func makePlan(have, want []Port) plan {
	recorded := map[string]Port{}
	for _, p := range have {
		recorded[p.Tap] = p
	}
	var pl plan
	for _, w := range want {
		h, there := recorded[w.Tap]
		delete(recorded, w.Tap)
		switch {
		case !there:
			pl.create = append(pl.create, w)
			continue
		case h.Bridge != w.Bridge:
			pl.remove = append(pl.remove, h)
			pl.create = append(pl.create, w)
			continue
		case !equal(h, w):
			pl.update = append(pl.update, w)
		}
		if h.VLAN == w.VLAN && h.Open == w.Open {
			pl.steady = append(pl.steady, w)
		}
	}
	for _, tap := range slices.Sorted(maps.Keys(recorded)) {
		pl.remove = append(pl.remove, recorded[tap])
	}
	return pl
}

// unsettles reports whether flows have to go before the database changes: a
// port that leaves or moves must not be outlived by flows that name its
// number or send from it into another VLAN.
func (pl plan) unsettles(want []Port) bool {
	return len(pl.remove) > 0 || len(pl.steady)+len(pl.create) < len(want)
}

func equal(a, b Port) bool {
	return a.Tap == b.Tap && a.Bridge == b.Bridge && a.VLAN == b.VLAN && a.MAC == b.MAC &&
		slices.Equal(a.Addresses, b.Addresses) && a.Open == b.Open && a.Router == b.Router &&
		a.Owner == b.Owner && a.Vnode == b.Vnode
}
