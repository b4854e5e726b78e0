package picture

import (
	"cmp"
	"slices"
	"strings"
)

// edge is an edge between nodes by their index. Edges that differ in nothing
// but the place where they are written are one.
type edge struct {
	from, to int
	cond     string
	open     bool
	places   []string
}

// model is a graph made ready: every node once, everything by index.
type model struct {
	Graph
	nodes []Node
	index map[string]int
	edges []edge
	order []edge // constraints
	rolls []string
	root  int   // -1: none
	via   []int // by node: the edge by which the way from the root comes, -1 for none
	lit   []bool
	litBy []bool // by edge
	goal  int    // the node whose way is lit, -1 for none
}

func newModel(g Graph, o Options) *model {
	m := &model{Graph: g, index: map[string]int{}, root: -1, goal: -1}
	for _, n := range g.Nodes {
		m.add(n)
	}
	m.edges = m.join(g.Edges)
	var order []Edge
	for _, c := range g.Order {
		if m.has(c.First) && m.has(c.Then) { // the ends of the order are no nodes
			order = append(order, Edge{From: c.First, To: c.Then, Place: c.Place})
		}
	}
	m.order = m.join(order)
	if i, ok := m.index[g.Root]; ok {
		m.root = i
	}
	for _, n := range m.nodes {
		m.rolls = append(m.rolls, n.Roll)
	}
	slices.Sort(m.rolls)
	m.rolls = slices.Compact(m.rolls)
	m.ways()
	m.light(o.PathTo)
	return m
}

func (m *model) add(n Node) int {
	if i, ok := m.index[n.Name]; ok {
		return i
	}
	if n.State == "" {
		n.State = Beyond
	}
	m.index[n.Name] = len(m.nodes)
	m.nodes = append(m.nodes, n)
	return len(m.nodes) - 1
}

func (m *model) has(name string) bool {
	_, ok := m.index[name]
	return ok
}

// join makes indexes of names, and one edge of equal ones.
func (m *model) join(list []Edge) []edge {
	type key struct {
		from, to int
		cond     string
		open     bool
	}
	var edges []edge
	known := map[key]int{}
	for _, e := range list {
		k := key{m.add(Node{Name: e.From}), m.add(Node{Name: e.To}), e.If, e.Open || e.If == ""}
		i, again := known[k]
		if !again {
			i = len(edges)
			known[k] = i
			edges = append(edges, edge{from: k.from, to: k.to, cond: k.cond, open: k.open})
		}
		if e.Place != "" && !slices.Contains(edges[i].places, e.Place) {
			edges[i].places = append(edges[i].places, e.Place)
		}
	}
	return edges
}

// leaving returns, by node, the edges that leave it.
func (m *model) leaving() [][]int {
	leave := make([][]int, len(m.nodes))
	for i, e := range m.edges {
		leave[e.from] = append(leave[e.from], i)
	}
	return leave
}

// ways finds the way from the root to every node: the one over the fewest
// edges that are closed and, of those, over the fewest edges.
func (m *model) ways() {
	m.via = make([]int, len(m.nodes))
	for i := range m.via {
		m.via[i] = -1
	}
	if m.root < 0 {
		return
	}
	leave := m.leaving()
	seen := make([]bool, len(m.nodes))
	seen[m.root] = true
	// Wave after wave: all that one more closed edge leads to, and from there on.
	for wave := []int{m.root}; len(wave) > 0; {
		var closed []int
		for k := 0; k < len(wave); k++ {
			for _, i := range leave[wave[k]] {
				e := m.edges[i]
				switch {
				case seen[e.to]:
				case e.open:
					seen[e.to], m.via[e.to] = true, i
					wave = append(wave, e.to)
				default:
					closed = append(closed, i)
				}
			}
		}
		wave = wave[:0]
		for _, i := range closed {
			if to := m.edges[i].to; !seen[to] {
				seen[to], m.via[to] = true, i
				wave = append(wave, to)
			}
		}
	}
}

// light lights the way to a node.
func (m *model) light(name string) {
	m.lit, m.litBy = make([]bool, len(m.nodes)), make([]bool, len(m.edges))
	goal, ok := m.index[name]
	if !ok || name == "" {
		return
	}
	m.goal = goal
	m.lit[goal] = true
	for n := goal; m.via[n] >= 0; {
		m.litBy[m.via[n]] = true
		n = m.edges[m.via[n]].from
		m.lit[n] = true
	}
}

// byPosition returns the nodes as the profile has them, then those it has not.
func (m *model) byPosition() []int {
	list := make([]int, len(m.nodes))
	for i := range list {
		list[i] = i
	}
	last := func(n Node) int {
		if n.Position == 0 {
			return len(m.nodes) + 1
		}
		return n.Position
	}
	slices.SortStableFunc(list, func(a, b int) int {
		x, y := m.nodes[a], m.nodes[b]
		return cmp.Or(cmp.Compare(last(x), last(y)), strings.Compare(x.Name, y.Name))
	})
	return list
}
