package rocks

import (
	"bytes"
	"fmt"
	"strings"

	"quarry/internal/roll/rocks/sax"
)

// include puts in a file, quoted or as it is.
func (p *pass1) include(element string, a attributes, at sax.Pos) error {
	name, ok := a.find("file")
	if !ok {
		return &Refusal{
			Rule: ruleNoInclude, Class: "AttributeError", Text: "'NoneType' object has no attribute 'startswith'", File: p.file.path, Line: p.line(at),
			Fix: "name the file to include: file=\"…\"",
		}
	}
	data, err := p.tree.include(name)
	if err != nil {
		if element == "sinclude" {
			return nil
		}
		if p.unused() {
			p.note(ruleUnusedInclude, fmt.Sprintf("include/%s is not in the tree; Rocks would stop here, though what the element holds is in no profile", name),
				"add the file to the tree", p.line(at))
			return nil
		}
		return &Refusal{
			Rule: ruleNoInclude, Class: "IOError", Text: "[Errno 2] No such file or directory: u'include/" + name + "'", File: p.file.path, Line: p.line(at),
			Fix: "add include/" + name + " to the tree, or take the include out",
		}
	}
	if bytes.ContainsFunc(data, func(r rune) bool { return r > 127 }) {
		return &Refusal{
			Rule: ruleASCII, Class: "UnicodeDecodeError", Text: "'ascii' codec can't decode a byte of include/" + name + ": ordinal not in range(128)",
			File: p.file.path, Line: p.line(at), Fix: "use ASCII in include/" + name,
		}
	}
	text := string(data)
	if mode := a.get("mode"); mode == "" || mode == "quote" {
		p.lintInclude(name, text, p.line(at))
		text = escapeText.Replace(text)
	}
	p.mark(at, false)
	return p.write(text)
}

// unused says whether the element that is open holds nothing for a profile.
func (p *pass1) unused() bool {
	return len(p.inside) > 0 && !mainElements[p.inside[0]] && !otherElements[p.inside[0]]
}

// variable is the old way to have variables; all nodes share them.
func (p *pass1) variable(a attributes, line int) error {
	p.private = true
	p.note(ruleVariable, "variables are shared by all nodes: what one holds depends on their order", "make it an attribute", line)
	name, value, ref := a.get("name"), a.get("val"), a.get("ref")
	switch {
	case value != "":
		p.vars[name] = value
	case ref != "":
		p.vars[name] = p.vars[ref]
	case name != "":
		return p.write(escapeText.Replace(p.vars[name]))
	}
	return nil
}

// evalKey names an eval element for Options.Evals.
func evalKey(path string, line int) string {
	return fmt.Sprintf("%s:%d", strings.TrimPrefix(path, "./"), line)
}

// eval never runs anything: the value that was given for it is what it prints;
// without one its text stays, as Rocks leaves it when told not to evaluate.
func (p *pass1) eval(a attributes, at sax.Pos) error {
	key := evalKey(p.file.path, p.line(at))
	value, given := p.evals[key]
	if !given {
		p.note(ruleEval, "runs a program on the frontend while the profile is made; it is never run here, and its text stays in its place",
			"give what it prints with --eval "+key+"=VALUE, or make it an attribute", p.line(at))
		return nil
	}
	p.private = true
	p.skip, p.printed = true, value
	p.raw = a.get("mode") != "" && a.get("mode") != "quote"
	return nil
}

func (p *pass1) endEval() error {
	p.strip = false
	if !p.skip {
		return nil
	}
	p.skip = false
	if p.raw {
		p.any = true
		return p.write(p.printed)
	}
	return p.write(escapeText.Replace(p.printed))
}
