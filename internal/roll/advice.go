package roll

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// templateWord is what a template of a roll says and hardly any other file.
var templateWord = regexp.MustCompile(`\{\{-? *(param|secret|attr|list|range|if|\.[A-Z][a-zA-Z]+)\b`)

// ValidName reports whether name can name a roll.
func ValidName(name string) bool { return wordName.MatchString(name) }

// Advise tells what is not wrong with a roll and still looks forgotten: nodes
// that nothing leads to, files that no node names, parameters that nothing
// uses, templates that are not marked as such. The roll must load.
func Advise(fsys fs.FS, dir string) ([]fault.Detail, error) {
	r, err := Load(fsys, dir)
	if err != nil {
		return nil, err
	}
	var l fault.List
	for _, name := range slices.Sorted(maps.Keys(r.Nodes)) {
		if full := r.Name + "/" + name; !r.leadsTo(full) {
			l.Add(path.Join(dir, "nodes", name+".yaml"), "no edge and no appliance of the roll leads to this node")
		}
	}
	for _, p := range r.Parameters {
		if !r.uses("PARAM", p.Name) {
			l.Add(r.place(p.From), fmt.Sprintf("nothing in the roll uses the parameter %q", p.Name))
		}
	}
	for _, a := range r.Attributes {
		if !r.uses("ATTR", a.Name) {
			l.Add(r.place(a.From), fmt.Sprintf("nothing in the roll uses the attribute %q", a.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Nodes)) {
		for _, f := range r.Nodes[name].Files {
			if !f.Template && templateWord.MatchString(f.Content) {
				l.Add(r.place(f.From), fmt.Sprintf("%s looks like a template, and is none: add template: true", f.Path))
			}
		}
	}
	return append(l.Details(), r.forgotten(fsys, dir)...), nil
}

func (r *Roll) leadsTo(node string) bool {
	return slices.ContainsFunc(r.Edges, func(e Edge) bool { return e.ToNode == node && e.FromNode != node }) ||
		slices.ContainsFunc(r.Appliances, func(a Appliance) bool { return a.Node == node })
}

// uses says whether a condition, a file, a script or a list of packages names
// a parameter or an attribute.
func (r *Roll) uses(kind, key string) bool {
	name := r.Name + "." + key
	variable := strings.ToUpper("QUARRY_" + kind + "_" + r.Name + "_" + key)
	if slices.ContainsFunc(r.Edges, func(e Edge) bool { return strings.Contains(e.If, name) }) {
		return true
	}
	for _, n := range r.Nodes {
		for _, p := range n.Packages {
			if p.Parameter == name {
				return true
			}
		}
		for _, f := range n.Files {
			if strings.Contains(f.Content, name) || strings.Contains(f.Content, variable) {
				return true
			}
		}
		for _, s := range slices.Concat(n.Install, n.Boot, n.Cluster, n.Checks) {
			if strings.Contains(s.Body, name) || strings.Contains(s.Body, variable) {
				return true
			}
		}
	}
	return false
}

// forgotten are the files beside the nodes that no node names.
func (r *Roll) forgotten(fsys fs.FS, dir string) []fault.Detail {
	var l fault.List
	for _, folder := range []string{"files", "scripts"} {
		_ = fs.WalkDir(fsys, path.Join(dir, folder), func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // what cannot be read is not forgotten
			}
			within := strings.TrimPrefix(strings.TrimPrefix(name, dir), "/")
			if !r.sources[within] {
				l.Add(name, "no node names this file")
			}
			return nil
		})
	}
	return l.Details()
}
