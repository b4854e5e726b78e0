package roll

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/roll/graph"
)

// Walk gives the profile of an appliance. The nodes in it are those that can
// be reached from the appliance's node over edges whose conditions hold. They
// come in an order that satisfies every constraint between them; where
// constraints leave a choice, nodes that are "before: *" come first, those
// "after: *" last, and equal ones by name. The same rolls and attributes give
// the same profile, always.
func (s *Selection) Walk(appliance string, attrs Attributes) (Profile, error) {
	w, err := s.reach(appliance, attrs)
	if err != nil {
		return Profile{}, err
	}
	order, err := s.arrange(w.nodes)
	if err != nil {
		return Profile{}, err
	}
	return s.merge(appliance, order, attrs)
}

// reached is which nodes a walk comes to, and how it decided.
type reached struct {
	start   Appliance
	nodes   []string
	in      map[string]bool
	decided []decided
}

// decided is an edge between nodes of the selection and whether it holds.
type decided struct {
	Edge
	holds bool
}

// reach follows the edges whose conditions hold from an appliance's node.
func (s *Selection) reach(appliance string, attrs Attributes) (reached, error) {
	w := reached{start: s.appliance(appliance), in: map[string]bool{}}
	if w.start.Name == "" {
		var names []string
		for _, a := range s.Appliances() {
			names = append(names, a.Name)
		}
		return w, fault.New(fault.Invalid, "No such appliance", fault.Detail{Field: "appliance", Message: fmt.Sprintf(
			"the rolls %s have no appliance %q%s; they have %s", strings.Join(s.Names(), ", "), appliance,
			didYouMean(appliance, slices.Values(names)), strings.Join(names, ", "))})
	}
	if err := s.checkAttributes(attrs); err != nil {
		return w, err
	}
	var err error
	if w.decided, err = s.decide(appliance, attrs); err != nil {
		return w, err
	}
	var open graph.Graph
	for _, d := range w.decided {
		if d.holds && d.FromNode != d.ToNode {
			open.Add(graph.Edge{From: d.FromNode, To: d.ToNode})
		}
	}
	visits, err := open.Reach(w.start.Node)
	if err != nil {
		return w, fmt.Errorf("walk from %s: %w", w.start.Node, err)
	}
	if len(visits) == 0 { // no edge names it
		visits = []graph.Visit{{Node: w.start.Node}}
	}
	for _, v := range visits {
		w.in[v.Node] = true
		w.nodes = append(w.nodes, v.Node)
	}
	return w, nil
}

// decide says of every edge whether it holds. Edges to or from rolls that are
// not selected do not exist.
func (s *Selection) decide(appliance string, attrs Attributes) ([]decided, error) {
	var all []decided
	var wrong fault.List
	for _, r := range s.rolls {
		env, err := s.environment(r, appliance, attrs)
		if err != nil {
			return nil, err
		}
		for _, e := range r.Edges {
			if s.nodes[e.FromNode] == nil || s.nodes[e.ToNode] == nil {
				continue
			}
			yes, err := e.holds(env)
			if err != nil {
				wrong.Add(r.place(e.From), fmt.Sprintf("condition %q: %v", e.If, err))
			}
			all = append(all, decided{e, yes})
		}
	}
	return all, wrong.Err(fault.Invalid, "A condition cannot be decided")
}

// merge puts the nodes together, in order.
func (s *Selection) merge(appliance string, order []string, attrs Attributes) (Profile, error) {
	p := Profile{Appliance: appliance, Order: order}
	m := merger{selection: s, profile: &p, packages: map[string]bool{}, files: map[string]File{}, units: map[string]Service{}}
	rolls := map[string]bool{}
	for _, name := range order {
		owner, _, _ := strings.Cut(name, "/")
		rolls[owner] = true
		m.add(s.nodes[name], attrs)
	}
	for _, r := range s.rolls {
		if rolls[r.Name] {
			p.Rolls = append(p.Rolls, r.Name+"@"+r.Version)
		}
	}
	return p, m.wrong.Err(fault.Invalid, "The nodes of the rolls contradict each other")
}

type merger struct {
	selection *Selection
	profile   *Profile
	packages  map[string]bool
	files     map[string]File
	units     map[string]Service
	wrong     fault.List
}

func (m *merger) add(n *Node, attrs Attributes) {
	for _, p := range n.Packages {
		if m.fits(p.OS, attrs) {
			m.addPackages(p, attrs)
		}
	}
	for _, f := range n.Files {
		if first, ok := m.files[f.Path]; ok {
			m.wrong.Add(m.selection.place(f.From), fmt.Sprintf("%s is written by %s too: one file, one node", f.Path, m.selection.place(first.From)))
			continue
		}
		m.files[f.Path] = f
		m.profile.Files = append(m.profile.Files, f)
	}
	for _, u := range n.Services {
		first, ok := m.units[u.Unit]
		if ok && first.State != u.State {
			m.wrong.Add(m.selection.place(u.From), fmt.Sprintf("%s is to be %s, but %s by %s", u.Unit, u.State, first.State, m.selection.place(first.From)))
		}
		if ok {
			continue
		}
		m.units[u.Unit] = u
		m.profile.Services = append(m.profile.Services, u)
	}
	m.profile.Install = append(m.profile.Install, n.Install...)
	m.profile.Boot = append(m.profile.Boot, n.Boot...)
	m.profile.Cluster = append(m.profile.Cluster, n.Cluster...)
	m.profile.Checks = append(m.profile.Checks, n.Checks...)
}

func (m *merger) fits(system string, attrs Attributes) bool {
	family, release := fact(attrs, "os"), fact(attrs, "release")
	return system == "" || system == family || system == family+"/"+release
}

func (m *merger) addPackages(p NodePackage, attrs Attributes) {
	names := []string{p.Name}
	if p.Parameter != "" {
		names = m.listed(p.Parameter, attrs)
	}
	for _, name := range names {
		if !packageName.MatchString(name) {
			m.wrong.Add("parameters."+p.Parameter, fmt.Sprintf("%q cannot be the name of a package", name))
			continue
		}
		if m.packages[name] {
			continue
		}
		m.packages[name] = true
		m.profile.Packages = append(m.profile.Packages, Package{Name: name, From: p.From})
	}
}

// listed returns the items of a parameter or an attribute.
func (m *merger) listed(name string, attrs Attributes) []string {
	switch value := attrs[name].(type) {
	case string:
		return strings.Fields(value)
	case []string:
		return value
	}
	for _, p := range m.selection.Parameters() {
		if p.Name == name && p.Default != nil {
			return strings.Fields(*p.Default)
		}
	}
	where := Where{OS: fact(attrs, "os"), Release: fact(attrs, "release"), Appliance: m.profile.Appliance}
	return strings.Fields(m.selection.At(where, nil)[name])
}

// arrange puts nodes into their order: see Walk.
func (s *Selection) arrange(nodes []string) ([]string, error) {
	order, cycle := sortNodes(nodes, s.constraints())
	if len(cycle) == 0 {
		return order, nil
	}
	var wrong fault.List
	for _, c := range cycle {
		wrong.Add(s.place(c.From), fmt.Sprintf("%s comes before %s", c.First, c.Then))
	}
	return nil, wrong.Err(fault.Invalid, "The order of nodes goes round in a circle")
}

// sortNodes puts nodes into the order that the constraints between them ask
// for; where there is none it returns the constraints of one circle, in order.
// Where there is a choice the node of the lowest rank, then name, goes first:
// each "before: *" takes one from a node's rank, each "after: *" adds one.
func sortNodes(nodes []string, constraints []Constraint) (order []string, circle []Constraint) {
	rank := map[string]int{}
	var g graph.Graph
	for i, c := range constraints {
		switch {
		case c.Then == anyNode:
			rank[c.First]--
		case c.First == anyNode:
			rank[c.Then]++
		default:
			g.Add(graph.Edge{From: c.First, To: c.Then, Ref: i})
		}
	}
	order, err := g.Arrange(nodes, func(n string) int { return rank[n] })
	if round, ok := errors.AsType[*graph.CircleError](err); ok {
		for _, e := range round.Edges {
			circle = append(circle, constraints[g.Edges()[e].Ref])
		}
	}
	return order, circle
}
