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
	"content", "source", "template", "unit", "state", "install", "boot", "cluster", "body", "timeout", "parameter",
}
