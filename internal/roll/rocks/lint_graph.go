package rocks

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"quarry/internal/roll"
	"quarry/internal/roll/graph"
	"quarry/internal/roll/rocks/python"
)

// lintGraph finds what the walk passed over in silence.
func (w *walk) lintGraph() {
	w.lintCircles()
	w.lintOrderNames()
	w.lintGenerators()
	w.lintConditions()
	w.lintEdges()
	w.lintFiles()
}

func (w *walk) at(s EdgeSource, rule, message, fix string) {
	w.report(Finding{Rule: rule, File: s.File, Line: s.Line, Message: message, Fix: fix})
}

func (w *walk) lintCircles() {
	g := w.profile.Graph
	for _, circle := range g.Plan.Order.Circles() {
		var steps []string
		for _, i := range circle {
			e := g.Plan.Order.Edges()[i]
			steps = append(steps, fmt.Sprintf("%s before %s (%s:%d)", shown(e.From), shown(e.To), g.Order[e.Ref].File, g.Order[e.Ref].Line))
		}
		first := g.Plan.Order.Edges()[circle[0]]
		w.at(g.Order[first.Ref], ruleCycle, "the order goes round in a circle: "+strings.Join(steps, ", "), "take one of them out")
	}
}

// lintOrderNames finds names in orders that are no node.
func (w *walk) lintOrderNames() {
	g := w.profile.Graph
	told := map[string]bool{}
	for _, e := range g.Plan.Order.Edges() {
		for _, name := range []string{e.From, e.To} {
			if name == "HEAD" || name == "TAIL" || told[name] || g.named[name] {
				continue
			}
			told[name] = true
			if _, _, err := w.tree.find(shown(name), w.env.sunos); err == nil {
				continue // a node that no edge names: see lintFiles
			}
			message := fmt.Sprintf("the order names %q, which is no node: it orders nothing", shown(name))
			if near := roll.Near(name, slices.Values(slices.Sorted(maps.Keys(g.named)))); near != "" {
				w.at(g.Order[e.Ref], ruleOrderName, message, fmt.Sprintf("did you mean %q?", near))
				continue
			}
			w.at(g.Order[e.Ref], ruleOrderForeign, message, "add the roll that brings the node, or take the order out")
		}
	}
}

// lintGenerators finds selected nodes that an order for another generator drops.
func (w *walk) lintGenerators() {
	g := w.profile.Graph
	selected := map[string]bool{}
	for _, m := range g.Walk.Members {
		selected[m.Node] = m.Selected
	}
	for _, v := range g.Walk.Sorted {
		if v.Edge < 0 || !selected[v.Node] {
			continue
		}
		e := g.Plan.Order.Edges()[v.Edge]
		if e.For != nil && *e.For != g.Plan.Generator {
			w.at(g.Order[e.Ref], ruleOrderGenerator, fmt.Sprintf("the order is for the generator %q, and that drops %s from the profile", *e.For, v.Node), "take gen out, or the order")
		}
	}
}

// lintConditions looks at conditions that the walk alone decides.
func (w *walk) lintConditions() {
	g := w.profile.Graph
	for _, m := range g.Walk.Members {
		if m.Edge < 0 {
			continue
		}
		e := g.Plan.Nodes.Edges()[m.Edge]
		from := g.Edges[e.Ref]
		if e.If == "" || from.Form != "edge" {
			continue
		}
		// It was decided before, so that there is no error now.
		_, _ = w.tree.conditions.decide(e.If, w.env.escaped, func(x *python.Expr, r python.Result) {
			lintCondition(e.If, x, r, w.env.escaped, func(rule, message, fix string) { w.at(from, rule, message, fix) })
		})
	}
}

// lintEdges compares the nodes of the profile with those that can be reached
// over nodes and edges whose conditions hold.
func (w *walk) lintEdges() {
	g := w.profile.Graph
	edges := g.Plan.Nodes.Edges()
	into := map[string][]int{}
	open := &graph.Graph{}
	for i, e := range edges {
		into[e.To] = append(into[e.To], i)
		if w.holds(e) && e.From != e.To {
			open.Add(e)
		}
	}
	reached, _ := open.Reach(w.profile.Root) // without self edges it cannot fail
	sound := map[string]bool{w.profile.Root: true}
	for _, v := range reached {
		sound[v.Node] = true
	}
	w.lintChildren(sound)
	for _, m := range g.Walk.Members {
		if m.Edge >= 0 {
			w.lintWays(m, into[m.Node], sound)
		}
	}
}

func (w *walk) holds(e graph.Edge) bool {
	yes, err := w.tree.conditions.decide(e.If, w.env.escaped, nil)
	return yes && err == nil
}

// lintWays looks at the edges that lead to one node.
func (w *walk) lintWays(m graph.Member, ways []int, sound map[string]bool) {
	g := w.profile.Graph
	edges := g.Plan.Nodes.Edges()
	first := g.Edges[edges[m.Edge].Ref]
	for _, i := range ways {
		e := edges[i]
		holds := w.holds(e)
		if i == m.Edge || !sound[e.From] || holds == m.Selected {
			continue
		}
		other := g.Edges[e.Ref]
		if holds {
			w.at(first, ruleEdgeDisagree, fmt.Sprintf("%s is dropped by the condition %q, although %s leads to it too (%s:%d): the edge that is met first decides",
				m.Node, edges[m.Edge].If, shown(e.From), other.File, other.Line), "write the condition as an edge with a to element inside: such an edge is not there when its condition is false")
			return
		}
		w.at(other, ruleEdgeFirst, fmt.Sprintf("%s is in the profile although the condition %q of this edge is false: that of %s was met first", m.Node, e.If, ends(edges[m.Edge])),
			"write it as an edge with a to element inside")
	}
}

// lintChildren finds nodes that are in the profile only through one that is not.
func (w *walk) lintChildren(sound map[string]bool) {
	g := w.profile.Graph
	by := map[string]graph.Member{}
	for _, m := range g.Walk.Members {
		by[m.Node] = m
	}
	kept := map[string][]string{}
	for _, m := range g.Walk.Members {
		if !m.Selected || sound[m.Node] {
			continue
		}
		up := m
		for steps := 0; up.Selected && up.Edge >= 0 && steps <= len(by); steps++ {
			up = by[g.Plan.Nodes.Edges()[up.Edge].From]
		}
		if !up.Selected {
			kept[up.Node] = append(kept[up.Node], m.Node)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		e := g.Plan.Nodes.Edges()[by[name].Edge]
		w.at(g.Edges[e.Ref], ruleEdgeChildren, fmt.Sprintf("%s is dropped by the condition %q, but %s behind it stay", shown(name), e.If, strings.Join(kept[name], ", ")),
			"write it as an edge with a to element inside: then what is behind it goes too")
	}
}

// lintFiles compares the node files with the names in the graph.
func (w *walk) lintFiles() {
	g := w.profile.Graph
	told := map[string]bool{"HEAD": true, "TAIL": true}
	for _, m := range g.Walk.Order {
		told[m] = true // it has a file
	}
	for _, e := range g.Plan.Nodes.Edges() {
		for _, name := range []string{e.From, e.To} {
			if told[name] {
				continue
			}
			told[name] = true
			if _, _, err := w.tree.find(shown(name), w.env.sunos); err != nil {
				w.at(g.Edges[e.Ref], ruleNoTarget, fmt.Sprintf("the edge %s names %s, which has no file: a profile with it cannot be made", ends(e), shown(name)), "add the file, or take the edge out")
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(w.tree.files)) {
		name := strings.TrimSuffix(path.Base(key), ".xml")
		base := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(name, "extend-"), "replace-"), "sol_")
		file := display(key)
		if !g.named[base] && !g.named[name] {
			w.report(Finding{Rule: ruleUnreached, File: file, Message: fmt.Sprintf("no edge names %s: it is in no profile", base), Fix: "add an edge, or remove the file"})
		}
		if rest, ok := strings.CutPrefix(key, "site-nodes/"); ok && w.tree.files["nodes/"+rest] != nil {
			w.report(Finding{Rule: ruleSiteNode, File: file, Message: fmt.Sprintf("it is never read: nodes/%s comes first", rest), Fix: "name it replace-" + rest + " or extend-" + rest})
		}
	}
}
