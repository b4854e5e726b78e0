package roll

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// Catalog is every roll of a site, by name.
type Catalog map[string]*Roll

// Selection is the rolls of one cluster, checked to go together. It is never
// changed and may be used by many at once.
type Selection struct {
	rolls []*Roll // by name
	nodes map[string]*Node
}

// always are the rolls that every cluster has.
var always = []string{"base", "gateway"}

// Select takes rolls by name; base and gateway are always in. A roll may be
// named twice. It refuses (Invalid) what does not exist or go together.
func (c Catalog) Select(names []string) (*Selection, error) {
	wanted := map[string]bool{}
	var wrong fault.List
	known := slices.Sorted(maps.Keys(c))
	for i, name := range names {
		if c[name] == nil {
			wrong.Add(fmt.Sprintf("rolls[%d]", i), fmt.Sprintf("there is no roll %q%s; there are %s",
				name, didYouMean(name, slices.Values(known)), strings.Join(known, ", ")))
			continue
		}
		wanted[name] = true
	}
	for _, name := range always {
		if c[name] == nil {
			wrong.Add("rolls", fmt.Sprintf("this site has no roll %q, which every cluster needs", name))
			continue
		}
		wanted[name] = true
	}
	s := &Selection{nodes: map[string]*Node{}}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		s.rolls = append(s.rolls, c[name])
		for _, n := range c[name].Nodes {
			s.nodes[n.Name] = n
		}
	}
	for _, r := range s.rolls {
		s.together(r, wanted, &wrong)
	}
	if err := wrong.Err(fault.Invalid, "The rolls cannot be used together"); err != nil {
		return nil, err
	}
	return s, nil
}

// together adds what keeps a roll from being used with the others.
func (s *Selection) together(r *Roll, selected map[string]bool, wrong *fault.List) {
	for _, need := range r.Requires {
		if !selected[need] {
			wrong.Add("rolls", fmt.Sprintf("roll %s requires roll %s: add it", r.Name, need))
		}
	}
	for _, other := range r.Conflicts {
		if selected[other] {
			wrong.Add("rolls", fmt.Sprintf("roll %s conflicts with roll %s: choose one", r.Name, other))
		}
	}
	ref := func(from Source, node string) {
		owner, _, _ := strings.Cut(node, "/")
		if node != anyNode && selected[owner] && s.nodes[node] == nil {
			wrong.Add(r.place(from), fmt.Sprintf("there is no node %q%s", node, didYouMean(node, slices.Values(slices.Sorted(maps.Keys(s.nodes))))))
		}
	}
	for _, e := range r.Edges {
		ref(e.From, e.FromNode)
		ref(e.From, e.ToNode)
	}
	for _, c := range r.Order {
		ref(c.From, c.First)
		ref(c.From, c.Then)
	}
	for _, a := range r.Appliances {
		ref(a.From, a.Node)
		if owner, _, _ := strings.Cut(a.Node, "/"); !selected[owner] {
			wrong.Add("rolls", fmt.Sprintf("appliance %s of roll %s starts from node %s: add roll %s", a.Name, r.Name, a.Node, owner))
		}
		if first := s.appliance(a.Name); first.From != a.From {
			wrong.Add(r.place(a.From), fmt.Sprintf("appliance %q is there already, from roll %s", a.Name, first.From.Roll))
		}
	}
}

// place is "folder/file:line" of something in the roll.
func (r *Roll) place(from Source) string {
	return place(r.dir, from.File, pos{line: from.Line})
}

// place is "folder/file:line" of something in one of the rolls.
func (s *Selection) place(from Source) string {
	for _, r := range s.rolls {
		if r.Name == from.Roll {
			return r.place(from)
		}
	}
	return from.File
}

// Names are the rolls in it, sorted.
func (s *Selection) Names() []string {
	names := make([]string, len(s.rolls))
	for i, r := range s.rolls {
		names[i] = r.Name
	}
	return names
}

// Appliances are all kinds of vnodes a cluster of these rolls may have, by name.
func (s *Selection) Appliances() []Appliance {
	var all []Appliance
	for _, r := range s.rolls {
		all = append(all, r.Appliances...)
	}
	slices.SortFunc(all, func(a, b Appliance) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func (s *Selection) appliance(name string) Appliance {
	for _, r := range s.rolls {
		for _, a := range r.Appliances {
			if a.Name == name {
				return a
			}
		}
	}
	return Appliance{}
}

// Parameters are all parameters, their names "roll.key", sorted by roll and
// then as the roll lists them.
func (s *Selection) Parameters() []Parameter {
	var all []Parameter
	for _, r := range s.rolls {
		for _, p := range r.Parameters {
			p.Name = r.Name + "." + p.Name
			all = append(all, p)
		}
	}
	return all
}

// Secrets are the names of the secret parameters: the manager draws a random
// value for each that was not given.
func (s *Selection) Secrets() []string {
	var names []string
	for _, p := range s.Parameters() {
		if p.Type == TypeSecret {
			names = append(names, p.Name)
		}
	}
	return names
}

// Check refuses (Invalid, everything at once) values that do not fit, and
// returns them complete: with defaults, without secrets.
func (s *Selection) Check(params map[string]string) (map[string]string, error) {
	complete := map[string]string{}
	known := map[string]bool{}
	var wrong fault.List
	for _, p := range s.Parameters() {
		known[p.Name] = true
		value, given := params[p.Name]
		if given {
			if message := p.check(value); message != "" {
				wrong.Add("parameters."+p.Name, message)
			}
		}
		switch {
		case p.Type == TypeSecret:
		case given:
			complete[p.Name] = value
		case p.Default != nil:
			complete[p.Name] = *p.Default
		default:
			wrong.Add("parameters."+p.Name, "must be given: "+p.Help)
		}
	}
	names := slices.Sorted(maps.Keys(known))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !known[name] {
			wrong.Add("parameters."+name, "the rolls "+strings.Join(s.Names(), ", ")+" have no such parameter"+didYouMean(name, slices.Values(names)))
		}
	}
	if err := wrong.Err(fault.Invalid, "The parameters do not fit the rolls"); err != nil {
		return nil, err
	}
	return complete, nil
}
