package rocks

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quarry/internal/roll/rocks/sax"
)

// The first of Rocks' passes over a node file expands entities, includes and
// variables, adds log posts, and writes the document anew, attributes without
// escaping them. Here it writes down too where each tag comes from.

// maxOutput bounds what a pass may write.
const maxOutput = 64 << 20

// mark is where in the output something starts and where it comes from.
type mark struct {
	offset int
	line   int
	log    bool
}

type pass1 struct {
	tree  *Tree
	env   *environment
	file  *nodeFile
	vars  map[string]string
	evals map[string]string
	note  func(rule, message, fix string, line int)

	out     strings.Builder
	marks   []mark
	lines   []int // the line in the file of each line that was fed
	roll    string
	path    string // "" before the first kickstart element
	strip   bool
	skip    bool // inside an eval whose value was given
	printed string
	raw     bool
	uses    map[string]bool // entities that were asked for
	blanks  bool            // entities in text may be left to be filled in
	soft    map[string]bool // those that were
	private bool            // the result depends on more than entities
	inside  []string        // the elements that are open, without the root
	depicts string          // the description, changelog or copyright that is open
	quoted  []string        // entities with a quote that were not told of yet
	any     bool
}

// feed drops the lines that Rocks does not feed to its parser.
func (p *pass1) feed() []byte {
	if !bytes.Contains(p.file.data, []byte("<?xml")) {
		return p.file.data
	}
	var fed []byte
	line := 0
	for text := range bytes.Lines(p.file.data) {
		line++
		if bytes.Contains(text, []byte("<?xml")) {
			p.dropped(string(text), line)
			continue
		}
		fed = append(fed, text...)
		p.lines = append(p.lines, line)
	}
	return fed
}

func (p *pass1) line(at sax.Pos) int {
	if p.lines == nil {
		return at.Line
	}
	if at.Line-1 < len(p.lines) && at.Line > 0 {
		return p.lines[at.Line-1]
	}
	return 0
}

func (p *pass1) run() error {
	if p.env.refused != nil {
		return place(p.env.refused, p.file.path, 0)
	}
	err := sax.Read(p.feed(), sax.Options{Continued: true, Entity: p.entity, InText: p.inText}, sax.Handler{
		Start: p.start, End: p.end, Text: p.text, Undefined: p.undefined,
	})
	if e, ok := errors.AsType[*sax.Error](err); ok {
		err = &Refusal{
			Rule: ruleXML, Class: saxClass, Text: fmt.Sprintf("<unknown>:%d:%d: %s", e.Line+p.env.headerLines, e.Column, e.Message),
			File: p.file.path, Line: p.line(e.End), Fix: fixXML(e.Message),
		}
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		r.Printed = fmt.Sprintf("XML parse error in file %s on line %d", p.file.path, r.Line)
	}
	return err
}

func fixXML(message string) string {
	if message == "undefined entity" {
		return "define the attribute, or take the entity out of the attribute's value: only in text is an undefined one empty"
	}
	return "mend the XML"
}

func (p *pass1) entity(name string) (string, bool) {
	text, ok := p.env.entity(name)
	if !p.uses[name] && strings.Contains(text, `\'`) {
		p.quoted = append(p.quoted, name)
	}
	p.uses[name] = true
	return text, ok
}

// inText leaves a blank to fill in, where that comes to the same.
func (p *pass1) inText(name string) (string, bool) {
	text, ok := p.env.entity(name)
	if !p.blanks || !ok || !canFill(text) {
		return p.entity(name)
	}
	p.soft[name] = true
	return blankStart + name + blankEnd, true
}

func (p *pass1) write(s string) error {
	if p.out.WriteString(s); p.out.Len() > maxOutput {
		return &Refusal{Rule: ruleXML, Class: "MemoryError", Text: fmt.Sprintf("more than %d bytes", maxOutput), File: p.file.path, Fix: "make the node smaller"}
	}
	return nil
}

func (p *pass1) mark(at sax.Pos, log bool) {
	p.marks = append(p.marks, mark{offset: p.out.Len(), line: p.line(at), log: log})
}

var escapeText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func (p *pass1) text(text string, at sax.Pos) error {
	if len(p.quoted) > 0 {
		p.flushQuoted(p.line(at))
	}
	if p.strip || p.skip {
		return nil
	}
	return p.write(escapeText.Replace(text))
}

func (p *pass1) start(name string, attrs []sax.Attr, at sax.Pos) error {
	p.lintElement(name, attrs, at)
	if name != "kickstart" && name != "jumpstart" {
		p.inside = append(p.inside, name)
	}
	a := attributes(attrs)
	switch name {
	case "description", "changelog", "copyright":
		p.strip, p.depicts = true, name
		return nil
	case "kickstart", "jumpstart":
		if p.roll = a.get("roll"); p.roll == "" {
			p.roll = "unknown"
		}
		p.path = p.file.path
	case "include", "sinclude":
		return p.include(name, a, at)
	case "var":
		return p.variable(a, p.line(at))
	case "copy":
		p.private = true
		p.note(ruleCopy, "copies a file of the frontend, which is not there when a profile is made: it is left out", "make it a file element", p.line(at))
		return nil
	case "file":
		return p.tag(name, attrs, at, "include")
	case "eval":
		return p.eval(a, at)
	case "post":
		if err := p.log("begin", at); err != nil {
			return err
		}
	}
	return p.tag(name, attrs, at)
}

func (p *pass1) end(name string, at sax.Pos) error {
	if name != "kickstart" && name != "jumpstart" {
		p.inside = p.inside[:len(p.inside)-1]
	}
	switch name {
	case "description", "changelog", "copyright":
		p.strip, p.depicts = false, ""
		return nil
	case "include", "sinclude", "var", "copy":
		p.strip = false
		return nil
	case "eval":
		return p.endEval()
	case "post":
		if err := p.write("</post>"); err != nil {
			return err
		}
		p.strip = false
		return p.log("end", at)
	}
	return p.write("</" + name + ">")
}

// tag writes a start tag with its attributes unescaped.
func (p *pass1) tag(name string, attrs []sax.Attr, at sax.Pos, without ...string) error {
	p.any = true
	p.mark(at, false)
	if err := p.write("<" + name); err != nil {
		return err
	}
	gap := "  "
	for _, a := range attrs {
		if a.Name == "roll" || a.Name == "file" || slices.Contains(without, a.Name) {
			continue
		}
		if err := p.write(gap + a.Name + `="` + a.Value + `"`); err != nil {
			return err
		}
		gap = " "
	}
	return p.write(">")
}

func (p *pass1) log(word string, at sax.Pos) error {
	if err := p.write("\n"); err != nil {
		return err
	}
	p.any = true
	p.mark(at, true)
	return p.write("<post>\n<file name=\"/var/log/rocks-install.log\" mode=\"append\">\n" +
		p.path + ": " + word + " post section\n</file>\n</post>\n\n")
}

// attributes of an element, by name.
type attributes []sax.Attr

func (a attributes) find(name string) (string, bool) {
	for _, x := range a {
		if x.Name == name {
			return x.Value, true
		}
	}
	return "", false
}

func (a attributes) get(name string) string {
	v, _ := a.find(name)
	return v
}
