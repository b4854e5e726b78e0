package race

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// The model must find what it is there to find: each of these histories is
// wrong, and right without the last word.
func TestModel(t *testing.T) {
	slots := []slot{{limits{2, 4}, true}, {limits{2, 4}, false}}
	day := [2]int64{100, 200}
	op := func(from, to int64, in ask, out told) porcupine.Operation {
		in.tenant = "t"
		return porcupine.Operation{Input: in, Output: out, Call: from, Return: to}
	}
	b := func(from, to int64, name, id string, nodes int, o outcome) porcupine.Operation {
		return op(from, to, ask{kind: book, name: name, nodes: nodes, window: day}, told{outcome: o, id: id})
	}
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
		{"refusal of a moment", true, []porcupine.Operation{
			b(0, 1, "a", "1", 4, done), b(2, 9, "b", "", 2, refused),
			op(3, 4, ask{kind: cancel, name: "a"}, told{outcome: done, id: "1"}),
		}},
		{"lost", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done),
			op(2, 3, ask{kind: show, name: "a"}, told{outcome: missing}),
		}},
		{"lost from the list", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done),
			op(2, 3, ask{kind: list}, told{outcome: done, names: ""}),
		}},
		{"another", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done),
			op(2, 3, ask{kind: show, name: "a"}, told{outcome: done, id: "2", nodes: 1}),
		}},
		{"cancelled another", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done),
			op(2, 3, ask{kind: cancel, name: "a"}, told{outcome: done, id: "2"}),
		}},
		{"undead", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done),
			op(2, 3, ask{kind: cancel, name: "a"}, told{outcome: done, id: "1"}),
			op(4, 5, ask{kind: show, name: "a"}, told{outcome: done, id: "1", nodes: 1}),
		}},
		{"ended before it began", false, []porcupine.Operation{
			b(0, 1, "a", "1", 1, done),
			op(2, 3, ask{kind: end, name: "a"}, told{outcome: done}),
		}},
		{"one after the other", true, []porcupine.Operation{
			op(0, 1, ask{slot: 1, kind: book, name: "a", nodes: 4, window: [2]int64{100, 150}}, told{outcome: done, id: "1"}),
			op(2, 3, ask{slot: 1, kind: book, name: "b", nodes: 4, window: [2]int64{150, 200}}, told{outcome: done, id: "2"}),
		}},
		{"over the edge", false, []porcupine.Operation{
			op(0, 1, ask{slot: 1, kind: book, name: "a", nodes: 4, window: [2]int64{100, 151}}, told{outcome: done, id: "1"}),
			op(2, 3, ask{slot: 1, kind: book, name: "b", nodes: 4, window: [2]int64{150, 200}}, told{outcome: done, id: "2"}),
		}},
	} {
		if got := porcupine.CheckOperations(model(slots), c.history); got != c.right {
			t.Errorf("%s: linearizable %t", c.name, got)
		}
	}
}
