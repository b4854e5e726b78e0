package rocks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"quarry/internal/roll/rocks/sax"
)

// element is a part of a node as the generator gets it.
type element struct {
	name     string
	attrs    attributes
	children []child
	line     int
	log      bool
	file     string // attributes that the second pass adds
	roll     string
	cond     string // its condition, of all four attributes
	never    bool   // its phase is not that of an installation
	blank    bool   // it or what it holds has blanks to fill in
	tail     string // of a file with text alone: all but how it is checked in
}

// child is an element or text.
type child struct {
	element *element
	text    string
}

func (e *element) elements() []*element {
	if len(e.children) == 1 && e.children[0].element == nil {
		return nil
	}
	var list []*element
	for _, c := range e.children {
		if c.element != nil {
			list = append(list, c.element)
		}
	}
	return list
}

// The second pass reads what the first wrote, strips the root element and
// notes roll and file in each element. What it writes is read a third time by
// the generator; only attributes can change there, see again.
type pass2 struct {
	first *pass1
	marks []mark
	root  element
	stack []*element
	said  strings.Builder // text that is not in the tree yet
}

func (p *pass2) run() error {
	text := p.first.out.String()
	if err := p.ascii(text); err != nil {
		return err
	}
	p.marks = p.first.marks
	p.stack = []*element{&p.root}
	err := sax.Read([]byte(text), sax.Options{Continued: true, Entity: p.first.entity}, sax.Handler{Start: p.start, End: p.end, Text: p.text})
	if e, ok := errors.AsType[*sax.Error](err); ok {
		return p.wrong(fmt.Sprintf("<unknown>:%d:%d: %s", e.Line+p.first.env.headerLines, e.Column, e.Message), p.origin(e.Offset).line)
	}
	if err != nil {
		return err
	}
	if len(p.stack) > 1 {
		return p.wrong("mismatched tag", p.stack[len(p.stack)-1].line)
	}
	return nil
}

func (p *pass2) wrong(message string, line int) error {
	fix := "mend the XML"
	if strings.Contains(message, "not well-formed") {
		fix = "do not use &lt; &amp; or &quot; in the value of an attribute: Rocks writes the value down unescaped and reads it again; turn the comparison round (&gt; works)"
	}
	return &Refusal{Rule: ruleUnescaped, Class: saxClass, Text: message, File: p.first.file.path, Line: line, Fix: fix}
}

// ascii refuses what Python's default encoding cannot hold.
func (p *pass2) ascii(text string) error {
	i := strings.IndexFunc(text, func(r rune) bool { return r > 127 })
	if i < 0 {
		return nil
	}
	run := text[i:]
	if end := strings.IndexFunc(run, func(r rune) bool { return r <= 127 }); end >= 0 {
		run = run[:end]
	}
	units := utf16.Encode([]rune(run))
	at := p.first.env.header + i
	what := fmt.Sprintf("character u'\\x%02x' in position %d", units[0], at)
	switch {
	case len(units) > 1:
		what = fmt.Sprintf("characters in position %d-%d", at, at+len(units)-1)
	case units[0] > 255:
		what = fmt.Sprintf("character u'\\u%04x' in position %d", units[0], at)
	}
	return &Refusal{
		Rule: ruleASCII, Class: "UnicodeEncodeError", Text: "'ascii' codec can't encode " + what + ": ordinal not in range(128)",
		File: p.first.file.path, Line: p.lineOf(i), Fix: "use ASCII: " + fmt.Sprintf("%.20q", run),
	}
}

// lineOf finds the line in the file of an offset into the text between tags.
func (p *pass2) lineOf(offset int) int {
	text := p.first.out.String()
	line, from := 0, 0
	for _, m := range p.first.marks {
		if m.offset > offset {
			break
		}
		line, from = m.line, m.offset
	}
	return line + strings.Count(text[from:offset], "\n")
}

// origin finds where in the file a tag comes from.
func (p *pass2) origin(offset int) mark {
	i, found := slices.BinarySearchFunc(p.marks, offset, func(m mark, o int) int { return m.offset - o })
	if !found {
		i--
	}
	if i < 0 {
		return mark{}
	}
	return p.marks[i]
}

func (p *pass2) start(name string, attrs []sax.Attr, at sax.Pos) error {
	if name == "kickstart" || name == "jumpstart" {
		return nil
	}
	p.flush()
	from := p.origin(at.Offset)
	e := &element{name: name, line: from.line, log: from.log && from.offset == at.Offset, attrs: slices.Clone(attrs), file: p.first.path, roll: p.first.roll}
	if err := p.again(e); err != nil {
		return err
	}
	if v, ok := e.attrs.find("roll"); ok {
		e.roll = v
	}
	if v, ok := e.attrs.find("file"); ok {
		e.file = v
	}
	if prefix, _, ok := strings.Cut(name, ":"); ok && prefix != "xml" {
		return &Refusal{
			Rule: ruleNamespace, Class: "xml.dom.NamespaceErr", Text: "Invalid or illegal namespace operation: " + name, File: p.first.file.path, Line: e.line,
			Fix: "Rocks knows no namespaces: use its own elements",
		}
	}
	e.cond = condition(e.attrs.get("arch"), e.attrs.get("os"), e.attrs.get("release"), e.attrs.get("cond"))
	if phase, ok := e.attrs.find("phase"); ok {
		e.never = !slices.ContainsFunc(strings.Split(phase, ","), func(p string) bool { return p == "pre" || p == "post" })
	}
	top := p.stack[len(p.stack)-1]
	top.children = append(top.children, child{element: e})
	p.stack = append(p.stack, e)
	return nil
}

// again reads the values of attributes once more, as the generator does.
func (p *pass2) again(e *element) error {
	same := true
	for _, a := range e.attrs {
		same = same && !strings.ContainsAny(a.Value, "<&\"\t\r\n")
	}
	if same {
		return nil
	}
	var b strings.Builder
	b.WriteString("<" + e.name)
	for _, a := range e.attrs {
		b.WriteString(" " + a.Name + `="` + a.Value + `"`)
	}
	b.WriteString("></" + e.name + ">")
	err := sax.Read([]byte(b.String()), sax.Options{Continued: true, Entity: p.first.entity}, sax.Handler{
		Start: func(_ string, attrs []sax.Attr, _ sax.Pos) error {
			e.attrs = slices.Clone(attrs)
			return nil
		},
	})
	if wrong, ok := errors.AsType[*sax.Error](err); ok {
		return p.wrong(wrong.Message, e.line)
	}
	return err
}

func (p *pass2) end(name string, _ sax.Pos) error {
	if name != "kickstart" && name != "jumpstart" {
		p.flush()
		if top := p.stack[len(p.stack)-1]; top.name == "file" && len(top.children) == 1 && top.children[0].element == nil {
			top.tail = fileTail(top.attrs, top.children[0].text)
		}
		done := p.stack[len(p.stack)-1]
		p.stack = p.stack[:len(p.stack)-1]
		top := p.stack[len(p.stack)-1]
		top.blank = top.blank || done.blank
	}
	return nil
}

func (p *pass2) text(text string, _ sax.Pos) error {
	if len(p.stack) > 1 { // text that is in no element counts for nothing
		p.said.WriteString(text)
	}
	return nil
}

func (p *pass2) flush() {
	if p.said.Len() == 0 {
		return
	}
	top := p.stack[len(p.stack)-1]
	text := p.said.String()
	top.children = append(top.children, child{text: text})
	top.blank = top.blank || strings.Contains(text, blankStart)
	p.said.Reset()
}
