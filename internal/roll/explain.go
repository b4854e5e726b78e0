package roll

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Explanation says of every node of the selected rolls why it is in an
// appliance's profile or why it is not, and why the profile has its order.
type Explanation struct {
	Appliance string   `json:"appliance"`
	Rolls     []string `json:"rolls"` // "name@version"
	In        []Member `json:"in"`    // in the profile's order
	Out       []Absent `json:"out"`   // by name
}

// Member is a node that is in the profile.
type Member struct {
	Node string `json:"node"`
	// By are all edges that lead to it from nodes of the profile and hold; for
	// the node from which the walk starts, there is the appliance as well.
	By []Reason `json:"by"`
	// After says why it comes after the node before it, nil for the first.
	After *Reason `json:"after,omitempty"`
}

// Absent is a node that is not in the profile.
type Absent struct {
	Node string `json:"node"`
	// Because are the edges to it whose conditions do not hold, or that come
	// from nodes that are not there either. None: nothing leads to it.
	Because []Reason `json:"because"`
}

// Reason is a line of a roll and what it does.
type Reason struct {
	Text string `json:"text"`
	// From is empty when no line says so: equals come by name.
	From Source `json:"from,omitzero"`
}

// Explain says why the walk of an appliance gives the profile that it gives.
func (s *Selection) Explain(appliance string, attrs Attributes) (Explanation, error) {
	w, err := s.reach(appliance, attrs)
	if err != nil {
		return Explanation{}, err
	}
	order, err := s.arrange(w.nodes)
	if err != nil {
		return Explanation{}, err
	}
	x := Explanation{Appliance: appliance, Rolls: s.Refs(), Out: []Absent{}}
	for i, name := range order {
		m := Member{Node: name, By: s.ways(w, name)}
		if i > 0 {
			m.After = new(s.between(order[i-1], name))
		}
		x.In = append(x.In, m)
	}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		if !w.in[name] {
			x.Out = append(x.Out, Absent{Node: name, Because: s.obstacles(w, name)})
		}
	}
	return x, nil
}

// ways are how a node got in.
func (s *Selection) ways(w reached, name string) []Reason {
	var by []Reason
	if name == w.start.Node {
		by = append(by, Reason{"appliance " + w.start.Name + " starts here", w.start.From})
	}
	for _, d := range w.decided {
		if d.ToNode != name || !d.holds || !w.in[d.FromNode] {
			continue
		}
		text := "edge from " + d.FromNode
		if d.If != "" {
			text += ", for " + d.If
		}
		by = append(by, Reason{text, d.From})
	}
	return by
}

// obstacles are what kept a node out.
func (s *Selection) obstacles(w reached, name string) []Reason {
	because := []Reason{}
	for _, a := range s.Appliances() {
		if a.Node == name {
			because = append(because, Reason{"this is where the appliance " + a.Name + " starts", a.From})
		}
	}
	for _, d := range w.decided {
		if d.ToNode != name {
			continue
		}
		text := fmt.Sprintf("the edge from %s does not hold: %s is false", d.FromNode, d.If)
		if !w.in[d.FromNode] {
			text = fmt.Sprintf("the edge from %s leads nowhere: that node is not in the profile either", d.FromNode)
		}
		because = append(because, Reason{text, d.From})
	}
	return because
}

// between says why a node comes right after another one. When the sort came
// to choose the first, the second either waited for it, and for nothing else,
// or it could have been chosen as well.
func (s *Selection) between(first, then string) Reason {
	place := func(node string) (rank int, why Reason) {
		for _, c := range s.constraints() {
			switch {
			case c.First == node && c.Then == anyNode:
				rank, why = rank-1, Reason{node + ` is before "*"`, c.From}
			case c.Then == node && c.First == anyNode:
				rank, why = rank+1, Reason{node + ` is after "*"`, c.From}
			}
		}
		return rank, why
	}
	for _, c := range s.constraints() {
		if c.First == first && c.Then == then {
			return Reason{fmt.Sprintf("%s comes before %s", first, then), c.From}
		}
	}
	rankFirst, whyFirst := place(first)
	rankThen, whyThen := place(then)
	switch {
	case rankFirst == rankThen:
		return Reason{Text: "nothing says which comes first, so they come by name"}
	case rankFirst < 0:
		return whyFirst
	case rankThen > 0:
		return whyThen
	case whyFirst.Text != "":
		return whyFirst
	}
	return whyThen
}

// Place is "roll/file:line" of a source, "" of none.
func (f Source) Place() string {
	if f.File == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s:%d", f.Roll, f.File, f.Line)
}

func (s *Selection) constraints() []Constraint {
	var all []Constraint
	for _, r := range s.rolls {
		all = append(all, r.Order...)
	}
	return all
}

// Origins lists everything in a profile with the line that brought it, as
// "kind", "what", "roll/file:line".
func (p Profile) Origins() [][3]string {
	var all [][3]string
	for _, pkg := range p.Packages {
		all = append(all, [3]string{"package", pkg.Name, pkg.From.Place()})
	}
	for _, f := range p.Files {
		what := strings.Join([]string{f.Path, f.Mode, f.Owner}, " ")
		if f.Template {
			what += " template"
		}
		all = append(all, [3]string{"file", what, f.From.Place()})
	}
	for _, u := range p.Services {
		all = append(all, [3]string{"service", u.Unit + " " + u.State, u.From.Place()})
	}
	for _, kind := range []struct {
		name    string
		scripts []Script
	}{{"install", p.Install}, {"boot", p.Boot}, {"cluster", p.Cluster}, {"check", p.Checks}} {
		for _, script := range kind.scripts {
			all = append(all, [3]string{kind.name, script.Name, script.From.Place()})
		}
	}
	return all
}
