package race

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// kind is what a client asks for.
type kind string

const (
	book   kind = "book"
	cancel kind = "cancel"
	end    kind = "end"
	show   kind = "show"
	list   kind = "list" // one tenant's, within one slot
)

// ask is what a client asked of one slot.
type ask struct {
	slot   int
	kind   kind
	tenant string
	name   string
	nodes  int      // compute nodes
	window [2]int64 // Unix seconds
}

// outcome is what it was told in the end.
type outcome string

const (
	done    outcome = "done"
	refused outcome = "refused" // there is no room, or it has not begun
	taken   outcome = "taken"   // the name is
	missing outcome = "missing" // there never was one of that name
	over    outcome = "over"    // there was one, and it is cancelled
)

// told is the answer.
type told struct {
	outcome outcome
	id      string
	nodes   int
	names   string // of a list: "name=id …", in order
}

// entry is the newest cluster of one name.
type entry struct {
	tenant, name, id string
	nodes            int
	window           [2]int64
	live             bool
}

// limits is what a slot can hold at once.
type limits struct{ clusters, nodes int }

// slot is one part of the site's time that shares nothing with the others.
// Where exact is set every two windows of it overlap, so that there is room
// exactly if there are clusters and nodes enough: a false refusal is found, too.
type slot struct {
	limits
	exact bool
}

// model is a calendar that is obviously right: a list, and a sum.
func model(slots []slot) porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			parts := make([][]porcupine.Operation, len(slots))
			for _, op := range history {
				i := op.Input.(ask).slot
				parts[i] = append(parts[i], op)
			}
			return parts
		},
		Init: func() any { return []entry(nil) },
		Step: func(state, input, output any) (bool, any) {
			in := input.(ask)
			ok, next := slots[in.slot].step(state.([]entry), in, output.(told))
			return ok, next
		},
		Equal:             func(a, b any) bool { return slices.Equal(a.([]entry), b.([]entry)) },
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
}

// step tells whether an answer is right for a state, and what follows from it.
func (s slot) step(state []entry, in ask, out told) (bool, []entry) {
	at, known := slices.BinarySearchFunc(state, in, func(e entry, a ask) int {
		return cmp.Or(strings.Compare(e.tenant, a.tenant), strings.Compare(e.name, a.name))
	})
	var now entry
	if known {
		now = state[at]
	}
	switch in.kind {
	case book:
		return s.book(state, at, now, in, out)
	case cancel:
		switch out.outcome {
		case done: // a cancelled one can be cancelled again
			if !known || now.id != out.id {
				return false, state
			}
			next := slices.Clone(state)
			next[at].live = false
			return true, next
		case missing:
			return !known, state
		}
	case end: // none of them has begun
		return out.outcome == refused && now.live || out.outcome == done && known && !now.live || out.outcome == missing && !known, state
	case show:
		switch out.outcome {
		case done:
			return now.live && now.id == out.id && now.nodes == out.nodes, state
		case over:
			return known && !now.live && now.id == out.id, state
		case missing:
			return !known, state
		}
	case list:
		return out.outcome == done && out.names == namesOf(state, in.tenant), state
	}
	return false, state
}

func (s slot) book(state []entry, at int, now entry, in ask, out told) (bool, []entry) {
	switch out.outcome {
	case taken:
		return now.live, state
	case refused:
		return !now.live && (!s.exact || !s.fits(state, in)) && len(state) > 0, state
	case done:
		if now.live || !s.fits(state, in) {
			return false, state
		}
		next := slices.Clone(state)
		if now.id == "" {
			next = slices.Insert(next, at, entry{})
		}
		next[at] = entry{in.tenant, in.name, out.id, in.nodes, in.window, true}
		return true, next
	}
	return false, state
}

// fits reports whether at no second of the window too much would be held.
func (s slot) fits(state []entry, in ask) bool {
	for _, at := range append([]entry{{window: in.window, live: true}}, state...) {
		begin := max(at.window[0], in.window[0]) // it is most when something begins
		if !at.live || begin >= in.window[1] || begin >= at.window[1] {
			continue
		}
		clusters, nodes := 1, in.nodes
		for _, e := range state {
			if e.live && e.window[0] <= begin && begin < e.window[1] {
				clusters++
				nodes += e.nodes
			}
		}
		if clusters > s.clusters || nodes > s.nodes {
			return false
		}
	}
	return true
}

func namesOf(state []entry, tenant string) string {
	var names []string
	for _, e := range state {
		if e.live && e.tenant == tenant {
			names = append(names, e.name+"="+e.id)
		}
	}
	return strings.Join(names, " ")
}
