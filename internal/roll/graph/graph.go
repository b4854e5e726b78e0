// Package graph is the one graph engine of rolls: nodes, edges that may carry
// a condition, and order constraints. A walk from a node gives the nodes that
// belong to a profile, and the order of their parts.
//
// It guarantees: the same edges in the same order give the same walk, always;
// time and memory grow with the number of edges, whatever their shape (nothing
// recurses); a Graph is not changed by walking it, so several may walk at once.
// Pure: no I/O. Walk and Sort do what Rocks does, to the letter; native rolls use
// Reach, over the edges that hold, and Arrange, which leaves no constraint out.
// It may be imported by every package under roll.
package graph

import "fmt"

// Edge leads from one node to another. In an order graph it says that From
// comes before To.
type Edge struct {
	From, To string
	// If is the condition that the edge carries, "" for none. The graph itself
	// never decides it: see Plan.
	If string
	// For names the only generator that an order edge is meant for, nil for all.
	For *string
	// Ref is the caller's own, such as a number of the place where it is written.
	Ref int
}

// SelfError tells of an edge from a node to itself which is also the first
// mention of that node: there is nothing yet that it could lead to.
type SelfError struct {
	Node string
	Edge int // its index in Edges
}

func (e *SelfError) Error() string {
	return fmt.Sprintf("the first edge that names %q leads from it to itself", e.Node)
}

// EndError tells that nodes which only a circle leads to (or from) would need
// the end node that the order graph does not have.
type EndError struct {
	Node string
	Last bool // the end that is missing is the last one
}

func (e *EndError) Error() string {
	return fmt.Sprintf("%q hangs on a circle of constraints, and the node that marks the end is not there", e.Node)
}

const none = -1

// Graph is a multigraph. Nodes come in the order in which edges mention them
// first. The zero value is an empty graph, ready to use.
type Graph struct {
	names []string
	known []bool // false: the far end of a self edge that was the first mention
	in    []int
	out   []int
	index map[string]int
	list  []int // the known nodes, as they were first mentioned
	edges []Edge
	ends  [][2]int
	leave [][]int // by node: the edges that leave it, in order
	heads []int   // nodes with leaving edges, as they got their first one
}

// Add adds an edge.
func (g *Graph) Add(e Edge) {
	from, seenFrom := g.index[e.From]
	to, seenTo := g.index[e.To]
	if !seenFrom {
		from = g.node(e.From)
	}
	switch {
	case e.From == e.To && !seenFrom:
		to = g.ghost(e.To)
	case !seenTo && e.From != e.To:
		to = g.node(e.To)
	case e.From == e.To:
		to = from
	}
	g.edges = append(g.edges, e)
	g.ends = append(g.ends, [2]int{from, to})
	g.out[from]++
	g.in[to]++
	g.link(from, len(g.edges)-1)
}

func (g *Graph) node(name string) int {
	id := g.ghost(name)
	g.known[id] = true
	if g.index == nil {
		g.index = map[string]int{}
	}
	g.index[name] = id
	g.list = append(g.list, id)
	return id
}

func (g *Graph) ghost(name string) int {
	g.names = append(g.names, name)
	g.known = append(g.known, false)
	g.in = append(g.in, 0)
	g.out = append(g.out, 0)
	g.leave = append(g.leave, nil)
	return len(g.names) - 1
}

func (g *Graph) link(from, edge int) {
	if len(g.leave[from]) == 0 {
		g.heads = append(g.heads, from)
	}
	g.leave[from] = append(g.leave[from], edge)
}

// Has says whether an edge mentions the node.
func (g *Graph) Has(name string) bool {
	_, ok := g.index[name]
	return ok
}

// Nodes returns all nodes, as they were first mentioned.
func (g *Graph) Nodes() []string {
	names := make([]string, len(g.list))
	for i, id := range g.list {
		names[i] = g.names[id]
	}
	return names
}

// Edges returns all edges, as they were added. The caller does not change them.
func (g *Graph) Edges() []Edge { return g.edges }

// reversed returns the graph with every edge turned round. Doing it twice
// gives the same edges, but those that leave a node may come in another order:
// by the nodes from which the turned ones leave.
func (g *Graph) reversed() *Graph {
	r := &Graph{
		names: g.names, known: g.known, in: g.out, out: g.in, index: g.index, list: g.list, edges: g.edges,
		ends: make([][2]int, len(g.ends)), leave: make([][]int, len(g.names)),
	}
	for i, e := range g.ends {
		r.ends[i] = [2]int{e[1], e[0]}
	}
	for _, head := range g.heads {
		for _, e := range g.leave[head] {
			r.link(r.ends[e][0], e)
		}
	}
	return r
}

// clone returns a graph to which edges can be added without changing g.
func (g *Graph) clone() *Graph {
	c := *g
	c.in, c.out = append([]int(nil), g.in...), append([]int(nil), g.out...)
	c.edges, c.ends = append([]Edge(nil), g.edges...), append([][2]int(nil), g.ends...)
	c.heads = append([]int(nil), g.heads...)
	c.leave = make([][]int, len(g.leave))
	for i, list := range g.leave {
		c.leave[i] = append([]int(nil), list...)
	}
	return &c
}
