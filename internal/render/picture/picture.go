// Package picture draws the graph of a walk: as Graphviz DOT, as SVG, and as
// one HTML page with search, zoom and the way to every node.
//
// It guarantees: the same graph gives the same picture, byte for byte; every
// name is taken as text and never as markup, whoever wrote it; any graph is
// drawn, with circles and edges from a node to itself, in time and memory that
// grow with its size only. Pure: no I/O. The pages load nothing from anywhere.
package picture

import (
	"slices"
	"strings"
)

// State says what became of a node in the walk.
type State string

// The states.
const (
	In     State = "in"     // it is part of the profile
	Out    State = "out"    // a condition keeps it out
	Beyond State = "beyond" // no edge leads to it from the root
)

// Graph is what is drawn.
type Graph struct {
	Title string
	Root  string // the walk starts there; "" for none
	Nodes []Node
	Edges []Edge
	Order []Constraint
}

// Node is a node of the graph. One that only an edge names is drawn too, with
// State Beyond.
type Node struct {
	Name     string
	Roll     string // "" where it is not known
	Place    string // file:line that describes it
	State    State
	Position int      // in the profile, from 1; 0: in none
	Facts    []string // more to tell about it, each a line
}

// Edge leads from a node to another.
type Edge struct {
	From, To string
	If       string // its condition, "" for none
	Open     bool   // the condition holds
	Place    string // file:line
}

// Constraint says that one node comes before another.
type Constraint struct {
	First, Then string
	Place       string
}

// Options say what of a graph is drawn, and how.
type Options struct {
	PathTo string // light the way from the root to this node
	Order  bool   // draw the constraints too
}

// From returns the graph without the nodes to which no edge leads from the
// root, whether its condition holds or not.
func (g Graph) From(root string) Graph {
	g.Root = root
	seen := g.reached()
	g.Nodes = slices.DeleteFunc(slices.Clone(g.Nodes), func(n Node) bool { return !seen[n.Name] })
	g.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e Edge) bool { return !seen[e.From] || !seen[e.To] })
	g.Order = slices.DeleteFunc(slices.Clone(g.Order), func(c Constraint) bool { return !seen[c.First] || !seen[c.Then] })
	return g
}

// nodeSet are names of nodes.
type nodeSet map[string]bool

// state is what became of a node that is not in the profile.
func (s nodeSet) state(name string) State {
	if s[name] {
		return Out
	}
	return Beyond
}

// reached are the nodes to which edges lead from the root, whether their
// conditions hold or not.
func (g Graph) reached() nodeSet {
	next := map[string][]string{}
	for _, e := range g.Edges {
		next[e.From] = append(next[e.From], e.To)
	}
	seen := nodeSet{g.Root: true}
	for queue := []string{g.Root}; len(queue) > 0; queue = queue[1:] {
		for _, to := range next[queue[0]] {
			if !seen[to] {
				seen[to] = true
				queue = append(queue, to)
			}
		}
	}
	return seen
}

// Has says whether the graph has a node of that name.
func (g Graph) Has(name string) bool {
	return slices.ContainsFunc(g.Nodes, func(n Node) bool { return n.Name == name }) ||
		slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.From == name || e.To == name })
}

// clean makes a text fit for XML, which has no place for most control
// characters and none for what is not UTF-8.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}
