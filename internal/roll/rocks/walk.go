package rocks

import (
	"errors"
	"fmt"

	"quarry/internal/roll/graph"
)

// Walk makes the profile of the node root. What Rocks' own code refuses comes
// back as a Refusal, with the profile as far as it got.
func (t *Tree) Walk(root string, attrs map[string]string, o Options) (*Profile, error) {
	p := &Profile{Root: root}
	w := &walk{tree: t, options: o, profile: p, env: newEnvironment(attrs, root, o)}
	err := w.run(root)
	if refused, ok := errors.AsType[*Refusal](err); ok {
		w.report(refused.finding())
	}
	p.Findings = w.findings()
	return p, err
}

type walk struct {
	tree    *Tree
	options Options
	env     *environment
	profile *Profile
	found   []Finding
}

func (w *walk) report(f Finding) { w.found = append(w.found, f) }

func (w *walk) run(root string) error {
	g, err := w.graph(root)
	if err != nil {
		return err
	}
	parts, err := w.nodes(g.Walk.Order)
	if err != nil {
		w.profile.Order = nil
		return err
	}
	if !w.options.Compat {
		w.lintGraph()
	}
	if w.env.sunos { // the generator looks for kickstart elements, and there are none
		w.report(Finding{Rule: ruleSunOS, Message: "of a node with os sunos only the order is made", Fix: "set os to linux"})
		return nil
	}
	attrs, err := w.env.forNodes()
	if err != nil {
		return err
	}
	gen := &generator{
		tree: w.tree, env: w.env, attrs: attrs, options: w.options, profile: w.profile, report: w.report,
		decided: map[string]bool{}, owners: map[string]*WrittenFile{}, isOn: map[string]bool{}, seen: map[Contributor]bool{},
	}
	return gen.run(parts)
}

// graph gives the graph, walked.
func (w *walk) graph(root string) (*Graph, error) {
	if !w.options.Compat { // what is found on the way is wanted too
		return w.newGraph(root, w.report)
	}
	if key, ok := w.tree.key(w.env, root); ok {
		if g := w.tree.shaped(key, w.env); g != nil {
			w.profile.Graph = g
			return g, nil
		}
	}
	g, err := w.newGraph(root, nil)
	if err == nil {
		w.tree.keep(g, w.env, root)
	}
	return g, err
}

func (w *walk) newGraph(root string, report func(Finding)) (*Graph, error) {
	g, err := w.tree.readGraphs(w.env, report)
	if err != nil {
		return nil, err
	}
	w.profile.Graph = g
	if g.Walk, err = g.Plan.Walk(root); err != nil {
		return nil, w.graphRefusal(g, err)
	}
	return g, nil
}

// nodes reads the files of the nodes in their order.
func (w *walk) nodes(order []string) ([]part, error) {
	var parts []part
	vars := map[string]string{}
	for _, name := range order {
		reached := name
		name, files, err := w.tree.find(shown(name), w.env.sunos)
		if err != nil {
			from := w.mention(reached)
			return nil, place(err, from.File, from.Line)
		}
		n := Node{Name: name}
		for _, f := range files {
			r := w.tree.read(f, w.env, vars, w.options.Evals)
			w.take(r.findings)
			if r.err != nil {
				return nil, r.err
			}
			n.Files, n.Roll = append(n.Files, f.path), r.roll
			parts = append(parts, part{node: name, elements: r.elements})
		}
		w.profile.Order = append(w.profile.Order, n)
	}
	return parts, nil
}

// mention finds the edge by which a node got in.
func (w *walk) mention(name string) EdgeSource {
	g := w.profile.Graph
	for _, m := range g.Walk.Members {
		if m.Node == name && m.Edge >= 0 {
			return g.Edges[g.Plan.Nodes.Edges()[m.Edge].Ref]
		}
	}
	return EdgeSource{}
}

// graphRefusal puts what the graph engine says into Rocks' words.
func (w *walk) graphRefusal(g *Graph, err error) error {
	if missing, ok := errors.AsType[*graph.MissingError](err); ok {
		r := &Refusal{Rule: ruleNoRoot, Text: fmt.Sprintf("error - node %s in not in graph", missing.Node), Fix: "name a node that an edge names"}
		for _, p := range g.Pruned {
			if p.From == missing.Node || p.To == missing.Node {
				r.File, r.Line, r.Fix = p.File, p.Line, fmt.Sprintf("the condition %q of all its edges does not hold: set its attributes", p.If)
			}
		}
		return r
	}
	if self, ok := errors.AsType[*graph.SelfError](err); ok {
		r := &Refusal{Rule: ruleSelf, Class: "KeyError", Text: shown(self.Node), Fix: "take the edge from " + shown(self.Node) + " to itself out"}
		return w.selfSource(g, self, r)
	}
	if end, ok := errors.AsType[*graph.EndError](err); ok {
		word := "setOutDegree"
		if end.Last {
			word = "setInDegree"
		}
		return &Refusal{
			Rule: ruleCycle, Class: "AttributeError", Text: "'NoneType' object has no attribute '" + word + "'",
			Fix: "break the circle of orders that leads to " + shown(end.Node),
		}
	}
	if cond, ok := errors.AsType[*graph.ConditionError](err); ok {
		from := g.Edges[g.Plan.Nodes.Edges()[cond.Edge].Ref]
		return place(cond.Err, from.File, from.Line)
	}
	return err
}

func (w *walk) selfSource(g *Graph, self *graph.SelfError, r *Refusal) error {
	edges, sources := g.Plan.Nodes.Edges(), g.Edges
	if self.Edge >= len(edges) || edges[self.Edge].From != self.Node || edges[self.Edge].To != self.Node {
		edges, sources = g.Plan.Order.Edges(), g.Order
	}
	if self.Edge < len(edges) && edges[self.Edge].Ref < len(sources) {
		from := sources[edges[self.Edge].Ref]
		r.File, r.Line = from.File, from.Line
	}
	return r
}
