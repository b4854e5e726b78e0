package picture

import (
	"fmt"
	"strings"

	"quarry/internal/roll"
)

// FromRolls makes the graph of an appliance of rolls.
func FromRolls(s *roll.Selection, appliance string, attrs roll.Attributes) (Graph, error) {
	p, err := s.Walk(appliance, attrs)
	if err != nil {
		return Graph{}, err
	}
	x, err := s.Explain(appliance, attrs)
	if err != nil {
		return Graph{}, err
	}
	edges, err := s.Decisions(appliance, attrs)
	if err != nil {
		return Graph{}, err
	}
	g := Graph{Title: "The " + appliance + " of " + strings.Join(p.Rolls, ", ")}
	for _, a := range s.Appliances() {
		if a.Name == appliance {
			g.Root = a.Node
		}
	}
	facts := rollFacts(p)
	node := func(name string, state State, position int) Node {
		owner, rest, _ := strings.Cut(name, "/")
		return Node{Name: name, Roll: owner, Place: owner + "/nodes/" + rest + ".yaml", State: state, Position: position, Facts: facts[name]}
	}
	for i, name := range p.Order {
		g.Nodes = append(g.Nodes, node(name, In, i+1))
	}
	for _, e := range edges {
		g.Edges = append(g.Edges, Edge{From: e.FromNode, To: e.ToNode, If: e.If, Open: e.Holds, Place: e.From.Place()})
	}
	reached := g.reached()
	for _, absent := range x.Out {
		g.Nodes = append(g.Nodes, node(absent.Node, reached.state(absent.Node), 0))
	}
	for _, c := range s.Constraints() {
		g.Order = append(g.Order, Constraint{First: c.First, Then: c.Then, Place: c.From.Place()})
	}
	return g, nil
}

// rollFacts says of every node what it brings.
func rollFacts(p roll.Profile) map[string][]string {
	c := counts{}
	add := func(what string, from roll.Source) {
		name := strings.TrimSuffix(strings.TrimPrefix(from.File, "nodes/"), ".yaml")
		c.add(from.Roll+"/"+name, what)
	}
	for _, x := range p.Packages {
		add("package", x.From)
	}
	for _, x := range p.Files {
		add("file", x.From)
	}
	for _, x := range p.Services {
		add("service", x.From)
	}
	for what, list := range map[string][]roll.Script{"install script": p.Install, "boot script": p.Boot, "cluster script": p.Cluster, "check": p.Checks} {
		for _, x := range list {
			add(what, x.From)
		}
	}
	return c.facts()
}

// counts are how many of what a node brings.
type counts map[string]map[string]int

func (c counts) add(node, what string) {
	if c[node] == nil {
		c[node] = map[string]int{}
	}
	c[node][what]++
}

// facts gives a line for each node, in the order of these words.
func (c counts) facts() map[string][]string {
	order := []string{
		"package", "package switched off", "file", "service", "install script", "boot script", "cluster script", "check",
		"pre section", "post section", "line of the main section",
	}
	all := map[string][]string{}
	for node, kinds := range c {
		var words []string
		for _, what := range order {
			if kinds[what] > 0 {
				words = append(words, plural(kinds[what], what))
			}
		}
		all[node] = []string{"brings " + strings.Join(words, ", ")}
	}
	return all
}

func plural(n int, what string) string {
	first, rest, more := strings.Cut(what, " ")
	switch {
	case n == 1:
		return "1 " + what
	case more && (first == "package" || first == "line"):
		return fmt.Sprintf("%d %ss %s", n, first, rest)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
