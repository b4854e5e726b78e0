package roll

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Attribute is a value that every vnode has, each its own. The roll that
// declares it gives the value of the widest scope; rolls may set another one
// for an operating system or an appliance, and a cluster's spec at any scope.
type Attribute struct {
	Parameter // Default is never nil
}

// Setting is a roll's value for an attribute in a scope: of an operating
// system or of an appliance.
type Setting struct {
	cluster.Attribute
	From Source `json:"from"`
}

// Where is where a vnode stands in the scopes of attributes.
type Where struct {
	OS, Release string // "debian", "trixie"
	Appliance   string
	Rack        string // as the cluster's spec groups its vnodes; may be empty
	Host        string // empty: the appliance in general
}

// Scopes of attributes, the widest first: a narrower one wins, whoever set it.
const (
	scopeGlobal = iota + 1
	scopeOS     // a family
	scopeRelease
	scopeAppliance
	scopeRack
	scopeHost
)

// scope is how narrowly a value is meant for w, 0 if it is not.
func (w Where) scope(a cluster.Attribute) int {
	switch {
	case a.Host != "":
		return only(a.Host == w.Host, scopeHost)
	case a.Rack != "":
		return only(a.Rack == w.Rack, scopeRack)
	case a.Appliance != "":
		return only(a.Appliance == w.Appliance, scopeAppliance)
	case strings.Contains(a.OS, "/"):
		return only(a.OS == w.OS+"/"+w.Release, scopeRelease)
	case a.OS != "":
		return only(a.OS == w.OS, scopeOS)
	}
	return scopeGlobal
}

func only(yes bool, scope int) int {
	if yes {
		return scope
	}
	return 0
}

// Attributes are all attributes, their names "roll.key", sorted by roll and
// then as the roll lists them.
func (s *Selection) Attributes() []Attribute {
	var all []Attribute
	for _, r := range s.rolls {
		for _, a := range r.Attributes {
			a.Name = r.Name + "." + a.Name
			all = append(all, a)
		}
	}
	return all
}

// At returns every attribute's value for a vnode: the value of the narrowest
// scope, and in one scope the cluster's own rather than a roll's. The settings
// are checked by CheckAttributes.
func (s *Selection) At(w Where, settings []cluster.Attribute) map[string]string {
	values := map[string]string{}
	scopes := map[string]int{}
	for _, a := range s.Attributes() {
		values[a.Name], scopes[a.Name] = *a.Default, scopeGlobal
	}
	take := func(a cluster.Attribute) {
		if scope := w.scope(a); scopes[a.Name] > 0 && scope >= scopes[a.Name] {
			values[a.Name], scopes[a.Name] = a.Value, scope
		}
	}
	for _, r := range s.rolls {
		for _, set := range r.Settings {
			take(set.Attribute)
		}
	}
	for _, a := range settings {
		take(a)
	}
	for _, a := range s.Attributes() {
		values[a.Name] = a.canonical(values[a.Name])
	}
	return values
}

// CheckAttributes refuses (Invalid, everything at once) a cluster's settings
// that name no attribute of the rolls or do not fit it.
func (s *Selection) CheckAttributes(settings []cluster.Attribute) error {
	known := map[string]Attribute{}
	for _, a := range s.Attributes() {
		known[a.Name] = a
	}
	appliances := map[string]bool{}
	for _, a := range s.Appliances() {
		appliances[a.Name] = true
	}
	var wrong fault.List
	for i, set := range settings {
		at := fmt.Sprintf("attributes[%d]", i)
		a, ok := known[set.Name]
		switch {
		case !ok && s.beyond(set.Name):
			continue
		case !ok:
			wrong.Add(at+".name", fmt.Sprintf("the rolls %s have no attribute %q%s", strings.Join(s.Names(), ", "), set.Name,
				didYouMean(set.Name, maps.Keys(known))))
			continue
		}
		if message := a.check(set.Value); message != "" {
			wrong.Add(at+".value", set.Name+": "+message)
		}
		if set.Appliance != "" && !appliances[set.Appliance] && !s.partial {
			wrong.Add(at+".appliance", fmt.Sprintf("no roll defines appliance %q%s", set.Appliance, didYouMean(set.Appliance, slices.Values(slices.Sorted(maps.Keys(appliances))))))
		}
	}
	return wrong.Err(fault.Invalid, "The attributes do not fit the rolls")
}

// settings adds what is wrong with the settings of all rolls together.
func (s *Selection) settings(selected map[string]bool, wrong *fault.List) {
	known := map[string]Attribute{}
	for _, a := range s.Attributes() {
		known[a.Name] = a
	}
	type key struct{ name, os, appliance string }
	first := map[key]Setting{}
	for _, r := range s.rolls {
		for _, set := range r.Settings {
			owner, _, _ := strings.Cut(set.Name, ".")
			a, ok := known[set.Name]
			if !ok {
				if selected[owner] {
					wrong.Add(r.place(set.From), fmt.Sprintf("there is no attribute %q%s", set.Name, didYouMean(set.Name, slices.Values(slices.Sorted(maps.Keys(known))))))
				}
				continue
			}
			if message := a.check(set.Value); message != "" {
				wrong.Add(r.place(set.From), set.Name+": "+message)
			}
			k := key{set.Name, set.OS, set.Appliance}
			if old, twice := first[k]; twice && old.Value != set.Value {
				wrong.Add(r.place(set.From), fmt.Sprintf("%s is %q here, but %q by %s for the same scope", set.Name, set.Value, old.Value, s.place(old.From)))
				continue
			}
			first[k] = set
		}
	}
}
