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
	general    map[string]map[string]string // as in a dossier
	attributes map[string]map[string]string // as in a dossier
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
	l := locker{m: m, sel: sel, spec: spec, racks: spec.RackOf(), facts: m.facts(spec, params), consequence: len(wrong) > 0, choice: choice{
		rolls: sel.Refs(), plans: map[string]plan{}, parameters: params, secrets: sel.Secrets(),
		general: map[string]map[string]string{}, attributes: map[string]map[string]string{},
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
	racks map[string]string // by vnode
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

// maxKinds bounds how many profiles the attributes of its vnodes may give one
// appliance: each of them is an image.
const maxKinds = 16

// group locks what an appliance is made of, and what those of its vnodes are
// whose own attributes make them something else.
func (l *locker) group(ctx context.Context, g cluster.Group) error {
	general := l.at(g.Appliance, "")
	common, err := l.lock(ctx, g.Appliance, general)
	if err != nil {
		return err
	}
	l.choice.general[g.Appliance] = general
	l.choice.plans[g.Appliance] = common
	users := len(g.Hosts())
	kinds := []plan{common}
	seen := map[string]plan{} // by what differs
	for _, host := range g.Hosts() {
		own := difference(l.at(g.Appliance, host), general)
		if len(own) == 0 {
			continue
		}
		l.choice.attributes[host] = own
		key := fmt.Sprint(own)
		if _, known := seen[key]; !known {
			if seen[key], err = l.kind(ctx, g.Appliance, general, own, &kinds); err != nil {
				return err
			}
		}
		if seen[key].Address != common.Address || !reflect.DeepEqual(seen[key].Profile, common.Profile) {
			l.choice.plans[g.Appliance+"/"+host] = seen[key]
			users--
		}
	}
	if users == 0 { // an image that nobody boots is not made
		delete(l.choice.plans, g.Appliance)
	}
	if len(kinds) > maxKinds {
		l.wrong = append(l.wrong, fault.Detail{Field: "spec.attributes", Message: fmt.Sprintf(
			"they make more than %d kinds of nodes of appliance %s, each with an image of its own: set them for racks", maxKinds, g.Appliance)})
	}
	return nil
}

// kind is what a vnode is made of whose attributes differ. Equal profiles are
// locked once.
func (l *locker) kind(ctx context.Context, appliance string, general, own map[string]string, kinds *[]plan) (plan, error) {
	values := maps.Clone(general)
	maps.Copy(values, own)
	profile, err := l.walk(appliance, values)
	if err != nil || profile.Appliance == "" {
		return plan{}, err
	}
	for _, k := range *kinds {
		if reflect.DeepEqual(k.Profile, profile) {
			return k, nil
		}
	}
	if len(*kinds) > maxKinds {
		return plan{}, nil // refused as a whole
	}
	p, err := l.lock(ctx, appliance, values)
	*kinds = append(*kinds, p)
	return p, err
}

func difference(own, general map[string]string) map[string]string {
	differs := map[string]string{}
	for name, value := range own {
		if general[name] != value {
			differs[name] = value
		}
	}
	return differs
}

func (l *locker) at(appliance, host string) map[string]string {
	return l.sel.At(roll.Where{
		OS: system, Release: l.m.Suite, Appliance: appliance, Host: host, Rack: l.racks[host],
	}, l.spec.Attributes)
}

// walk returns an empty profile where what is wrong was told.
func (l *locker) walk(appliance string, own map[string]string) (roll.Profile, error) {
	attrs := maps.Clone(l.facts)
	for name, value := range own {
		attrs[name] = value
	}
	profile, err := l.sel.Walk(appliance, attrs)
	if err == nil {
		return profile, nil
	}
	details, err := detailsOf(err)
	if !l.consequence {
		l.wrong = append(l.wrong, details...)
	}
	return roll.Profile{}, err
}

func (l *locker) lock(ctx context.Context, appliance string, own map[string]string) (plan, error) {
	profile, err := l.walk(appliance, own)
	if err != nil || profile.Appliance == "" {
		return plan{}, err
	}
	l.wrong = append(l.wrong, l.m.ownInstallScripts(ctx, profile)...)
	lock, err := l.m.ImageStore.Lock(ctx, render.FromProfile(profile, l.m.Suite, architecture))
	if err != nil {
		details, err := detailsOf(err)
		l.wrong = append(l.wrong, details...)
		return plan{}, err
	}
	return plan{Profile: profile, Lock: lock, Address: lock.Address()}, nil
}

// ownInstallScripts refuses what a tenant's own rolls want to run while an
// image is made, where there are no throwaway machines to do it.
func (m *Manager) ownInstallScripts(ctx context.Context, p roll.Profile) []fault.Detail {
	if !hasOwnScripts(p.Install) || m.InstallVM != nil && m.canInstall(ctx) {
		return nil
	}
	var l fault.List
	for _, s := range p.Install {
		if s.Tenant != "" {
			l.Add(fmt.Sprintf("%s/%s:%d", s.From.Roll, s.From.File, s.From.Line), fmt.Sprintf(
				"install script %q is of a roll of your own, and this site has no throwaway machines to run it in: make it a boot script, or ask the provider to publish the roll", s.Name))
		}
	}
	return l.Details()
}

func (m *Manager) canInstall(ctx context.Context) bool {
	err := m.InstallVM(ctx)
	if err != nil {
		m.Log.WarnContext(ctx, "install scripts of tenants' own rolls cannot be run here", "error", err)
	}
	return err == nil
}

func hasOwnScripts(scripts []roll.Script) bool {
	return slices.ContainsFunc(scripts, func(s roll.Script) bool { return s.Tenant != "" })
}
