package cluster

import (
	"fmt"
	"maps"
	"slices"

	"quarry/internal/fault"
)

// maxAttributes bounds how many values a spec sets.
const maxAttributes = 1000

// RackOf returns the rack of each vnode that is in one, by its name.
func (s Spec) RackOf() map[string]string {
	of := map[string]string{}
	for _, rack := range slices.Sorted(maps.Keys(s.Racks)) {
		for _, host := range s.Racks[rack] {
			of[host] = rack
		}
	}
	return of
}

// hosts are the names of all vnodes of a complete spec.
func (s Spec) hosts() map[string]bool {
	names := map[string]bool{}
	for _, g := range s.Nodes {
		for _, name := range g.Hosts() {
			names[name] = true
		}
	}
	return names
}

func (s Spec) validateRacks(l *fault.List) {
	hosts := s.hosts()
	in := map[string]string{}
	for _, rack := range slices.Sorted(maps.Keys(s.Racks)) {
		at := "spec.racks." + rack
		if !ValidName(rack) {
			l.Add(at, fmt.Sprintf("%q is not a DNS label", rack))
		}
		for i, host := range s.Racks[rack] {
			field := fmt.Sprintf("%s[%d]", at, i)
			if !hosts[host] {
				l.Add(field, fmt.Sprintf("the cluster has no node %q", host))
			}
			if other, twice := in[host]; twice {
				l.Add(field, fmt.Sprintf("%s is in rack %s already: a node is in one rack", host, other))
			}
			in[host] = rack
		}
	}
}

func (s Spec) validateAttributes(l *fault.List) {
	hosts := s.hosts()
	seen := map[Attribute]bool{}
	if len(s.Attributes) > maxAttributes {
		l.Add("spec.attributes", fmt.Sprintf("%d values, at most %d: set them for appliances or racks", len(s.Attributes), maxAttributes))
		return
	}
	for i, a := range s.Attributes {
		at := fmt.Sprintf("spec.attributes[%d]", i)
		scopes := 0
		for _, scope := range []string{a.OS, a.Appliance, a.Rack, a.Host} {
			if scope != "" {
				scopes++
			}
		}
		if scopes > 1 {
			l.Add(at, fmt.Sprintf("%s: give one scope at most: os, appliance, rack or host", a.Name))
		}
		if a.Host != "" && !hosts[a.Host] {
			l.Add(at+".host", fmt.Sprintf("the cluster has no node %q", a.Host))
		}
		if _, ok := s.Racks[a.Rack]; a.Rack != "" && !ok {
			l.Add(at+".rack", fmt.Sprintf("spec.racks names no rack %q", a.Rack))
		}
		a.Value = ""
		if seen[a] {
			l.Add(at, fmt.Sprintf("%s is set twice for the same scope", a.Name))
		}
		seen[a] = true
	}
}
