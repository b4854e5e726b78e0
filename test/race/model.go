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
	book    kind = "book"
	hold    kind = "hold"
	confirm kind = "confirm"
	release kind = "release"
	extend  kind = "extend"
	shorten kind = "shorten"
	move    kind = "move"
	grow    kind = "grow"
	shrink  kind = "shrink"
	cancel  kind = "cancel"
	end     kind = "end"
	show    kind = "show"
	list    kind = "list"  // one tenant's, within one slot
	again   kind = "again" // the same as before, with the same key

	// Nobody asks for these: time passes. A hold is over, so that its room is
	// free; and later the cluster is, so that its name is.
	lapse kind = "lapse"
	gone  kind = "gone"
)

// ask is what a client asked of one slot.
type ask struct {
	slot   int
	kind   kind
	tenant string
	name   string
	nodes  int      // compute nodes, or by how many more or fewer
	window [2]int64 // Unix seconds
	by     int64    // seconds, to extend or to shorten by
	dry    bool     // what would be, and change nothing
	id     string   // of the hold that is over
	was    told     // what was answered the first time
}

// outcome is what it was told in the end.
type outcome string

const (
	done    outcome = "done"
	refused outcome = "refused" // there is no room, or it is not for a cluster like this
	invalid outcome = "invalid" // it is not for any cluster of that size or length
	taken   outcome = "taken"   // the name is
	missing outcome = "missing" // there never was one of that name
)

// States of a cluster whose preparation does not begin during the race.
const (
	booked    = "booked"
	held      = "held"
	cancelled = "cancelled"
)

// view is what is shown of a cluster.
type view struct {
	id, state string
	nodes     int      // compute nodes
	window    [2]int64 // of a cancelled one nothing
}

// told is the answer.
type told struct {
	outcome outcome
	view
	list string // of a list: each cluster, in order
	body string // all of it
}

// entry is the newest cluster of one name.
type entry struct {
	tenant, name string
	view
	lapsed bool // a hold that is over, and holds its name only
}

func (e entry) live() bool { return e.id != "" && e.state != cancelled }

// slot is one part of the site's time that shares nothing with the others, and
// what it can hold at once. A cluster holds its pnodes for less than pad
// seconds before and after its window, too.
type slot struct {
	clusters, nodes int
	pad             int64
	most            map[string]int // vnodes that a tenant may hold; 0 for any
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
	switch in.kind {
	case again:
		return out == in.was, state
	case list:
		return out.outcome == done && out.list == listOf(state, in.tenant), state
	case lapse, gone:
		return true, passed(state, in)
	}
	at, known := slices.BinarySearchFunc(state, in, func(e entry, a ask) int {
		return cmp.Or(strings.Compare(e.tenant, a.tenant), strings.Compare(e.name, a.name))
	})
	if in.kind == book || in.kind == hold {
		next := state
		if !known {
			next = slices.Insert(slices.Clone(state), at, entry{tenant: in.tenant, name: in.name})
		}
		ok, next := s.book(next, at, in, out)
		if out.outcome != done || in.dry {
			next = state
		}
		return ok, next
	}
	if !known {
		return out.outcome == missing, state
	}
	ok, next := s.change(state, at, in, out)
	if in.dry {
		next = state
	}
	return ok, next
}

func (s slot) book(state []entry, at int, in ask, out told) (bool, []entry) {
	next := state[at]
	next.view, next.lapsed = view{out.id, booked, in.nodes, in.window}, false
	if in.kind == hold {
		next.state = held
	}
	switch out.outcome {
	case taken:
		return state[at].live(), state
	case refused:
		return !state[at].live() && !s.surely(state, next), state
	case done:
		return !state[at].live() && out.view == next.view && s.fits(state, next), with(state, at, next)
	}
	return false, state
}

func (s slot) change(state []entry, at int, in ask, out told) (bool, []entry) {
	next, right := state[at].after(in)
	switch {
	case right != done:
		return out.outcome == right, state
	case out.outcome == done:
		return out.view == next.view && s.fits(state, next), with(state, at, next)
	case out.outcome == refused && (in.kind == extend || in.kind == move || in.kind == grow):
		return !s.surely(state, next), state
	}
	return false, state // giving back is never refused
}

// after is what becomes of a cluster where there is room for it.
func (e entry) after(in ask) (entry, outcome) {
	switch in.kind {
	case show:
		return e, done
	case end: // none of them has begun
		if e.live() {
			return e, refused
		}
		return e, done
	case cancel:
		return e.given(), done
	case release:
		if e.state == booked {
			return e, refused
		}
		return e.given(), done
	}
	if !e.live() || e.lapsed {
		return e, refused
	}
	switch in.kind {
	case confirm:
		e.state = booked
	case extend:
		e.window[1] += in.by
	case shorten:
		e.window[1] -= in.by
	case move:
		e.window = in.window
	case grow:
		if e.nodes == 0 {
			return e, invalid // it is not known what another one would be
		}
		e.nodes += in.nodes
	case shrink:
		e.nodes -= in.nodes
	}
	if e.nodes < 0 || e.window[1] <= e.window[0] {
		return e, invalid
	}
	return e, done
}

// given is a cluster that was given up.
func (e entry) given() entry {
	e.state, e.window, e.lapsed = cancelled, [2]int64{}, false
	return e
}

// passed is the state once a hold is over.
func passed(state []entry, in ask) []entry {
	at := slices.IndexFunc(state, func(e entry) bool { return e.id == in.id && e.state == held })
	if at < 0 { // it was confirmed, or given up
		return state
	}
	next := state[at]
	next.lapsed = true
	if in.kind == gone {
		next = next.given()
	}
	return with(state, at, next)
}

func with(state []entry, at int, e entry) []entry {
	state = slices.Clone(state)
	state[at] = e
	return state
}

// others calls each with every other cluster that holds something within a window.
func others(state []entry, e entry, window [2]int64, each func(entry)) {
	for _, o := range state {
		if o.live() && !o.lapsed && (o.tenant != e.tenant || o.name != e.name) && o.window[0] < window[1] && window[0] < o.window[1] {
			each(o)
		}
	}
}

// fits reports whether at no second of a cluster's window too much would be held.
func (s slot) fits(state []entry, e entry) bool {
	if !e.live() || e.lapsed {
		return true
	}
	begins := []int64{e.window[0]} // it is most when something begins
	others(state, e, e.window, func(o entry) { begins = append(begins, max(o.window[0], e.window[0])) })
	for _, at := range begins {
		if !s.holds(state, e, [2]int64{at, at + 1}) {
			return false
		}
	}
	return true
}

// surely reports whether there is room however the others were placed: even
// if all that overlap the window somewhere held their parts all the time.
func (s slot) surely(state []entry, e entry) bool {
	return s.holds(state, e, [2]int64{e.window[0] - s.pad, e.window[1] + s.pad})
}

// holds reports whether a cluster fits with all others within a window, and
// with its tenant's own.
func (s slot) holds(state []entry, e entry, window [2]int64) bool {
	clusters, nodes, own := 1, e.nodes, e.nodes+1
	others(state, e, window, func(o entry) {
		clusters++
		nodes += o.nodes
		if o.tenant == e.tenant {
			own += o.nodes + 1
		}
	})
	most := s.most[e.tenant]
	return clusters <= s.clusters && nodes <= s.nodes && (most == 0 || own <= most)
}

func listOf(state []entry, tenant string) string {
	var lines []string
	for _, e := range state {
		if e.live() && e.tenant == tenant {
			lines = append(lines, e.line(e.name))
		}
	}
	return strings.Join(lines, ", ")
}

// line is a cluster within a list.
func (v view) line(name string) string {
	return fmt.Sprintf("%s=%s %s %d %v", name, v.id, v.state, v.nodes, v.window)
}
