package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// choice is what a spec comes to with the site's rolls.
type choice struct {
	rolls      []string                     // "name@version"
	plans      map[string]plan              // as in a dossier
	attributes map[string]map[string]string // by vnode
	parameters map[string]string
	secrets    []roll.Parameter
}

// choose resolves a spec's rolls out of a catalog, its appliances, parameters and attributes and
// locks each profile. Everything that is wrong with them comes back as
// details, at once: what is wrong in one does not hide what is in another.
func (m *Manager) choose(ctx context.Context, catalog roll.Catalog, spec cluster.Spec) (choice, []fault.Detail, error) {
	var wrong []fault.Detail
	note := func(err error) error {
		details, err := detailsOf(err)
		wrong = append(wrong, details...)
		return err
	}
	sel, err := catalog.Select(spec.Rolls)
	if err := note(err); err != nil {
		return choice{}, nil, err
	}
	if len(wrong) == 0 {
		wrong = unknownAppliances(sel, spec)
	}
	params, err := sel.Check(spec.Parameters)
	if err := errors.Join(note(err), note(sel.CheckAttributes(spec.Attributes))); err != nil {
		return choice{}, nil, err
	}
	l := locker{m: m, sel: sel, spec: spec, facts: m.facts(spec, params), consequence: len(wrong) > 0, choice: choice{
		rolls: sel.Refs(), plans: map[string]plan{}, parameters: params, secrets: sel.Secrets(),
		attributes: map[string]map[string]string{},
	}}
	if err := l.run(ctx); err != nil {
		return choice{}, nil, err
	}
	return l.choice, compactDetails(append(wrong, l.wrong...)), nil
}

func unknownAppliances(sel *roll.Selection, spec cluster.Spec) []fault.Detail {
	known := map[string]bool{}
	for _, a := range sel.Appliances() {
		known[a.Name] = true
	}
	var l fault.List
	for i, g := range spec.Nodes {
		if !known[g.Appliance] {
			l.Add(fmt.Sprintf("spec.nodes[%d].appliance", i), fmt.Sprintf("no roll of %s defines appliance %q; they define %s",
				strings.Join(sel.Names(), ", "), g.Appliance, strings.Join(sortedKeys(known), ", ")))
		}
	}
	return l.Details()
}

// system is the operating system of every vnode, so far.
const system = "debian"

// facts are the attributes of a walk that are the same for every vnode.
func (m *Manager) facts(spec cluster.Spec, params map[string]string) roll.Attributes {
	counts := map[string]int{}
	for _, g := range spec.Nodes {
		counts[g.Appliance] = g.Count
	}
	facts := roll.Attributes{"os": system, "release": m.Suite, "architecture": architecture, "nodes": counts}
	for name, value := range params {
		facts[name] = value
	}
	return facts
}

// locker walks and locks the profiles of a spec.
type locker struct {
	m     *Manager
	sel   *roll.Selection
	spec  cluster.Spec
	facts roll.Attributes
	// consequence is set when the rolls or their values are wrong: what a walk
	// finds then may follow from that, and is not told.
	consequence bool
	choice      choice
	wrong       []fault.Detail
}

func (l *locker) run(ctx context.Context) error {
	for _, g := range l.spec.Nodes {
		if !slices.ContainsFunc(l.sel.Appliances(), func(a roll.Appliance) bool { return a.Name == g.Appliance }) {
			continue
		}
		if err := l.group(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

// group locks what an appliance is made of, and what those of its vnodes are
// whose own attributes make them something else.
func (l *locker) group(ctx context.Context, g cluster.Group) error {
	general := l.at(g.Appliance, "")
	common, err := l.lock(ctx, g.Appliance, general)
	if err != nil {
		return err
	}
	l.choice.plans[g.Appliance] = common
	made := map[string]plan{} // by what differs
	for _, host := range g.Hosts() {
		own := l.at(g.Appliance, host)
		if len(own) > 0 {
			l.choice.attributes[host] = own
		}
		if maps.Equal(own, general) {
			continue
		}
		key := fmt.Sprint(own)
		if _, ok := made[key]; !ok {
			if made[key], err = l.lock(ctx, g.Appliance, own); err != nil {
				return err
			}
		}
		if !reflect.DeepEqual(made[key].Profile, common.Profile) {
			l.choice.plans[g.Appliance+"/"+host] = made[key]
		}
	}
	return nil
}

func (l *locker) at(appliance, host string) map[string]string {
	return l.sel.At(roll.Where{
		OS: system, Release: l.m.Suite, Appliance: appliance, Host: host, Rack: l.spec.Rack(host),
	}, l.spec.Attributes)
}

func (l *locker) lock(ctx context.Context, appliance string, own map[string]string) (plan, error) {
	attrs := maps.Clone(l.facts)
	for name, value := range own {
		attrs[name] = value
	}
	profile, err := l.sel.Walk(appliance, attrs)
	if err != nil {
		details, err := detailsOf(err)
		if !l.consequence {
			l.wrong = append(l.wrong, details...)
		}
		return plan{}, err
	}
	l.wrong = append(l.wrong, ownInstallScripts(profile)...)
	lock, err := l.m.ImageStore.Lock(ctx, render.FromProfile(profile, l.m.Suite, architecture))
	if err != nil {
		details, err := detailsOf(err)
		l.wrong = append(l.wrong, details...)
		return plan{}, err
	}
	return plan{Profile: profile, Lock: lock, Address: lock.Address()}, nil
}

// ownInstallScripts refuses what a tenant's own rolls want to run while an
// image is made: that is never done on the manager.
func ownInstallScripts(p roll.Profile) []fault.Detail {
	var l fault.List
	for _, s := range p.Install {
		if s.Tenant != "" {
			l.Add(fmt.Sprintf("%s/%s:%d", s.From.Roll, s.From.File, s.From.Line), fmt.Sprintf(
				"install script %q is of a roll of your own, and runs of published rolls only: make it a boot script, or ask the provider to publish the roll", s.Name))
		}
	}
	return l.Details()
}
