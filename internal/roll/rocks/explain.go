package rocks

import (
	"fmt"
	"slices"
)

// Explanation says about a node of the graph how it got into the profile, or
// what kept it out, why it stands where it stands, and what it brings.
type Explanation struct {
	Node     string   `json:"node"`
	Selected bool     `json:"selected"`
	By       []Way    `json:"by"`
	Next     string   `json:"next,omitempty"` // the node after it
	Because  []string `json:"because,omitempty"`
	Packages []Brings `json:"packages,omitempty"`
	Files    []Brings `json:"files,omitempty"`
	Scripts  []Brings `json:"scripts,omitempty"`
}

// Way is an edge that leads to a node.
type Way struct {
	From  string `json:"from"`
	If    string `json:"if,omitempty"`
	Holds bool   `json:"holds"`
	// Used is true for the edge by which the node was first reached: its
	// condition alone decides.
	Used bool   `json:"used"`
	Roll string `json:"roll"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Brings is what an element of a node's file brings.
type Brings struct {
	What string `json:"what"`
	Roll string `json:"roll"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// Explain explains every node that edges lead to from nodes that were reached,
// those of the profile first and in their order.
func (p *Profile) Explain() []Explanation {
	g := p.Graph
	if g == nil || g.Walk == nil {
		return nil
	}
	all := map[string]*Explanation{}
	at := func(name string) *Explanation {
		name = shown(name)
		if all[name] == nil {
			all[name] = &Explanation{Node: name, By: []Way{}}
		}
		return all[name]
	}
	used := map[int]bool{}
	for _, m := range g.Walk.Members {
		e := at(m.Node)
		e.Selected = m.Selected
		used[m.Edge] = true
	}
	p.ways(at, used)
	var list []Explanation
	for _, name := range p.position(all) {
		list = append(list, *all[name])
	}
	p.brings(list)
	return list
}

func (p *Profile) ways(at func(string) *Explanation, used map[int]bool) {
	g := p.Graph
	reached := map[string]bool{}
	for _, m := range g.Walk.Members {
		reached[m.Node] = true
	}
	for i, e := range g.Plan.Nodes.Edges() {
		if !reached[e.From] {
			continue
		}
		holds, err := g.Plan.Holds(e.If)
		from := g.Edges[e.Ref]
		x := at(e.To)
		x.By = append(x.By, Way{From: shown(e.From), If: e.If, Holds: holds && err == nil, Used: used[i], Roll: from.Roll, File: from.File, Line: from.Line})
	}
	for _, e := range g.Pruned {
		if reached[e.From] {
			x := at(e.To)
			x.By = append(x.By, Way{From: e.From, If: e.If, Roll: e.Roll, File: e.File, Line: e.Line})
		}
	}
}

// position sorts the names: the profile's in their order, the others by name.
func (p *Profile) position(all map[string]*Explanation) []string {
	order := p.Graph.Walk.Order
	var list []string
	for i, name := range order {
		x := all[shown(name)]
		list = append(list, x.Node)
		if i+1 < len(order) {
			x.Next, x.Because = shown(order[i+1]), p.because(name, order[i+1])
		}
	}
	var rest []string
	for name := range all {
		if !slices.Contains(list, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(list, rest...)
}

// because says why a stands before b.
func (p *Profile) because(a, b string) []string {
	g := p.Graph
	order := g.Plan.Order
	var list []string
	for _, i := range order.Path(a, b) {
		e := order.Edges()[i]
		from := g.Order[e.Ref]
		list = append(list, fmt.Sprintf("%s before %s (%s:%d)", shown(e.From), shown(e.To), from.File, from.Line))
	}
	switch {
	case list != nil:
	case !order.Has(a) && !order.Has(b):
		list = []string{"no order names either of them: these come by name, where " + g.Plan.Last + " is"}
	case !order.Has(b):
		list = []string{shown(b) + " is in no order: it comes where " + g.Plan.Last + " is"}
	case !order.Has(a):
		list = []string{shown(a) + " is in no order: it comes where " + g.Plan.Last + " is, and " + shown(b) + " comes after that"}
	default:
		list = []string{"no order is between them: the sort of all orders met them so"}
	}
	return list
}

func (p *Profile) brings(list []Explanation) {
	at := map[string]*Explanation{}
	for i := range list {
		at[list[i].Node] = &list[i]
	}
	for _, x := range p.Packages {
		if e := at[x.Node]; e != nil {
			what := x.Name
			if !x.On {
				what = "-" + what
			}
			e.Packages = append(e.Packages, Brings{what, x.Roll, x.File, x.Line})
		}
	}
	for _, x := range p.Files {
		if e := at[x.Node]; e != nil {
			e.Files = append(e.Files, Brings{x.Path, x.Roll, x.File, x.Line})
		}
	}
	for _, kind := range []struct {
		name string
		list []Script
	}{{"pre", p.Pre}, {"post", p.Posts}, {"boot pre", p.BootPre}, {"boot post", p.BootPost}} {
		for _, x := range kind.list {
			if e := at[x.Node]; e != nil && !x.Log {
				e.Scripts = append(e.Scripts, Brings{kind.name, x.Roll, x.File, x.Line})
			}
		}
	}
}
