package picture

import (
	"fmt"

	"quarry/internal/roll/rocks"
)

// FromRocks makes the graph of a walk over Rocks rolls. The walk may have been
// refused, as long as its graphs could be read.
func FromRocks(p *rocks.Profile) (Graph, error) {
	g := Graph{Title: "The node " + p.Root + " of Rocks rolls", Root: p.Root}
	if p.Graph == nil {
		return g, nil
	}
	r := rocksGraph{profile: p, graph: &g, rolls: map[string]string{}, ends: map[string][]string{}}
	if err := r.edges(); err != nil {
		return g, err
	}
	r.order()
	r.nodes()
	return g, nil
}

type rocksGraph struct {
	profile *rocks.Profile
	graph   *Graph
	rolls   map[string]string   // by node: the roll whose edge names it first
	ends    map[string][]string // by node: what holds it at an end of the order
}

func at(from rocks.EdgeSource) string { return fmt.Sprintf("%s:%d", from.File, from.Line) }

func (r *rocksGraph) edges() error {
	source := r.profile.Graph
	holds := map[string]bool{"": true}
	for _, e := range source.Plan.Nodes.Edges() {
		from := source.Edges[e.Ref]
		if _, known := holds[e.If]; !known {
			yes, err := source.Plan.Holds(e.If)
			if err != nil {
				return fmt.Errorf("%s: the condition %q cannot be decided: %w", at(from), e.If, err)
			}
			holds[e.If] = yes
		}
		r.edge(e.From, e.To, e.If, holds[e.If], from)
	}
	for _, e := range source.Pruned {
		r.edge(e.From, e.To, e.If, false, e.EdgeSource)
	}
	return nil
}

func (r *rocksGraph) edge(from, to, cond string, open bool, source rocks.EdgeSource) {
	r.graph.Edges = append(r.graph.Edges, Edge{From: from, To: to, If: cond, Open: open, Place: at(source)})
	if r.rolls[to] == "" {
		r.rolls[to] = source.Roll
	}
}

func (r *rocksGraph) order() {
	plan := r.profile.Graph.Plan
	for _, e := range plan.Order.Edges() {
		place := at(r.profile.Graph.Order[e.Ref])
		switch {
		case e.From == plan.Last:
			r.ends[e.To] = append(r.ends[e.To], "late: after "+plan.Last+", "+place)
		case e.To == plan.First:
			r.ends[e.From] = append(r.ends[e.From], "early: before "+plan.First+", "+place)
		}
		r.graph.Order = append(r.graph.Order, Constraint{First: e.From, Then: e.To, Place: place})
	}
}

func (r *rocksGraph) nodes() {
	facts := r.facts()
	seen := map[string]bool{}
	for i, n := range r.profile.Order {
		seen[n.Name] = true
		r.graph.Nodes = append(r.graph.Nodes, Node{
			Name: n.Name, Roll: n.Roll, Place: n.Files[len(n.Files)-1], State: In, Position: i + 1,
			Facts: append(facts[n.Name], r.ends[n.Name]...),
		})
	}
	reached := r.graph.reached()
	for _, name := range r.graph.names() {
		if !seen[name] {
			r.graph.Nodes = append(r.graph.Nodes, Node{Name: name, Roll: r.rolls[name], State: reached.state(name), Facts: r.ends[name]})
		}
	}
}

// names are all that edges name, as they do.
func (g Graph) names() []string {
	var list []string
	seen := map[string]bool{}
	for _, e := range g.Edges {
		for _, name := range []string{e.From, e.To} {
			if !seen[name] {
				seen[name] = true
				list = append(list, name)
			}
		}
	}
	return list
}

func (r *rocksGraph) facts() map[string][]string {
	c := counts{}
	for _, x := range r.profile.Packages {
		if x.On {
			c.add(x.Node, "package")
		} else {
			c.add(x.Node, "package switched off")
		}
	}
	for _, x := range r.profile.Main {
		c.add(x.Node, "line of the main section")
	}
	for _, x := range r.profile.Pre {
		c.add(x.Node, "pre section")
	}
	for _, x := range r.profile.Posts {
		if !x.Log {
			c.add(x.Node, "post section")
		}
	}
	for _, list := range [][]rocks.Script{r.profile.BootPre, r.profile.BootPost} {
		for _, x := range list {
			c.add(x.Node, "boot script")
		}
	}
	return c.facts()
}
