package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// maxSpecFile bounds what is read of a file that should be a specification.
const maxSpecFile = 1 << 20

// specFile is cluster.Spec as a person writes it: sizes with units, a start
// that may be relative, a duration.
type specFile struct {
	Name       string               `yaml:"name"`
	Rolls      []string             `yaml:"rolls"`
	Nodes      []specGroup          `yaml:"nodes"`
	Start      string               `yaml:"start"`
	End        string               `yaml:"end"`
	For        string               `yaml:"for"`
	BestEffort bool                 `yaml:"bestEffort"`
	Policy     calendar.Policy      `yaml:"policy"`
	Together   calendar.Together    `yaml:"together"`
	Parameters map[string]specValue `yaml:"parameters"`
	Attributes []specAttribute      `yaml:"attributes"`
	Racks      map[string][]string  `yaml:"racks"`
	SSHKeys    []string             `yaml:"sshKeys"`
	Network    string               `yaml:"network"`
	Domain     string               `yaml:"domain"`
	TimeZone   string               `yaml:"timeZone"`
	Users      []cluster.User       `yaml:"users"`
}

// specValue is a value as it is written: a number stays its digits, and a list
// is its words parted by spaces.
type specValue string

func (v *specValue) UnmarshalYAML(n *yaml.Node) error {
	switch n.Kind {
	case yaml.ScalarNode:
		*v = specValue(n.Value)
		return nil
	case yaml.SequenceNode:
		var words []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || len(strings.Fields(item.Value)) != 1 {
				return fmt.Errorf("line %d: an item of a list is one word without spaces", item.Line)
			}
			words = append(words, item.Value)
		}
		*v = specValue(strings.Join(words, " "))
		return nil
	}
	return fmt.Errorf("line %d: a value or a list of words is wanted", n.Line)
}

type specAttribute struct {
	Name      string    `yaml:"name"`
	Value     specValue `yaml:"value"`
	OS        string    `yaml:"os"`
	Appliance string    `yaml:"appliance"`
	Rack      string    `yaml:"rack"`
	Host      string    `yaml:"host"`
}

type specGroup struct {
	Appliance string   `yaml:"appliance"`
	Count     int      `yaml:"count"`
	CPUs      int      `yaml:"cpus"`
	Memory    string   `yaml:"memory"`
	Disk      string   `yaml:"disk"`
	Require   []string `yaml:"require"`
	Prefer    []string `yaml:"prefer"`
	Apart     bool     `yaml:"apart"`
}

// readSpec reads a specification from r. name is the file's, for messages:
// an error lists every problem as file:line:column where the place is known.
func readSpec(r io.Reader, name string, now time.Time) (cluster.Spec, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxSpecFile+1))
	if err != nil {
		return cluster.Spec{}, usage("cannot read the specification: %v", err)
	}
	if len(raw) > maxSpecFile {
		return cluster.Spec{}, usage("%s is larger than 1 MiB: that is no specification of a cluster", name)
	}
	var file specFile
	if err := yaml.Load(raw, &file, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return cluster.Spec{}, yamlUsage(name, err)
	}
	return file.spec(name, now)
}

func (f specFile) spec(name string, now time.Time) (cluster.Spec, error) {
	spec := cluster.Spec{
		Name: f.Name, Rolls: f.Rolls, SSHKeys: f.SSHKeys, Racks: f.Racks,
		BestEffort: f.BestEffort, Policy: f.Policy, Together: f.Together, Network: f.Network, Domain: f.Domain, TimeZone: f.TimeZone, Users: f.Users,
	}
	for key, value := range f.Parameters {
		if spec.Parameters == nil {
			spec.Parameters = map[string]string{}
		}
		spec.Parameters[key] = string(value)
	}
	for _, a := range f.Attributes {
		spec.Attributes = append(spec.Attributes, cluster.Attribute{
			Name: a.Name, Value: string(a.Value), OS: a.OS, Appliance: a.Appliance, Rack: a.Rack, Host: a.Host,
		})
	}
	var wrong fault.List
	setWindow(&spec, window{start: f.Start, end: f.End, length: f.For}, now, &wrong)
	for i, g := range f.Nodes {
		spec.Nodes = append(spec.Nodes, g.group(fmt.Sprintf("nodes[%d]", i), &wrong))
	}
	if len(wrong.Details()) > 0 {
		return cluster.Spec{}, &usageError{title: name + " is not a specification of a cluster", details: wrong.Details()}
	}
	return spec, nil
}

func (g specGroup) group(field string, wrong *fault.List) cluster.Group {
	out := cluster.Group{
		Appliance: g.Appliance, Count: g.Count, CPUs: g.CPUs, Require: g.Require, Prefer: g.Prefer, Apart: g.Apart,
	}
	out.MemoryMiB = sizeOrZero(g.Memory, field+".memory", wrong)
	out.DiskMiB = sizeOrZero(g.Disk, field+".disk", wrong)
	return out
}

// sizeOrZero is parseSize for a field that may be left out.
func sizeOrZero(text, field string, wrong *fault.List) int {
	if text == "" {
		return 0
	}
	n, err := parseSize(text)
	if err != nil {
		wrong.Add(field, err.Error())
	}
	return n
}

// window is a booking's window as it was written.
type window struct{ start, end, length string }

// setWindow puts what was written into spec and adds every problem to wrong.
func setWindow(spec *cluster.Spec, w window, now time.Time, wrong *fault.List) {
	if w.start != "" {
		s, err := parseStart(w.start, now)
		if err != nil {
			wrong.Add("start", err.Error())
		}
		spec.StartMode, spec.Start = s.mode, s.at
	}
	if w.end != "" && w.length != "" {
		wrong.Add("end", "give either an end or a length (for), not both")
		return
	}
	if w.end != "" {
		t, err := parseInstant(w.end)
		if err != nil {
			wrong.Add("end", err.Error())
		}
		spec.End, spec.Duration = t, 0
	}
	if w.length != "" {
		d, err := parseDuration(w.length)
		if err != nil {
			wrong.Add("for", err.Error())
		}
		spec.Duration, spec.End = d, time.Time{}
	}
}

// yamlUsage turns the YAML library's errors into one with file:line:column.
func yamlUsage(name string, err error) error {
	out := &usageError{title: name + " cannot be read as YAML"}
	var many *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &many):
		for _, e := range many.Errors {
			out.details = append(out.details, yamlDetail(name, e))
		}
	case errors.As(err, &one):
		out.details = append(out.details, yamlDetail(name, one))
	default:
		out.details = append(out.details, fault.Detail{Field: name, Message: err.Error()})
	}
	return out
}

func yamlDetail(name string, e *yaml.LoadError) fault.Detail {
	if e.Mark.Line == 0 {
		return fault.Detail{Field: name, Message: e.Message}
	}
	return fault.Detail{Field: fmt.Sprintf("%s:%d:%d", name, e.Mark.Line, max(1, e.Mark.Column)), Message: e.Message}
}
