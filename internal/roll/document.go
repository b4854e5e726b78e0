package roll

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// The documents are the YAML files as they are written, with positions.

type rollDoc struct {
	Name        text                 `yaml:"name"`
	Version     text                 `yaml:"version"`
	Summary     text                 `yaml:"summary"`
	Description text                 `yaml:"description"`
	Requires    []text               `yaml:"requires"`
	Conflicts   []text               `yaml:"conflicts"`
	Provides    []text               `yaml:"provides"`
	Parameters  []item[parameterDoc] `yaml:"parameters"`
	Attributes  []item[parameterDoc] `yaml:"attributes"`
	Set         []item[settingDoc]   `yaml:"set"`
	Appliances  []item[applianceDoc] `yaml:"appliances"`
	Edges       []item[edgeDoc]      `yaml:"edges"`
	Order       []item[orderDoc]     `yaml:"order"`
}

type parameterDoc struct {
	Name     text   `yaml:"name"`
	Type     text   `yaml:"type"`
	Of       text   `yaml:"of"`
	Default  words  `yaml:"default"`
	Values   []text `yaml:"values"`
	Min      *int   `yaml:"min"`
	Max      *int   `yaml:"max"`
	MinItems *int   `yaml:"minItems"`
	MaxItems *int   `yaml:"maxItems"`
	Match    text   `yaml:"match"`
	Help     text   `yaml:"help"`
}

type settingDoc struct {
	Attribute text  `yaml:"attribute"`
	OS        text  `yaml:"os"`
	Appliance text  `yaml:"appliance"`
	Value     words `yaml:"value"`
}

type applianceDoc struct {
	Name    text `yaml:"name"`
	Summary text `yaml:"summary"`
	Node    text `yaml:"node"`
	Count   int  `yaml:"count"`
	Min     int  `yaml:"min"`
}

type edgeDoc struct {
	From text `yaml:"from"`
	To   text `yaml:"to"`
	If   text `yaml:"if"`
}

type orderDoc struct {
	Node   text `yaml:"node"`
	Before text `yaml:"before"`
	After  text `yaml:"after"`
}

type nodeDoc struct {
	Summary  text               `yaml:"summary"`
	Packages packagesDoc        `yaml:"packages"`
	Files    []item[fileDoc]    `yaml:"files"`
	Services []item[serviceDoc] `yaml:"services"`
	Scripts  scriptsDoc         `yaml:"scripts"`
	Checks   []item[scriptDoc]  `yaml:"checks"`
}

type fileDoc struct {
	Path     text `yaml:"path"`
	Mode     text `yaml:"mode"`
	Owner    text `yaml:"owner"`
	Content  text `yaml:"content"`
	Source   text `yaml:"source"`
	Template bool `yaml:"template"`
	Reload   text `yaml:"reload"`
}

type serviceDoc struct {
	Unit  text `yaml:"unit"`
	State text `yaml:"state"`
}

type scriptsDoc struct {
	Install []item[scriptDoc] `yaml:"install"`
	Boot    []item[scriptDoc] `yaml:"boot"`
	Cluster []item[scriptDoc] `yaml:"cluster"`
}

type scriptDoc struct {
	Name    text `yaml:"name"`
	Body    text `yaml:"body"`
	Source  text `yaml:"source"`
	Timeout text `yaml:"timeout"`
}

// packagesDoc is a list for any system or lists by "any", family, or
// family/release.
type packagesDoc struct {
	Lists []packageList
}

type packageList struct {
	OS    text
	Items []packageDoc
}

// packageDoc is a name, {parameter: key} or {attribute: key}; keys of the two
// are never the same.
type packageDoc struct {
	Name      text
	Parameter text
}

// pos is a place in a file; both count from 1, 0 is unknown.
type pos struct{ line, column int }

// text is a scalar as it was written: 0644 stays "0644".
type text struct {
	V   string
	Set bool
	pos
}

func (t *text) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return &wrongKind{pos{n.Line, n.Column}, "a text"}
	}
	*t = text{V: n.Value, Set: true, pos: pos{n.Line, n.Column}}
	return nil
}

// words is a scalar, or a list of words that stands for the text of a list.
type words struct{ text }

func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.SequenceNode {
		return w.text.UnmarshalYAML(n)
	}
	var list []text
	if err := n.Load(&list); err != nil {
		return err
	}
	all := make([]string, len(list))
	for i, t := range list {
		if len(strings.Fields(t.V)) != 1 {
			return &wrongKind{t.pos, "a word without spaces"}
		}
		all[i] = t.V
	}
	w.text = text{V: strings.Join(all, " "), Set: true, pos: pos{n.Line, n.Column}}
	return nil
}

// item is a mapping that knows where it is.
type item[T any] struct {
	V T
	pos
}

func (i *item[T]) UnmarshalYAML(n *yaml.Node) error {
	i.pos = pos{n.Line, n.Column}
	return n.Load(&i.V, yaml.WithKnownFields())
}

func (p *packagesDoc) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.SequenceNode:
		list := packageList{OS: text{V: "any", pos: pos{n.Line, n.Column}}}
		p.Lists = []packageList{list}
		return n.Load(&p.Lists[0].Items)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			var list packageList
			if err := list.OS.UnmarshalYAML(n.Content[i]); err != nil {
				return err
			}
			if err := n.Content[i+1].Load(&list.Items); err != nil {
				return err
			}
			p.Lists = append(p.Lists, list)
		}
		return nil
	}
	return &wrongKind{pos{n.Line, n.Column}, "a list of packages, or lists by operating system"}
}

func (p *packageDoc) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return p.Name.UnmarshalYAML(n)
	}
	var ref struct {
		Parameter text `yaml:"parameter"`
		Attribute text `yaml:"attribute"`
	}
	if err := n.Load(&ref, yaml.WithKnownFields()); err != nil {
		return err
	}
	if ref.Parameter.Set == ref.Attribute.Set {
		return &wrongKind{pos{n.Line, n.Column}, "the name of a package, {parameter: KEY} or {attribute: KEY}"}
	}
	p.Parameter = ref.Parameter
	if ref.Attribute.Set {
		p.Parameter = ref.Attribute
	}
	return nil
}

type wrongKind struct {
	pos
	want string
}

func (e *wrongKind) Error() string { return e.want + " is wanted here" }
