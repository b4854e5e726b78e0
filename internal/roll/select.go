package roll

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// Selection is the rolls of one cluster, checked to go together. It is never
// changed and may be used by many at once.
type Selection struct {
	rolls []*Roll // by name
	nodes map[string]*Node
	// partial is set when rolls are missing that were asked for.
	partial bool
}

// Select takes rolls by reference, "name" or "name@version"; base and gateway
// are always in, and so is what a roll requires. Of each roll it takes the
// newest version with which everything holds. A roll may be named twice.
//
// It refuses (Invalid) what does not exist or go together, every reason at
// once; the Selection that comes with the error serves to find more mistakes
// in the same request, and for nothing else.
func (c Catalog) Select(refs []string) (*Selection, error) {
	chosen, wrong := c.resolve(refs)
	slices.SortFunc(chosen, func(a, b *Roll) int { return strings.Compare(a.Name, b.Name) })
	s := &Selection{rolls: chosen, nodes: map[string]*Node{}}
	selected := map[string]bool{}
	for _, r := range chosen {
		selected[r.Name] = true
		for _, n := range r.Nodes {
			s.nodes[n.Name] = n
		}
	}
	for _, r := range s.rolls {
		s.together(r, selected, &wrong)
	}
	s.settings(selected, &wrong)
	s.partial = len(wrong.Details()) > 0
	return s, wrong.Err(fault.Invalid, "The rolls cannot be used together")
}

// together adds where a roll names what others do not have.
func (s *Selection) together(r *Roll, selected map[string]bool, wrong *fault.List) {
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

// Refs are the rolls in it as "name@version", sorted: selecting these gives
// the same again.
func (s *Selection) Refs() []string {
	refs := make([]string, len(s.rolls))
	for i, r := range s.rolls {
		refs[i] = r.Ref()
	}
	return refs
}

// Ref is "name@version".
func (r *Roll) Ref() string { return r.Name + "@" + r.Version }

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

// Secrets are the secret parameters: the manager draws a random value for each
// that was not given.
func (s *Selection) Secrets() []Parameter {
	return slices.DeleteFunc(s.Parameters(), func(p Parameter) bool { return p.Type != TypeSecret })
}

// Check refuses (Invalid, everything at once) values that do not fit, and
// returns them complete: with defaults, without secrets. With an error, what
// it returns has a harmless value for each that is wrong or missing, which
// serves to find more mistakes in the same request.
func (s *Selection) Check(params map[string]string) (map[string]string, error) {
	complete := map[string]string{}
	known := map[string]bool{}
	var wrong fault.List
	for _, p := range s.Parameters() {
		known[p.Name] = true
		value, message := p.settle(params)
		if message != "" {
			wrong.Add("parameters."+p.Name, message)
		}
		if p.Type != TypeSecret {
			complete[p.Name] = value
		}
	}
	names := slices.Sorted(maps.Keys(known))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !known[name] && !s.beyond(name) {
			wrong.Add("parameters."+name, "the rolls "+strings.Join(s.Names(), ", ")+" have no such parameter"+didYouMean(name, slices.Values(names)))
		}
	}
	return complete, wrong.Err(fault.Invalid, "The parameters do not fit the rolls")
}

// beyond says whether "roll.key" may be of a roll that was asked for and is
// missing: then there is nothing to say about it.
func (s *Selection) beyond(name string) bool {
	owner, _, _ := strings.Cut(name, ".")
	return s.partial && !slices.Contains(s.Names(), owner)
}

// settle returns the value that counts for a parameter, and what is wrong
// with the one that was given.
func (p Parameter) settle(params map[string]string) (value, message string) {
	value, given := params[p.Name]
	switch {
	case given:
		if message = p.check(value); message == "" {
			return p.canonical(value), ""
		}
	case p.Default == nil && p.Type != TypeSecret:
		message = "must be given: " + p.Help
	}
	if p.Default != nil {
		return *p.Default, message
	}
	return p.harmless(), message
}
