package race

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// The model must find what it is there to find: of these histories the wrong
// ones are right without their last word.
func TestModel(t *testing.T) {
	slots := []slot{{clusters: 2, nodes: 4, pad: 10, most: map[string]int{"small": 3}}}
	day := [2]int64{100, 200}
	op := func(from, to int64, in ask, out told) porcupine.Operation {
		in.tenant = "t"
		return porcupine.Operation{Input: in, Output: out, Call: from, Return: to}
	}
	in := func(from, to int64, name, id string, nodes int, window [2]int64, o outcome) porcupine.Operation {
		out := told{outcome: o}
		if o == done {
			out.view = view{id, booked, nodes, window}
		}
		return op(from, to, ask{kind: book, name: name, nodes: nodes, window: window}, out)
	}
	b := func(from, to int64, name, id string, nodes int, o outcome) porcupine.Operation {
		return in(from, to, name, id, nodes, day, o)
	}
	h := func(from, to int64, name, id string, nodes int) porcupine.Operation {
		return op(from, to, ask{kind: hold, name: name, nodes: nodes, window: day}, told{outcome: done, view: view{id, held, nodes, day}})
	}
	// ch is a change of "a", which is "1", to what is said.
	ch := func(from, to int64, in ask, state string, nodes int, window [2]int64) porcupine.Operation {
		in.name = "a"
		return op(from, to, in, told{outcome: done, view: view{"1", state, nodes, window}})
	}
	no := func(from, to int64, in ask, o outcome) porcupine.Operation {
		in.name = "a"
		return op(from, to, in, told{outcome: o})
	}
	none := [2]int64{}
	time := func(from, to int64, k kind, id string) porcupine.Operation {
		return op(from, to, ask{kind: k, id: id}, told{})
	}
	first := told{outcome: done, view: view{"1", booked, 1, [2]int64{100, 260}}, body: "x"}
	other := first
	other.body = "y"
	for _, c := range []struct {
		name    string
		right   bool
		history []porcupine.Operation
	}{
		{"room", true, []porcupine.Operation{b(0, 1, "a", "1", 2, done), b(2, 3, "b", "2", 2, done)}},
		{"nodes twice", false, []porcupine.Operation{b(0, 1, "a", "1", 2, done), b(2, 3, "b", "2", 3, done)}},
		{"pool twice", false, []porcupine.Operation{b(0, 9, "a", "1", 1, done), b(0, 9, "b", "2", 1, done), b(0, 9, "c", "3", 1, done)}},
		{"name twice", false, []porcupine.Operation{b(0, 9, "a", "1", 1, done), b(0, 9, "a", "2", 1, done)}},
		{"name", true, []porcupine.Operation{b(0, 9, "a", "1", 1, done), b(0, 9, "a", "", 1, taken)}},
		{"false refusal", false, []porcupine.Operation{b(0, 1, "a", "1", 2, done), b(2, 3, "b", "", 2, refused)}},
		{"refusal", true, []porcupine.Operation{b(0, 1, "a", "1", 2, done), b(2, 3, "b", "", 3, refused)}},
		{"refused, so not there", true, []porcupine.Operation{b(0, 1, "a", "", 5, refused), no(2, 3, ask{kind: show}, missing)}},
		{"refusal of a moment", true, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), b(2, 9, "b", "", 2, refused), ch(3, 4, ask{kind: cancel}, cancelled, 4, none),
		}},
		{"lost", false, []porcupine.Operation{b(0, 1, "a", "1", 1, done), no(2, 3, ask{kind: show}, missing)}},
		{"lost from the list", false, []porcupine.Operation{b(0, 1, "a", "1", 1, done), op(2, 3, ask{kind: list}, told{outcome: done})}},
		{"listed", true, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), op(2, 3, ask{kind: list}, told{outcome: done, list: "a=1 booked 1 [100 200]"}),
		}},
		{"another", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), op(2, 3, ask{kind: show, name: "a"}, told{outcome: done, view: view{"2", booked, 1, day}}),
		}},
		{"undead", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: cancel}, cancelled, 1, none), ch(4, 5, ask{kind: show}, booked, 1, day),
		}},
		{"ended before it began", false, []porcupine.Operation{b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: end}, booked, 1, day)}},
		{"one after the other", true, []porcupine.Operation{
			in(0, 1, "a", "1", 4, [2]int64{100, 150}, done), in(2, 3, "b", "2", 4, [2]int64{150, 200}, done),
		}},
		{"over the edge", false, []porcupine.Operation{
			in(0, 1, "a", "1", 4, [2]int64{100, 151}, done), in(2, 3, "b", "2", 4, [2]int64{150, 200}, done),
		}},
		{"refusal of what is near", true, []porcupine.Operation{
			in(0, 1, "a", "1", 4, [2]int64{100, 150}, done), in(2, 3, "b", "", 4, [2]int64{150, 200}, refused),
		}},
		{"refusal of what is far", false, []porcupine.Operation{
			in(0, 1, "a", "1", 4, [2]int64{100, 150}, done), in(2, 3, "b", "", 4, [2]int64{160, 200}, refused),
		}},

		{"extended", true, []porcupine.Operation{b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: extend, by: 60}, booked, 1, [2]int64{100, 260})}},
		{"extended twice by one request", false, []porcupine.Operation{b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: extend, by: 60}, booked, 1, [2]int64{100, 320})}},
		{"extended over another", false, []porcupine.Operation{
			b(0, 1, "a", "1", 3, done), in(2, 3, "b", "2", 2, [2]int64{200, 300}, done), ch(4, 5, ask{kind: extend, by: 60}, booked, 3, [2]int64{100, 260}),
		}},
		{"extension refused with room", false, []porcupine.Operation{
			b(0, 1, "a", "1", 2, done), in(2, 3, "b", "2", 2, [2]int64{200, 300}, done), no(4, 5, ask{kind: extend, by: 60}, refused),
		}},
		{"extension lost", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: extend, by: 60}, booked, 1, [2]int64{100, 260}), ch(4, 5, ask{kind: show}, booked, 1, day),
		}},
		{"room of the shortened", true, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), ch(2, 3, ask{kind: shorten, by: 50}, booked, 4, [2]int64{100, 150}), in(4, 5, "b", "2", 4, [2]int64{150, 200}, done),
		}},
		{"shortening refused", false, []porcupine.Operation{b(0, 1, "a", "1", 4, done), no(2, 3, ask{kind: shorten, by: 50}, refused)}},
		{"shortened to nothing", true, []porcupine.Operation{b(0, 1, "a", "1", 4, done), no(2, 3, ask{kind: shorten, by: 100}, invalid)}},
		{"moved", true, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), ch(2, 3, ask{kind: move, window: [2]int64{200, 300}}, booked, 4, [2]int64{200, 300}), b(4, 5, "b", "2", 4, done),
		}},
		{"moved over another", false, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), in(2, 3, "b", "2", 1, [2]int64{250, 300}, done),
			ch(4, 5, ask{kind: move, window: [2]int64{200, 300}}, booked, 4, [2]int64{200, 300}),
		}},
		{"moved by halves: both are held", false, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), ch(2, 3, ask{kind: move, window: [2]int64{300, 400}}, booked, 4, [2]int64{300, 400}), b(4, 5, "b", "", 4, refused),
		}},
		{"grown", true, []porcupine.Operation{b(0, 1, "a", "1", 2, done), ch(2, 3, ask{kind: grow, nodes: 2}, booked, 4, day), b(4, 5, "b", "", 1, refused)}},
		{"grown by halves", false, []porcupine.Operation{b(0, 1, "a", "1", 2, done), ch(2, 3, ask{kind: grow, nodes: 2}, booked, 3, day)}},
		{"grown, and its room forgotten", false, []porcupine.Operation{
			b(0, 1, "a", "1", 2, done), ch(2, 3, ask{kind: grow, nodes: 2}, booked, 4, day), b(4, 5, "b", "2", 1, done),
		}},
		{"grown over the limit", false, []porcupine.Operation{b(0, 1, "a", "1", 2, done), ch(2, 3, ask{kind: grow, nodes: 3}, booked, 5, day)}},
		{"growth refused with room", false, []porcupine.Operation{b(0, 1, "a", "1", 2, done), no(2, 3, ask{kind: grow, nodes: 2}, refused)}},
		{"shrunk", true, []porcupine.Operation{b(0, 1, "a", "1", 4, done), ch(2, 3, ask{kind: shrink, nodes: 1}, booked, 3, day), b(4, 5, "b", "2", 1, done)}},
		{"shrunk too far", true, []porcupine.Operation{b(0, 1, "a", "1", 1, done), no(2, 3, ask{kind: shrink, nodes: 2}, invalid)}},
		{"shrunk, and held on", false, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), ch(2, 3, ask{kind: shrink, nodes: 1}, booked, 3, day), b(4, 5, "b", "", 1, refused),
		}},
		{"changed though over", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: cancel}, cancelled, 1, none), ch(4, 5, ask{kind: grow, nodes: 1}, cancelled, 2, none),
		}},

		{"refused by the limit", true, []porcupine.Operation{
			{Input: ask{kind: book, tenant: "small", name: "a", nodes: 3, window: day}, Output: told{outcome: refused}, Return: 1},
		}},
		{"beyond the limit", false, []porcupine.Operation{
			{Input: ask{kind: book, tenant: "small", name: "a", nodes: 3, window: day}, Output: told{outcome: done, view: view{"1", booked, 3, day}}, Return: 1},
		}},
		{"beyond the limit together", false, []porcupine.Operation{
			{Input: ask{kind: book, tenant: "small", name: "a", nodes: 1, window: day}, Output: told{outcome: done, view: view{"1", booked, 1, day}}, Return: 1},
			{Input: ask{kind: book, tenant: "small", name: "b", nodes: 1, window: day}, Output: told{outcome: done, view: view{"2", booked, 1, day}}, Return: 1},
		}},
		{"tried only", true, []porcupine.Operation{
			op(0, 1, ask{kind: book, name: "a", nodes: 4, window: day, dry: true}, told{outcome: done, view: view{"1", booked, 4, day}}),
			b(2, 3, "b", "2", 4, done),
		}},
		{"tried, and left behind", false, []porcupine.Operation{
			op(0, 1, ask{kind: book, name: "a", nodes: 4, window: day, dry: true}, told{outcome: done, view: view{"1", booked, 4, day}}),
			b(2, 3, "b", "", 4, refused),
		}},
		{"grown though only tried", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: grow, nodes: 1, dry: true}, booked, 2, day), ch(4, 5, ask{kind: show}, booked, 2, day),
		}},
		{"held", false, []porcupine.Operation{h(0, 1, "a", "1", 4), b(2, 3, "b", "2", 1, done)}},
		{"released", true, []porcupine.Operation{h(0, 1, "a", "1", 4), ch(2, 3, ask{kind: release}, cancelled, 4, none), b(4, 5, "b", "2", 4, done)}},
		{"released though booked", false, []porcupine.Operation{b(0, 1, "a", "1", 4, done), ch(2, 3, ask{kind: release}, cancelled, 4, none)}},
		{"confirmed", true, []porcupine.Operation{
			h(0, 1, "a", "1", 4), ch(2, 3, ask{kind: confirm}, booked, 4, day), time(4, 5, lapse, "1"), time(4, 6, gone, "1"), ch(7, 8, ask{kind: show}, booked, 4, day),
		}},
		{"confirmed and lost", false, []porcupine.Operation{
			h(0, 1, "a", "1", 4), ch(2, 3, ask{kind: confirm}, booked, 4, day), time(4, 5, lapse, "1"), b(6, 7, "b", "2", 4, done),
		}},
		{"confirmed too late", false, []porcupine.Operation{h(0, 1, "a", "1", 4), time(2, 3, lapse, "1"), ch(4, 5, ask{kind: confirm}, booked, 4, day)}},
		{"lapsed", true, []porcupine.Operation{
			h(0, 1, "a", "1", 4), time(2, 3, lapse, "1"), b(4, 5, "b", "2", 4, done), b(4, 5, "a", "", 4, taken), time(2, 9, gone, "1"), b(8, 9, "a", "", 4, refused),
		}},
		{"lapsed, and shown", true, []porcupine.Operation{
			h(0, 1, "a", "1", 4), time(2, 3, lapse, "1"), b(4, 5, "b", "2", 4, done), ch(6, 7, ask{kind: show}, held, 4, day), time(2, 9, gone, "1"),
		}},
		{"lapsed too early", false, []porcupine.Operation{h(0, 1, "a", "1", 4), b(2, 3, "b", "2", 4, done), time(4, 5, lapse, "1"), time(4, 9, gone, "1")}},
		{"never lapsed", false, []porcupine.Operation{
			h(0, 1, "a", "1", 4), time(2, 3, lapse, "1"), time(2, 9, gone, "1"), ch(10, 11, ask{kind: show}, held, 4, day),
		}},

		{"repeated", true, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: extend, by: 60}, booked, 1, [2]int64{100, 260}), op(4, 5, ask{kind: again, was: first}, first),
		}},
		{"repeated differently", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done), ch(2, 3, ask{kind: extend, by: 60}, booked, 1, [2]int64{100, 260}), op(4, 5, ask{kind: again, was: first}, other),
		}},
	} {
		if got := porcupine.CheckOperations(model(slots), c.history); got != c.right {
			t.Errorf("%s: linearizable %t", c.name, got)
		}
	}
}
