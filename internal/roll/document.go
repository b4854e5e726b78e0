package roll

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"quarry/internal/fault"
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
}

type serviceDoc struct {
	Unit  text `yaml:"unit"`
	State text `yaml:"state"`
}

type scriptsDoc struct {
	Install []item[scriptDoc] `yaml:"install"`
	Boot    []item[scriptDoc] `yaml:"boot"`
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

// packageDoc is a name or {parameter: key}.
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
	}
	if err := n.Load(&ref, yaml.WithKnownFields()); err != nil {
		return err
	}
	p.Parameter = ref.Parameter
	return nil
}

type wrongKind struct {
	pos
	want string
}

func (e *wrongKind) Error() string { return e.want + " is wanted here" }

// report gathers what is wrong with the files of one roll.
type report struct {
	dir string
	fault.List
}

func (r *report) add(file string, p pos, format string, args ...any) {
	r.Add(place(r.dir, file, p), fmt.Sprintf(format, args...))
}

func place(dir, file string, p pos) string {
	where := path.Join(dir, file)
	if p.line > 0 {
		where += fmt.Sprintf(":%d", p.line)
		if p.column > 0 {
			where += fmt.Sprintf(":%d", p.column)
		}
	}
	return where
}

// decode reads one document strictly and reports everything wrong with it.
// What could be read is in out all the same; it returns false when that is
// nothing, because the text is not one YAML document.
func (r *report) decode(file string, data []byte, out any) bool {
	err := yaml.Load(data, out, yaml.WithKnownFields())
	if err == nil {
		return true
	}
	readable := true
	all, ok := errors.AsType[*yaml.LoadErrors](err)
	if !ok {
		all = &yaml.LoadErrors{}
		if one, ok := errors.AsType[*yaml.LoadError](err); ok {
			all.Errors = []*yaml.LoadError{one}
		}
		readable = false
	}
	for _, e := range all.Errors {
		p := pos{e.Mark.Line, e.Mark.Column}
		if kind, ok := errors.AsType[*wrongKind](e); ok {
			p = kind.pos
		}
		r.add(file, p, "%s", plain(e.Message))
		readable = readable && p.line > 0 // no line: the stream as a whole
	}
	if len(all.Errors) == 0 {
		r.add(file, pos{}, "%v", err)
	}
	return readable
}

var (
	unknownField = regexp.MustCompile(`^field (\S+) not found in type `)
	wrongType    = regexp.MustCompile("^cannot construct !!(\\w+)(?: `(.*)`)? into (.*)$")
)

// plain says what the YAML library found without the names of Go types.
func plain(message string) string {
	message = strings.TrimPrefix(message, "yaml: ")
	if m := unknownField.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("unknown key %q", m[1]) + didYouMean(m[1], slices.Values(documentKeys))
	}
	m := wrongType.FindStringSubmatch(message)
	if m == nil {
		return message
	}
	want := "a mapping"
	switch {
	case m[3] == "int":
		want = "a whole number"
	case m[3] == "bool":
		want = "true or false"
	case strings.HasPrefix(m[3], "[]"):
		want = "a list"
	}
	if m[2] != "" {
		return fmt.Sprintf("%s is wanted, not %q", want, m[2])
	}
	return want + " is wanted here"
}

// documentKeys are the keys that unknown ones are compared with.
var documentKeys = []string{
	"name", "version", "summary", "description", "requires", "conflicts", "provides", "parameters", "attributes", "attribute", "set", "value", "of", "minItems", "maxItems", "os", "appliance", "appliances",
	"edges", "order", "type", "default", "values", "min", "max", "match", "help", "node", "count", "from", "to",
	"if", "before", "after", "packages", "files", "services", "scripts", "checks", "path", "mode", "owner",
	"content", "source", "template", "unit", "state", "install", "boot", "body", "timeout", "parameter",
}
