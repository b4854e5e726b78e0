package rocks

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarry/internal/roll/rocks/python"
	"quarry/internal/roll/rocks/sax"
)

// Bounds of an attributes file.
const (
	maxAttributes     = 10000
	maxAttributeBytes = 1 << 20
)

// ParseAttributes reads "name: value" lines, as Rocks reads them: what has no
// colon is passed over, the last of equal names counts. Lines that start with
// # are comments.
func ParseAttributes(data []byte) (map[string]string, error) {
	if len(data) > maxAttributeBytes {
		return nil, fmt.Errorf("the attributes take %d bytes; %d are the most", len(data), maxAttributeBytes)
	}
	attrs := map[string]string{}
	for line := range strings.SplitSeq(string(data), "\n") {
		key, value, ok := strings.Cut(line, ":")
		if ok && !strings.HasPrefix(line, "#") {
			attrs[strings.Trim(key, blanks)] = strings.Trim(value, blanks)
		}
		if len(attrs) > maxAttributes {
			return nil, fmt.Errorf("more than %d attributes", maxAttributes)
		}
	}
	return attrs, nil
}

const blanks = " \t\n\r\v\f"

// environment is what one walk knows about its node.
type environment struct {
	escaped     map[string]string // what conditions of graphs see
	text        map[string]string // what entities stand for
	python      map[string]string // what conditions of nodes see
	header      int               // length of the document header in characters
	headerLines int
	refused     error // why no node file can be read
	sunos       bool
}

var escaper = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", `"`, "&quot;", "%", "&#x0025;", "'", `\'`)

// newEnvironment adds what Rocks adds and escapes everything as Rocks does.
func newEnvironment(given map[string]string, root string, o Options) *environment {
	e := &environment{escaped: make(map[string]string, len(given)+10), text: map[string]string{}}
	for k, v := range given {
		e.escaped[k] = escaper.Replace(v)
	}
	for k, v := range map[string]string{
		"os": "linux", "arch": "x86_64", "hostname": "localhost", "graph": "default", "distribution": "rocks-dist", "membership": "Frontend",
	} {
		if _, ok := e.escaped[k]; !ok {
			e.escaped[k] = v
		}
	}
	version, release := o.Version, o.Release
	if version == "" {
		version = "7.0"
	}
	if release == "" {
		release = "Manzanita"
	}
	major, _, _ := strings.Cut(version, ".")
	e.escaped["version"], e.escaped["rocks_version_major"] = version, major
	e.escaped["release"], e.escaped["root"] = release, root
	e.sunos = e.escaped["os"] == "sunos"
	e.entities()
	return e
}

// entities makes the entities of the document header, and finds out whether it
// is one that a parser takes.
func (e *environment) entities() {
	header := "<?xml version=\"1.0\" standalone=\"no\"?>\n<!DOCTYPE rocks-graph [\n]>\n"
	e.header = len(header)
	line := 2
	e.headerLines = len(e.escaped) + 3
	for _, k := range slices.Sorted(maps.Keys(e.escaped)) {
		v := e.escaped[k]
		line++
		e.header += len("\t<!ENTITY  \"\">\n") + len([]rune(k)) + len([]rune(v))
		if !sax.IsName(k) || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == '�' }) {
			e.refuse(&Refusal{
				Rule: ruleAttributeName, Class: saxClass, Text: fmt.Sprintf("<unknown>:%d:10: not well-formed (invalid token)", line),
				Fix: fmt.Sprintf("rename the attribute %q: it has to be an XML name, and its value plain text", k),
			})
			continue
		}
		if strings.ContainsFunc(k+v, func(r rune) bool { return r > 127 }) {
			e.refuse(&Refusal{
				Rule: ruleASCII, Class: "UnicodeDecodeError", Text: "'ascii' codec can't decode a byte of the attribute " + k + ": ordinal not in range(128)",
				Fix: "use ASCII in attributes",
			})
		}
		e.text[k] = unescaper.Replace(v)
	}
}

func (e *environment) refuse(r *Refusal) {
	if e.refused == nil {
		e.refused = r
	}
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&#x0025;", "%", "&amp;", "&")

// forNodes are the attributes as the generator gets them: each went through an
// XML attribute and a Python string.
func (e *environment) forNodes() (map[string]string, error) {
	if e.python != nil {
		return e.python, nil
	}
	e.python = make(map[string]string, len(e.text))
	for _, k := range slices.Sorted(maps.Keys(e.text)) {
		v := strings.ReplaceAll(e.text[k], "\t", " ")
		if strings.ContainsAny(v, `\`) {
			var err error
			if v, err = python.Text(v); err != nil {
				return nil, &Refusal{
					Rule: ruleAttributeValue, Class: "SyntaxError", Text: fmt.Sprintf("EOL while scanning string literal (the attribute %s is %q)", k, e.text[k]),
					Fix: "take the backslash out of the attribute",
				}
			}
		}
		e.python[k] = v
	}
	return e.python, nil
}

// entity is what node files see.
func (e *environment) entity(name string) (string, bool) {
	v, ok := e.text[name]
	return v, ok
}
