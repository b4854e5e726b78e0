package roll

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/vnode"
)

// Lint checks a roll as far as it can be checked alone: it loads, its order
// has no circle, and its templates render for a small cluster with the default
// parameters. All mistakes come in one *fault.Error. What other rolls it goes
// with is checked by Catalog.Select, Selection.Walk and Selection.LintProfile.
func Lint(fsys fs.FS, dir string) error {
	r, err := Load(fsys, dir)
	if err != nil {
		return err
	}
	var wrong fault.List
	var own []string
	for _, name := range slices.Sorted(maps.Keys(r.Nodes)) {
		own = append(own, r.Nodes[name].Name)
	}
	s := &Selection{rolls: []*Roll{r}}
	if _, err := s.arrange(own); err != nil {
		addAll(&wrong, err)
	}
	data := sample(r)
	for _, name := range slices.Sorted(maps.Keys(r.Nodes)) {
		for _, f := range r.Nodes[name].Files {
			f.From.Roll = dir
			if _, err := RenderFile(f, data); err != nil {
				addAll(&wrong, err)
			}
		}
	}
	return wrong.Err(fault.Invalid, "The roll has mistakes")
}

func addAll(list *fault.List, err error) {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		list.Add("", err.Error())
		return
	}
	for _, d := range f.Details {
		list.Add(d.Field, f.Title+": "+d.Message)
	}
}

// LintProfile renders the templates of a profile of the selected rolls for a
// small cluster, with harmless values for what must be given.
func (s *Selection) LintProfile(p Profile, params, attributes map[string]string) error {
	var wrong fault.List
	d := sample(&Roll{Appliances: s.Appliances()})
	d.only, d.Appliance = "", p.Appliance
	d.Parameters, d.Attributes = params, attributes
	for _, secret := range s.Secrets() {
		d.Secrets[secret.Name] = "0123456789abcdef"
	}
	for _, f := range p.Files {
		if _, err := RenderFile(f, d); err != nil {
			addAll(&wrong, err)
		}
	}
	return wrong.Err(fault.Invalid, "The templates of the rolls cannot be rendered")
}

// sample is a cluster of one gateway and two of each appliance.
func sample(r *Roll) TemplateData {
	d := TemplateData{
		Hostname: "gateway", Appliance: cluster.Gateway, Domain: cluster.DefaultDomain, Cluster: "sample",
		Gateway: "10.1.0.1", Address: "10.1.0.1", Network: cluster.DefaultNetwork,
		Hosts: []vnode.Host{
			{Name: "gateway", Address: "10.1.0.1", MAC: "02:00:00:00:00:01", Appliance: cluster.Gateway},
			{Name: "compute-0", Address: "10.1.0.10", MAC: "02:00:00:00:00:10", Appliance: cluster.Compute},
			{Name: "compute-1", Address: "10.1.0.11", MAC: "02:00:00:00:00:11", Appliance: cluster.Compute},
		},
		only:       r.Name,
		Parameters: map[string]string{}, Attributes: map[string]string{}, Secrets: map[string]string{},
	}
	for _, a := range r.Appliances {
		if a.Name != cluster.Gateway && a.Name != cluster.Compute {
			d.Hosts = append(d.Hosts, vnode.Host{Name: a.Name + "-0", Address: "10.1.0.20", MAC: "02:00:00:00:00:20", Appliance: a.Name})
		}
	}
	for _, p := range r.Parameters {
		name := r.Name + "." + p.Name
		switch {
		case p.Type == TypeSecret:
			d.Secrets[name] = "0123456789abcdef"
		case p.Default != nil:
			d.Parameters[name] = *p.Default
		default:
			d.Parameters[name] = p.harmless()
		}
	}
	for _, a := range r.Attributes {
		d.Attributes[r.Name+"."+a.Name] = *a.Default
	}
	return d
}
