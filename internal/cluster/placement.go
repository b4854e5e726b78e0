package cluster

import (
	"fmt"
	"slices"

	"quarry/internal/calendar"
	"quarry/internal/fault"
)

// Bounds of what a group requires and prefers.
const (
	maxRequire = 16
	maxPrefer  = 4
)

// Group returns the group of an appliance; a zero one when there is none.
func (s Spec) Group(appliance string) Group {
	i := slices.IndexFunc(s.Nodes, func(g Group) bool { return g.Appliance == appliance })
	if i < 0 {
		return Group{}
	}
	return s.Nodes[i]
}

// validatePlacement judges how the cluster's vnodes are to be placed on pnodes.
func (s Spec) validatePlacement(l *fault.List) {
	if s.Policy != calendar.Spread && s.Policy != calendar.Pack {
		l.Add("spec.policy", fmt.Sprintf("%q is neither %s nor %s", s.Policy, calendar.Spread, calendar.Pack))
	}
	if s.Together != calendar.Anywhere && s.Together != calendar.PreferRack && s.Together != calendar.RequireRack {
		l.Add("spec.together", fmt.Sprintf("%q is neither %s nor %s, nor left out", s.Together, calendar.PreferRack, calendar.RequireRack))
	}
	s.validateLabels(l)
}

func (s Spec) validateLabels(l *fault.List) {
	for i, g := range s.Nodes {
		at := fmt.Sprintf("spec.nodes[%d]", i)
		checkLabels(l, at+".require", g.Require, maxRequire)
		checkLabels(l, at+".prefer", g.Prefer, maxPrefer)
		for j, label := range g.Prefer {
			if slices.Contains(g.Require, label) {
				l.Add(fmt.Sprintf("%s.prefer[%d]", at, j), fmt.Sprintf("%q is required already: leave it out here", label))
			}
		}
	}
}

// ValidateNodes lists everything wrong with the groups of a complete spec.
func (s Spec) ValidateNodes() []fault.Detail {
	var l fault.List
	s.validateNodes(&l)
	s.validateLabels(&l)
	return l.Details()
}

func checkLabels(l *fault.List, field string, labels []string, most int) {
	if len(labels) > most {
		l.Add(field, fmt.Sprintf("%d labels: at most %d", len(labels), most))
		return
	}
	for i, label := range labels {
		at := fmt.Sprintf("%s[%d]", field, i)
		if wrong := calendar.CheckLabel(label); wrong != "" {
			l.Add(at, wrong)
		}
		if slices.Contains(labels[:i], label) {
			l.Add(at, fmt.Sprintf("%q is named twice", label))
		}
	}
}
