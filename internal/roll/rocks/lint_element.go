package rocks

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/roll"
	"quarry/internal/roll/rocks/sax"
)

var graphElements = map[string]map[string]bool{
	"graph": set("roll"), "edge": set("from to arch os release cond"), "to": set("arch os release cond gen"), "from": set("arch os release cond gen"),
	"order": set("head tail gen arch os release cond"), "head": set("gen arch os release cond"), "tail": set("gen arch os release cond"),
	"description": nil, "copyright": nil, "changelog": nil,
}

func (r *graphReader) find(rule, message, fix string) {
	r.report(Finding{Rule: rule, File: r.file, Line: r.line, Message: message, Fix: fix})
}

// lintElement looks at an element of a graph before it changes anything.
func (r *graphReader) lintElement(e graphEvent) {
	if r.report == nil {
		return
	}
	known, ok := graphElements[e.name]
	if !ok {
		r.find(ruleUnknownElement, "the element "+e.name+" is ignored in a graph", "take it out"+roll.DidYouMean(e.name, maps.Keys(graphElements)))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(e.attrs)) {
		if known != nil && !known[name] {
			r.find(ruleUnknownAttr, fmt.Sprintf("the attribute %s of %s is ignored", name, e.name), "take it out"+roll.DidYouMean(name, maps.Keys(known)))
		}
	}
	switch e.name {
	case "order", "head", "tail":
		for _, name := range []string{"cond", "arch", "os", "release"} {
			if value, ok := e.attrs[name]; ok {
				r.find(ruleOrderCondition, fmt.Sprintf("%s=%q of %s is ignored: the order always holds", name, value, e.name), "put the condition on the edge of the node")
			}
		}
	case "to", "from":
		if cond, ok := e.attrs["cond"]; ok {
			r.find(ruleToCondition, fmt.Sprintf("cond=%q of %s: Rocks joins it to that of the edge with \"and\", a syntax error where the edge has none", cond, e.name),
				"give the node an edge of its own with this condition")
		}
		if given := map[string]*string{"to": r.to, "from": r.from}[e.name]; given != nil && r.condition != nil {
			r.find(ruleEdgeForms, fmt.Sprintf("the edge's own %s=%q is ignored: it holds %s elements", e.name, *given, e.name), "write an edge of its own for it")
		}
	}
}

func (r *graphReader) lintName(name string) {
	if r.report != nil && name != strings.TrimSpace(name) {
		r.find(ruleSpaces, fmt.Sprintf("the name %q has blanks around it, and Rocks takes them for a part of it", name), "write the tags without blanks around the name")
	}
}

func (r *graphReader) lintEntity(name string) {
	if r.report != nil {
		r.find(ruleEntity, fmt.Sprintf("&%s; is empty: graphs know no attributes", name), "write the name itself, and a condition on the edge")
	}
}

const conditionAttributes = " arch os release cond phase roll file"

// nodeElements names what elements of node files may have.
var nodeElements = map[string]map[string]bool{
	"kickstart": set("roll interface"), "jumpstart": set("roll interface"),
	"package": set("type disable" + conditionAttributes), "pre": set("interpreter arg" + conditionAttributes),
	"post": set("interpreter arg chroot" + conditionAttributes), "configure": set("interpreter arg" + conditionAttributes),
	"boot": set("order" + conditionAttributes), "main": set(conditionAttributes),
	"file": set("name mode owner perms vars expr src rcs include" + conditionAttributes),
	"eval": set("shell mode"), "include": set("file mode"), "sinclude": set("file mode"), "var": set("name val ref"), "copy": set("src dst"),
}

// vanish are elements that the first pass takes out.
var vanish = set("description changelog copyright include sinclude var copy eval")

// lintElement looks at an element of a node file. p.inside are those around it.
func (p *pass1) lintElement(name string, attrs []sax.Attr, at sax.Pos) {
	line := p.line(at)
	p.flushQuoted(line)
	around := p.inside
	if n := p.depicts; n != "" {
		if !vanish[name] {
			p.note(ruleInDescription, fmt.Sprintf("the element %s in a %s stays, without its text", name, n), "take the tags out of the "+n+", or put it into CDATA", line)
		}
		return
	}
	if p.unused() {
		return // nothing of it is used
	}
	root := name == "kickstart" || name == "jumpstart"
	switch {
	case root || vanish[name]:
	case len(around) == 0 && !otherElements[name] && name != "main" && name != "screen":
		fix := "take it out"
		if mainElements[name] {
			fix = "put it into a main element"
		} else if name == "file" {
			fix = "put it into a post element"
		}
		p.note(ruleUnknownElement, fmt.Sprintf("the element %s is dropped with all that it holds", name), fix+roll.DidYouMean(name, maps.Keys(otherElements)), line)
		return
	case len(around) == 1 && around[0] == "main" && (!mainElements[name] || name == "main" || name == "include"):
		p.note(ruleUnknownElement, fmt.Sprintf("the element %s is dropped from the main section", name), "take it out"+roll.DidYouMean(name, maps.Keys(mainElements)), line)
		return
	}
	p.lintAttributes(name, attrs, line)
}

func (p *pass1) lintAttributes(name string, attrs []sax.Attr, line int) {
	known := nodeElements[name]
	for _, a := range attrs {
		switch {
		case name == "file" && (a.Name == "cond" || a.Name == "arch" || a.Name == "release" || a.Name == "phase"):
			p.note(ruleFileCondition, fmt.Sprintf("%s=%q of a file is ignored: the file is always written", a.Name, a.Value), "put the file into a post of its own with the condition (os works)", line)
		case name == "file" && (a.Name == "perm" || a.Name == "permissions" || a.Name == "chmod"):
			p.note(ruleFilePerm, fmt.Sprintf("%s=%q is ignored: the file gets the default mode", a.Name, a.Value), "write perms=", line)
		case name == "package" && a.Name == "disable" && slices.Contains([]string{"0", "no", "false", "off", "n", ""}, strings.ToLower(a.Value)):
			p.note(ruleDisable, fmt.Sprintf("disable=%q disables the package: its value counts for nothing", a.Value), "take the attribute out, or write disable=\"1\"", line)
		case name == "file" && a.Name == "mode" && !slices.Contains([]string{"create", "append", "pipe"}, a.Value):
			p.note(ruleFileMode, fmt.Sprintf("mode=%q of a file is none of create, append and pipe: the file is created", a.Value), "correct the mode", line)
		case name == "file" && a.Name == "vars" && a.Value != "literal" && a.Value != "expanded":
			p.note(ruleFileMode, fmt.Sprintf("vars=%q of a file is neither literal nor expanded: it is literal", a.Value), "correct vars", line)
		case known != nil && !known[a.Name]:
			p.note(ruleUnknownAttr, fmt.Sprintf("the attribute %s=%q of %s is ignored", a.Name, a.Value, name), "take it out"+roll.DidYouMean(a.Name, maps.Keys(known)), line)
		}
	}
}

// undefined is told of an undefined entity in text.
func (p *pass1) undefined(name string, at sax.Pos) {
	if p.strip || p.skip || p.unused() {
		return
	}
	p.note(ruleEntity, fmt.Sprintf("&%s; is empty: there is no such attribute", name), "set the attribute "+name+", or write &amp;"+name+"; where the text is meant", p.line(at))
}

var declaration = regexp.MustCompile(`^\s*<\?xml[^<>]*\?>\s*$`)

// dropped is told of a line that is not read.
func (p *pass1) dropped(text string, line int) {
	if line == 1 && declaration.MatchString(text) {
		return
	}
	p.note(ruleDeclaration, fmt.Sprintf("the line is dropped, because it has <?xml in it: %.60q", strings.TrimSpace(text)),
		"write the declaration once, on the first line and alone; write &lt;?xml where the text is meant", line)
}

// flushQuoted tells of entities whose value has a quote, once it is known where.
func (p *pass1) flushQuoted(line int) {
	for _, name := range p.quoted {
		p.note(ruleQuote, fmt.Sprintf("&%s; has a ' in it, which comes out as \\'", name), "take the quote out of the attribute", line)
	}
	p.quoted = nil
}

var entityText = regexp.MustCompile(`&[A-Za-z_][A-Za-z0-9._-]*;`)

func (p *pass1) lintInclude(name, text string, line int) {
	if found := entityText.FindString(text); found != "" {
		p.note(ruleIncludeEntity, fmt.Sprintf("%s in include/%s stays as it is: included text is quoted", found, name), "put the text into the node file, or include it with mode=\"xml\"", line)
	}
}
