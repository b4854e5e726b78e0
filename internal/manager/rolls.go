package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// architecture is that of every vnode, so far.
const architecture = "amd64"

// RollInfo describes a roll to those who book.
type RollInfo struct {
	Name        string           `json:"name"`
	Version     string           `json:"version"`
	Summary     string           `json:"summary"`
	Description string           `json:"description,omitempty"`
	Appliances  []roll.Appliance `json:"appliances"`
	Parameters  []roll.Parameter `json:"parameters"`
}

// Rolls lists every roll of the site.
func (m *Manager) Rolls(_ context.Context, _ Principal) ([]RollInfo, error) {
	var list []RollInfo
	for _, name := range sortedKeys(m.Catalog) {
		list = append(list, rollInfo(m.Catalog[name]))
	}
	return list, nil
}

// Roll returns one roll.
func (m *Manager) Roll(_ context.Context, _ Principal, name string) (RollInfo, error) {
	r, ok := m.Catalog[name]
	if !ok {
		return RollInfo{}, fault.New(fault.NotFound, "no such roll", fault.Detail{Message: fmt.Sprintf(
			"there is no roll %q; there are %s", name, strings.Join(sortedKeys(m.Catalog), ", "))})
	}
	return rollInfo(r), nil
}

func rollInfo(r *roll.Roll) RollInfo {
	return RollInfo{
		Name: r.Name, Version: r.Version, Summary: r.Summary, Description: r.Description,
		Appliances: slices.Clone(r.Appliances), Parameters: slices.Clone(r.Parameters),
	}
}

// choice is what a spec comes to with the site's rolls.
type choice struct {
	plans      map[string]plan // by appliance
	parameters map[string]string
	secrets    []string
}

// choose resolves a spec's rolls, appliances and parameters and locks each
// profile. What is wrong with the spec comes back as details.
func (m *Manager) choose(ctx context.Context, spec cluster.Spec) (choice, []fault.Detail, error) {
	sel, err := m.Catalog.Select(spec.Rolls)
	if err != nil {
		details, err := detailsOf(err)
		return choice{}, details, err
	}
	var l fault.List
	known := map[string]bool{}
	for _, a := range sel.Appliances() {
		known[a.Name] = true
	}
	for i, g := range spec.Nodes {
		if !known[g.Appliance] {
			l.Add(fmt.Sprintf("spec.nodes[%d].appliance", i), fmt.Sprintf("no roll of %s defines appliance %q; they define %s",
				strings.Join(sel.Names(), ", "), g.Appliance, strings.Join(sortedKeys(known), ", ")))
		}
	}
	params, err := sel.Check(spec.Parameters)
	wrong, err := detailsOf(err)
	if err != nil {
		return choice{}, nil, err
	}
	if wrong = append(l.Details(), wrong...); len(wrong) > 0 {
		return choice{}, wrong, nil
	}
	ch := choice{plans: map[string]plan{}, parameters: params, secrets: sel.Secrets()}
	details, err := m.lockAll(ctx, sel, spec, params, ch.plans)
	return ch, details, err
}

// lockAll walks and locks the profile of every appliance of the spec.
func (m *Manager) lockAll(ctx context.Context, sel *roll.Selection, spec cluster.Spec, params map[string]string, plans map[string]plan) ([]fault.Detail, error) {
	attrs := roll.Attributes{"os": "debian", "release": m.Suite, "architecture": architecture}
	counts := map[string]int{}
	for _, g := range spec.Nodes {
		counts[g.Appliance] = g.Count
	}
	attrs["nodes"] = counts
	for name, value := range params {
		attrs[name] = value
	}
	var wrong []fault.Detail
	for _, g := range spec.Nodes {
		p, err := m.lock(ctx, sel, g.Appliance, attrs)
		details, err := detailsOf(err)
		if err != nil {
			return nil, err
		}
		wrong = append(wrong, details...)
		plans[g.Appliance] = p
	}
	return compactDetails(wrong), nil
}

func (m *Manager) lock(ctx context.Context, sel *roll.Selection, appliance string, attrs roll.Attributes) (plan, error) {
	profile, err := sel.Walk(appliance, attrs)
	if err != nil {
		return plan{}, err
	}
	lock, err := m.ImageStore.Lock(ctx, render.FromProfile(profile, m.Suite, architecture))
	if err != nil {
		return plan{}, err
	}
	return plan{Profile: profile, Lock: lock, Address: lock.Address()}, nil
}

// detailsOf turns an error for people into its details, so that several can
// be told at once; any other error stays one. Paths within a request get the
// request's name in front; places in a roll stay as they are.
func detailsOf(err error) ([]fault.Detail, error) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid {
		return nil, err
	}
	var out []fault.Detail
	for _, d := range e.Details {
		switch {
		case d.Field == "":
			d.Field = "spec.rolls"
		case strings.HasPrefix(d.Field, "rolls"), strings.HasPrefix(d.Field, "parameters."):
			d.Field = "spec." + d.Field
		}
		out = append(out, d)
	}
	return out, nil
}

// compactDetails drops repetitions: a package unknown to two appliances is
// one fault of its roll.
func compactDetails(list []fault.Detail) []fault.Detail {
	var out []fault.Detail
	for _, d := range list {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}
