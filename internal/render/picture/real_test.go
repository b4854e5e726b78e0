package picture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks"
)

func realGraph(t testing.TB, name, root string) Graph {
	t.Helper()
	dir := needs.Rocks(t, "real")
	raw, err := os.ReadFile(filepath.Join(dir, "cases", name, "attrs"))
	if err != nil {
		t.Fatal(err)
	}
	attrs, err := rocks.ParseAttributes(raw)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := rocks.Read(os.DirFS(filepath.Join(dir, "distro")), "r7-all")
	if err != nil {
		t.Fatal(err)
	}
	p, err := tree.Walk(root, attrs, rocks.Options{Compat: true})
	if err != nil {
		t.Fatal(err)
	}
	g, err := FromRocks(p)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// What makes a picture of 150 nodes readable: nothing lies upon a node, few
// edges cross, and it has the shape of a screen.
func TestRealGraphsAreReadable(t *testing.T) {
	for _, c := range []struct {
		name, root                     string
		in, out, crossings, wide, high int
	}{
		{"c02-compute-r7-all", "compute", 80, 18, 20, 3000, 2000},
		{"c03-server-r7-all", "server", 142, 1, 60, 3000, 3000},
	} {
		t.Run(c.root, func(t *testing.T) {
			g := realGraph(t, c.name, c.root).From(c.root)
			m := newModel(g, Options{})
			count := map[State]int{}
			for _, n := range m.nodes {
				count[n.State]++
				if n.Roll == "" || n.State == In && (n.Position == 0 || !strings.HasSuffix(n.Place, ".xml")) {
					t.Errorf("not all is known of a node: %+v", n)
				}
			}
			if count[In] != c.in || count[Out] != c.out || count[Beyond] != 0 {
				t.Errorf("nodes: %v", count)
			}
			d := m.draw()
			if err := apart(d); err != nil {
				t.Error(err)
			}
			if n := crossings(m); n > c.crossings {
				t.Errorf("%d crossings, want %d at most", n, c.crossings)
			} else {
				t.Logf("%d nodes, %d edges, %d crossings, %.0f × %.0f", len(m.nodes), len(m.edges), n, d.width, d.height)
			}
			if int(d.width) > c.wide || int(d.height) > c.high {
				t.Errorf("it is %.0f × %.0f", d.width, d.height)
			}
		})
	}
}

func crossings(m *model) int {
	rank, turned := m.ranks()
	parts, edges, _ := m.parts()
	n := 0
	for i := range parts {
		l := newLayers(m, parts[i], edges[i], rank, turned)
		l.arrange()
		n += l.crossings()
	}
	return n
}

// The way is the one over the fewest conditions that do not hold.
func TestWay(t *testing.T) {
	g := Graph{Root: "a", Edges: []Edge{
		{From: "a", To: "d", If: "no"},
		{From: "a", To: "b"},
		{From: "b", To: "c", If: "yes", Open: true},
		{From: "c", To: "d"},
		{From: "d", To: "e", If: "no"},
		{From: "e", To: "a"},
		{From: "e", To: "e"},
	}}
	for to, want := range map[string]string{
		"d": `The way to "d": a → b → [yes holds] c → d.`,
		"e": `The way to "e": a → b → [yes holds] c → d → [no does not hold] e.`,
		"a": `The way to "a": a.`,
	} {
		if got := newModel(g, Options{PathTo: to}).draw().wayText(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	g.Nodes = []Node{{Name: "lonely"}}
	if got, want := newModel(g, Options{PathTo: "lonely"}).draw().wayText(), `No way leads from "a" to "lonely".`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if from := g.From("d"); from.Has("lonely") || !from.Has("a") {
		t.Errorf("from d: %v", from)
	}
}

func BenchmarkServerGraph(b *testing.B) {
	g := realGraph(b, "c03-server-r7-all", "server").From("server")
	for b.Loop() {
		HTML(g, Options{})
	}
}
