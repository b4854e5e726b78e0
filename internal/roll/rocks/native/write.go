package native

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"

	"quarry/internal/roll/rocks"

	"go.yaml.in/yaml/v4"
)

type rollOut struct {
	Name       string         `yaml:"name"`
	Version    string         `yaml:"version"`
	Summary    string         `yaml:"summary"`
	Requires   []string       `yaml:"requires,omitempty"`
	Parameters []Parameter    `yaml:"parameters,omitempty"`
	Appliances []applianceOut `yaml:"appliances,omitempty"`
	Edges      []edgeOut      `yaml:"edges,omitempty"`
	Order      []orderOut     `yaml:"order,omitempty"`
}

type applianceOut struct {
	Name    string `yaml:"name"`
	Summary string `yaml:"summary"`
	Node    string `yaml:"node"`
}

type nodeOut struct {
	Summary  string              `yaml:"summary,omitempty"`
	Packages map[string][]string `yaml:"packages,omitempty"`
	Files    []fileOut           `yaml:"files,omitempty"`
	Services []serviceOut        `yaml:"services,omitempty"`
	Scripts  *scriptsOut         `yaml:"scripts,omitempty"`
}

type scriptsOut struct {
	Install []scriptOut `yaml:"install,omitempty"`
	Boot    []scriptOut `yaml:"boot,omitempty"`
}

// write makes the YAML files.
func (im *importer) write() error {
	r := rollOut{Name: im.name, Version: firstOf(im.mapping.Version, versionOf(im.roll.Version), "1"), Edges: im.edges, Order: im.order}
	r.Summary = firstOf(im.mapping.Summary, "the Rocks roll "+im.roll.Name)
	im.needs["base"] = true
	delete(im.needs, im.name)
	r.Requires = slices.Sorted(maps.Keys(im.needs))
	for _, name := range slices.Sorted(maps.Keys(im.params)) {
		r.Parameters = append(r.Parameters, *im.mapping.Attributes[name].Parameter)
	}
	for _, name := range im.roll.Appliances {
		own, ok := im.own[name]
		if !ok {
			return invalid("--appliance", "%q is no node of the roll; there are %v", name, slices.Sorted(maps.Keys(im.own)))
		}
		r.Appliances = append(r.Appliances, applianceOut{Name: own, Summary: firstOf(im.nodes[own].summary, own), Node: own})
	}
	if err := im.yaml("roll.yaml", "Made by quarry roll import from the Rocks roll "+im.roll.Name+".", r); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(im.nodes)) {
		n := im.nodes[name]
		out := nodeOut{Summary: n.summary, Files: n.files, Services: n.services}
		if len(n.packages) > 0 {
			slices.Sort(n.packages)
			out.Packages = map[string][]string{"debian": n.packages}
		}
		if len(n.install)+len(n.boot) > 0 {
			out.Scripts = &scriptsOut{n.install, n.boot}
		}
		if err := im.yaml(path.Join("nodes", name+".yaml"), "From "+n.file+".", out); err != nil {
			return err
		}
	}
	return nil
}

var notVersion = regexp.MustCompile(`[^A-Za-z0-9.+~-]+`)

// versionOf makes a version of a native roll, which starts with a digit.
func versionOf(version string) string {
	version = notVersion.ReplaceAllString(version, ".")
	if version == "" || version[0] >= '0' && version[0] <= '9' {
		return version[:min(len(version), 60)]
	}
	return "0." + version[:min(len(version), 58)]
}

func (im *importer) yaml(name, head string, value any) error {
	text, err := yaml.Dump(value, yaml.WithIndent(2))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	im.out[name] = "# " + head + "\n" + string(text)
	return nil
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// unusedMapping tells of words of the mapping about posts and evals that are
// not there, and adds the packages that nodes need besides.
func (im *importer) unusedMapping() {
	for _, key := range slices.Concat(slices.Sorted(maps.Keys(im.mapping.Evals)), slices.Sorted(maps.Keys(im.mapping.Posts))) {
		if !im.used[key] {
			im.find(rocks.Warning, "import-mapping", "", 0, "", "the mapping names %s, where the roll has no such element, or leaves it out", key)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(im.mapping.Add)) {
		own, ok := im.own[name]
		if !ok || im.nodes[own] == nil {
			im.find(rocks.Warning, "import-mapping", "", 0, "", "the mapping adds packages to %s, which is no node of the roll", name)
			continue
		}
		n := im.nodes[own]
		for _, p := range im.mapping.Add[name] {
			if !slices.Contains(n.packages, p) {
				n.packages = append(n.packages, p)
			}
		}
	}
}
