package native

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"quarry/internal/fault"
)

// Mapping says what things of a Rocks roll are called natively. Its zero value
// maps nothing.
type Mapping struct {
	// Name is what the roll is called here, where its own name does not do.
	Name    string `yaml:"name"`
	Version string `yaml:"version"`
	Summary string `yaml:"summary"`
	// Nodes are those of other rolls: "roll/node", or null to leave the edge out.
	Nodes map[string]*string `yaml:"nodes"`
	// Packages by their RPM's name; null leaves one out.
	Packages map[string][]string `yaml:"packages"`
	// Add are packages that a node needs besides, by node.
	Add map[string][]string `yaml:"add"`
	// Attributes are values of attributes and entities.
	Attributes map[string]Value `yaml:"attributes"`
	// Evals are what <eval>s would print, by "nodes/x.xml:LINE".
	Evals map[string]string `yaml:"evals"`
	// Posts change single post sections, by "nodes/x.xml:LINE".
	Posts map[string]Post `yaml:"posts"`
	// Services are units by the name of an init script or unit; null leaves one out.
	Services map[string]*string `yaml:"services"`
	// Interpreters are programs here by their paths there.
	Interpreters map[string]string `yaml:"interpreters"`
	// Failures of posts are ignored, as in Rocks, or "stop" the vnode.
	Failures string `yaml:"failures"`
}

// Value is what an attribute becomes: a constant, a piece of a template, or a
// parameter of the native roll.
type Value struct {
	Constant  string
	Template  string
	Parameter *Parameter

	word string // what conditions call it natively
}

// Parameter is a parameter of the native roll, named after the attribute
// unless it says otherwise.
type Parameter struct {
	Name    string   `yaml:"name"`
	Type    string   `yaml:"type"`
	Default *string  `yaml:"default,omitempty"`
	Values  []string `yaml:"values,omitempty"`
	Min     *int     `yaml:"min,omitempty"`
	Max     *int     `yaml:"max,omitempty"`
	Match   string   `yaml:"match,omitempty"`
	Help    string   `yaml:"help"`
}

// Post changes one post section.
type Post struct {
	// Drop leaves it out, and says why.
	Drop string `yaml:"drop"`
	// At is when it runs: "boot" (each vnode's first boot) or "install"
	// (while the image is made).
	At string `yaml:"at"`
	// Body is run instead.
	Body string `yaml:"body"`
}

// Ways to treat the exit status of a post.
const (
	failuresIgnore = "ignore"
	failuresStop   = "stop"
)

// maxMapping bounds a mapping, in bytes.
const maxMapping = 1 << 20

var (
	nodeRef = regexp.MustCompile(`^[a-z][a-z0-9_]*/[a-z][a-z0-9-]*$`)
	placed  = regexp.MustCompile(`^(site-)?nodes/[^/]+\.xml:[1-9][0-9]*$`)
)

// UnmarshalYAML takes a text for a constant, or one of template and parameter.
func (v *Value) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		v.Constant = n.Value
		return nil
	}
	var doc struct {
		Template  string     `yaml:"template"`
		Parameter *Parameter `yaml:"parameter"`
	}
	if err := n.Load(&doc, yaml.WithKnownFields()); err != nil {
		return err
	}
	if (doc.Template == "") == (doc.Parameter == nil) {
		return fmt.Errorf("line %d: needs a value, or one of template and parameter", n.Line)
	}
	v.Template, v.Parameter = doc.Template, doc.Parameter
	return nil
}

// ParseMapping reads a mapping strictly. Everything wrong with it comes in one
// *fault.Error of kind Invalid.
func ParseMapping(file string, data []byte) (Mapping, error) {
	if len(data) > maxMapping {
		return Mapping{}, fault.New(fault.Invalid, "The mapping has mistakes", fault.Detail{Field: file, Message: fmt.Sprintf("is larger than %d bytes", maxMapping)})
	}
	var m Mapping
	var wrong fault.List
	if err := yaml.Load(data, &m, yaml.WithKnownFields()); err != nil && len(bytes.TrimSpace(data)) > 0 {
		all, ok := errors.AsType[*yaml.LoadErrors](err)
		if !ok {
			wrong.Add(file, err.Error())
		} else {
			for _, e := range all.Errors {
				wrong.Add(fmt.Sprintf("%s:%d", file, e.Mark.Line), e.Message)
			}
		}
		return Mapping{}, wrong.Err(fault.Invalid, "The mapping has mistakes")
	}
	m.check(file, &wrong)
	return m, wrong.Err(fault.Invalid, "The mapping has mistakes")
}

func (m *Mapping) check(file string, wrong *fault.List) {
	add := func(format string, args ...any) { wrong.Add(file, fmt.Sprintf(format, args...)) }
	if m.Name != "" && m.Name != wordOf(m.Name) {
		add("name %q must be 1 to 63 of a-z, 0-9 and _, a letter first", m.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Nodes)) {
		if to := m.Nodes[name]; to != nil && !nodeRef.MatchString(*to) {
			add("nodes: %s becomes %q, which is not ROLL/NODE", name, *to)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Attributes)) {
		v := m.Attributes[name]
		if v.Parameter == nil {
			continue
		}
		if v.Parameter.Name == "" {
			v.Parameter.Name = wordOf(name)
		}
		if v.Parameter.Help == "" || v.Parameter.Type == "" {
			add("attributes: the parameter of %s needs a type and a help", name)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.Evals)) {
		if !placed.MatchString(key) {
			add("evals: %q is not FILE:LINE, like nodes/ganglia-client.xml:83", key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.Posts)) {
		p := m.Posts[key]
		if !placed.MatchString(key) {
			add("posts: %q is not FILE:LINE, like nodes/hpc-base.xml:123", key)
		}
		if p.At != "" && p.At != atBoot && p.At != atInstall {
			add("posts: %s: at is %q; it is boot or install", key, p.At)
		}
		if p.Drop != "" && (p.Body != "" || p.At != "") {
			add("posts: %s: what is dropped has neither body nor at", key)
		}
	}
	switch m.Failures {
	case "":
		m.Failures = failuresIgnore
	case failuresIgnore, failuresStop:
	default:
		add("failures is %q; it is ignore or stop", m.Failures)
	}
}

// values are what attributes are where the mapping says nothing: what every
// cluster of Rocks 7 has.
var values = map[string]Value{
	"os": {Constant: "linux"}, "arch": {Constant: "x86_64"}, "release": {Constant: "Manzanita"},
	"version": {Constant: "7.0"}, "rocks_version": {Constant: "7.0"}, "rocks_version_major": {Constant: "7"},
	"hostname": {Template: "{{.Hostname}}"}, "appliance": {Template: "{{.Appliance}}", word: "appliance"}, "Info_ClusterName": {Template: "{{.Cluster}}"},
	"Kickstart_PrivateHostname":      {Template: `{{range .NodesOf "gateway"}}{{.Name}}{{end}}`},
	"Kickstart_PrivateDNSDomain":     {Template: "{{.Domain}}"},
	"Kickstart_PrivateAddress":       {Template: "{{.Gateway}}"},
	"Kickstart_PrivateGateway":       {Template: "{{.Gateway}}"},
	"Kickstart_PrivateNTPHost":       {Template: "{{.Gateway}}"},
	"Kickstart_PrivateSyslogHost":    {Template: "{{.Gateway}}"},
	"Kickstart_PrivateKickstartHost": {Template: "{{.Gateway}}"},
	"Kickstart_PrivateNetwork":       {Template: "{{.NetworkAddress}}"},
	"Kickstart_PrivateNetmask":       {Template: "{{.Netmask}}"},
	"Kickstart_PrivateInterface":     {Constant: "private0"},
	"Kickstart_PublicInterface":      {Constant: "outside0"},
}

// value is what an attribute becomes.
func (im *importer) value(name string) (Value, bool) {
	if v, ok := im.mapping.Attributes[name]; ok {
		if v.Parameter != nil {
			im.params[name] = true
		}
		return v, true
	}
	v, ok := im.defaults[name]
	return v, ok
}
