package graph

import (
	"fmt"
	"slices"
	"strings"
)

// Plan is what a walk needs: which nodes there are by which edges, and what
// comes before what.
type Plan struct {
	Nodes *Graph
	Order *Graph
	// First and Last are the names in Order that stand for the ends. They are
	// in no profile themselves.
	First, Last string
	// Generator is the one of Edge.For.
	Generator string
	// Holds decides a condition.
	Holds func(condition string) (bool, error)
}

// Member is a node that was reached.
type Member struct {
	Visit
	Selected bool // the condition of the edge by which it was reached holds
}

// Walk is what came out of a plan.
type Walk struct {
	Members []Member // by name
	Sorted  []Visit  // all nodes of the order graph, sorted
	Order   []string // the selected nodes, in their order
}

// MissingError tells that no edge mentions the node to start from.
type MissingError struct{ Node string }

func (e *MissingError) Error() string { return fmt.Sprintf("no edge names %q", e.Node) }

// ConditionError tells of a condition that cannot be decided.
type ConditionError struct {
	Edge int // in Plan.Nodes
	Err  error
}

func (e *ConditionError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with the condition.
func (e *ConditionError) Unwrap() error { return e.Err }

// Walk gives the profile of a node: every node that can be reached from it and
// was first reached by an edge whose condition holds. They come in the order of
// the order graph; those that it does not mention come by name, in one block,
// where Last is (at the end, where it is not).
func (p Plan) Walk(root string) (*Walk, error) {
	if !p.Nodes.Has(root) {
		return nil, &MissingError{Node: root}
	}
	reached, err := p.Nodes.Reach(root)
	if err != nil {
		return nil, err
	}
	w := &Walk{}
	if w.Sorted, err = p.Order.Sort(p.First, p.Last); err != nil {
		return nil, err
	}
	slices.SortFunc(reached, func(a, b Visit) int { return strings.Compare(a.Node, b.Node) })
	selected := make(map[string]bool, len(reached))
	for _, v := range reached {
		m := Member{Visit: v, Selected: true}
		if v.Edge != none && p.Nodes.edges[v.Edge].If != "" {
			if m.Selected, err = p.Holds(p.Nodes.edges[v.Edge].If); err != nil {
				return nil, &ConditionError{Edge: v.Edge, Err: err}
			}
		}
		selected[v.Node] = m.Selected
		w.Members = append(w.Members, m)
	}
	w.Order = p.arrange(w, selected)
	return w, nil
}

func (p Plan) arrange(w *Walk, selected map[string]bool) []string {
	sorted := make(map[string]bool, len(w.Sorted))
	for _, v := range w.Sorted {
		sorted[v.Node] = true
	}
	var rest []string
	for _, m := range w.Members {
		if m.Selected && !sorted[m.Node] && !p.end(m.Node) {
			rest = append(rest, m.Node)
		}
	}
	var order []string
	placed := false
	for _, v := range w.Sorted {
		switch {
		case v.Node == p.Last:
			order, placed = append(order, rest...), true
		case selected[v.Node] && p.meant(v) && !p.end(v.Node):
			order = append(order, v.Node)
		}
	}
	if !placed {
		order = append(order, rest...)
	}
	return order
}

func (p Plan) end(name string) bool { return name == p.First || name == p.Last }

// meant says whether the constraint by which the sort came to a node is meant
// for this generator.
func (p Plan) meant(v Visit) bool {
	if v.Edge == none {
		return true
	}
	only := p.Order.edges[v.Edge].For
	return only == nil || *only == p.Generator
}
