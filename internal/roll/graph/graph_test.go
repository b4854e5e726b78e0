package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// build makes a graph of "a>b" words; "a>b?c" carries the condition c, "a>b@g"
// is for the generator g.
func build(words string) *Graph {
	g := &Graph{}
	for w := range strings.FieldsSeq(words) {
		var e Edge
		w, e.If, _ = strings.Cut(w, "?")
		w, only, has := strings.Cut(w, "@")
		if has {
			e.For = &only
		}
		e.From, e.To, _ = strings.Cut(w, ">")
		g.Add(e)
	}
	return g
}

func plan(nodes, order string) Plan {
	return Plan{Nodes: build(nodes), Order: build(order), First: "F", Last: "L", Generator: "g", Holds: func(c string) (bool, error) {
		if c == "bad" {
			return false, errors.New("bad condition")
		}
		return c != "no", nil
	}}
}

func TestWalk(t *testing.T) {
	for _, c := range []struct{ name, nodes, order, want string }{
		{"by name without order", "r>z r>a r>m", "", "a m r z"},
		{"an order", "r>a r>b r>c", "F>L b>a", "b a c r"},
		{"after the last", "r>a r>b r>c", "F>L L>c L>a", "b r a c"},
		{"before the first", "r>a r>b", "F>L b>F", "b a r"},
		{"a false condition drops the node, not what is behind it", "r>b?no b>c", "F>L", "c r"},
		{"the first edge decides", "r>p r>q p>t?no q>t", "F>L", "p q r"},
		{"the first edge decides, the other way round", "r>p r>q p>t q>t?no", "F>L", "p q r t"},
		{"circles of nodes are fine", "r>a a>b b>a b>r", "F>L", "a b r"},
		{"a circle that nothing leads to orders nothing", "r>a r>b r>c", "F>L a>b b>a", "a b c r"},
		{"a circle that can be reached is cut", "r>a r>b r>c", "F>L c>a a>b b>a", "c a b r"},
		{"another generator's constraint drops the node", "r>a r>b r>c", "F>L a>b@h a>c@g", "a c r"},
		{"the ends are in no profile", "r>F r>a r>L", "F>L", "a r"},
		{"a self edge of a known node", "r>a a>a", "F>L", "a r"},
		{"no last", "r>a r>b", "F>b", "b a r"},
	} {
		w, err := plan(c.nodes, c.order).Walk("r")
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := strings.Join(w.Order, " "); got != c.want {
			t.Errorf("%s: want %s, got %s", c.name, c.want, got)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, nodes, order, want string }{
		{"no such root", "x>y", "", `no edge names "r"`},
		{"self edge first", "a>a r>a", "", "from it to itself"},
		{"self order first", "r>a", "F>L a>a", "from it to itself"},
		{"condition", "r>a?bad", "", "bad condition"},
		{"circle without the first", "r>a", "s>a a>b b>a", "the node that marks the end is not there"},
		{"circle without the last", "r>a", "a>b b>a b>c", "the node that marks the end is not there"},
	} {
		if _, err := plan(c.nodes, c.order).Walk("r"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", c.name, c.want, err)
		}
	}
}

func TestPath(t *testing.T) {
	g := build("a>b b>c a>c c>d")
	if got := g.Path("a", "d"); !slices.Equal(got, []int{2, 3}) {
		t.Errorf("got %v", got)
	}
	if got := g.Path("d", "a"); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestCircles(t *testing.T) {
	for words, want := range map[string]string{
		"a>b b>c": "[]", "a>b b>a": "[[0 1]]", "a>b b>c c>a c>d d>d": "[[0 1 2] [4]]", "x>x": "[]", "a>b b>b": "[[1]]",
	} {
		if got := fmt.Sprint(build(words).Circles()); got != want {
			t.Errorf("%s: want %s, got %s", words, want, got)
		}
	}
}

// Walking changes nothing: the second walk is the first.
func TestWalkTwice(t *testing.T) {
	p := plan("r>a r>b a>c r>c?no", "F>L c>a b>L")
	a, err := p.Walk("r")
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Walk("r")
	if err != nil || !slices.Equal(a.Order, b.Order) {
		t.Fatalf("%v, then %v %v", a.Order, b.Order, err)
	}
}

func TestOrderHoldsEveryConstraint(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(t, "nodes")
		var nodes, order []string
		for i := range n {
			nodes = append(nodes, fmt.Sprintf("r>n%02d", i))
		}
		for range rapid.IntRange(0, 20).Draw(t, "constraints") {
			a := rapid.IntRange(0, n-2).Draw(t, "a")
			b := rapid.IntRange(a+1, n-1).Draw(t, "b")
			order = append(order, fmt.Sprintf("n%02d>n%02d", n-1-a, n-1-b)) // no circles
		}
		order = rapid.Permutation(append(order, "F>L")).Draw(t, "order")
		w, err := plan(strings.Join(nodes, " "), strings.Join(order, " ")).Walk("r")
		if err != nil {
			t.Fatal(err)
		}
		if len(w.Order) != n+1 {
			t.Fatalf("%d nodes, want %d: %v", len(w.Order), n+1, w.Order)
		}
		for _, c := range order {
			a, b, _ := strings.Cut(c, ">")
			if a != "F" && slices.Index(w.Order, a) > slices.Index(w.Order, b) {
				t.Fatalf("%s is broken: %v", c, w.Order)
			}
		}
	})
}

// A hundred thousand edges and a depth of ten thousand.
func TestSize(t *testing.T) {
	g, o := &Graph{}, &Graph{}
	o.Add(Edge{From: "F", To: "L"})
	name := func(i int) string { return fmt.Sprintf("n%05d", i) }
	for i := range 10000 {
		g.Add(Edge{From: name(i), To: name(i + 1)})
		o.Add(Edge{From: name(i + 1), To: name(i)})
		for j := range 9 {
			g.Add(Edge{From: name(i), To: name((i * (j + 7)) % 10000)})
		}
	}
	start := time.Now()
	w, err := Plan{Nodes: g, Order: o, First: "F", Last: "L"}.Walk(name(0))
	if err != nil || len(w.Order) != 10001 || w.Order[0] != name(10000) {
		t.Fatalf("%d nodes, %v", len(w.Order), err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Fatalf("took %s", took)
	}
}

func FuzzWalk(f *testing.F) {
	f.Add("r>a a>b", "F>L b>a")
	f.Add("r>r r>a?no", "L>F a>a")
	f.Fuzz(func(t *testing.T, nodes, order string) {
		if w, err := plan(nodes, order).Walk("r"); err == nil && len(w.Order) > len(w.Members) {
			t.Fatalf("%v of %v", w.Order, w.Members)
		}
	})
}

func TestArrange(t *testing.T) {
	for _, c := range []struct {
		name, nodes, edges string
		rank               map[string]int
		want               string
	}{
		{"by name", "c a b", "", nil, "a b c"},
		{"an edge", "a b c", "c>a", nil, "b c a"},
		{"edges to others do not count", "a b", "x>a b>y x>y y>x", nil, "a b"},
		{"rank before name", "a b c", "", map[string]int{"c": -1, "a": 1}, "c b a"},
		{"edges before rank", "a b c", "a>c", map[string]int{"c": -1}, "a c b"},
		{"an edge twice", "a b", "b>a b>a", nil, "b a"},
	} {
		got, err := build(c.edges).Arrange(strings.Fields(c.nodes), func(n string) int { return c.rank[n] })
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v, want %s", c.name, got, err, c.want)
		}
	}
	for edges, want := range map[string]string{"a>b b>c c>a": "[0 1 2]", "b>b a>b": "[0]", "x>a c>b b>c c>d": "[2 1]"} {
		_, err := build(edges).Arrange([]string{"a", "b", "c", "d"}, func(string) int { return 0 })
		if e, ok := errors.AsType[*CircleError](err); !ok || fmt.Sprint(e.Edges) != want {
			t.Errorf("%s: %v, want the circle %s", edges, err, want)
		}
	}
}

func TestArrangeGrowsWithTheEdges(t *testing.T) {
	const n = 100_000
	g := &Graph{}
	nodes := []string{"0"}
	for i := 1; i < n; i++ {
		name := fmt.Sprint(i)
		nodes = append(nodes, name)
		g.Add(Edge{From: fmt.Sprint(i / 2), To: name})
	}
	begun := time.Now()
	order, err := g.Arrange(nodes, func(string) int { return 0 })
	if took := time.Since(begun); err != nil || len(order) != n || took > time.Minute {
		t.Errorf("%d nodes in %s: %v", len(order), took, err)
	}
}
