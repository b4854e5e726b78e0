// Package sax reads XML the way Rocks' own parser does (expat, with its check
// for undefined entities in text taken out), where it matters to rolls: which
// documents are errors and with which words, undefined entities, documents
// that end early, entities that only stand for text.
//
// It guarantees: no input panics; time and memory are bounded by the input and
// MaxText. Namespaces, external entities and validation are not there; a
// DOCTYPE may declare entities that stand for text. Pure: no I/O.
package sax

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxText bounds the bytes that entities may expand to in one document, and
// maxDepth how deep elements may be in each other.
const (
	MaxText  = 32 << 20
	maxDepth = 100000
	maxAttrs = 1000 // of one element
)

// Pos is a place in the document. Lines count from 1, columns from 0.
type Pos struct{ Line, Column, Offset int }

// Error is what is wrong with the document, in the words of expat.
type Error struct {
	Pos
	// End is where the reader was when it found out.
	End     Pos
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message) }

// Attr is an attribute of an element.
type Attr struct{ Name, Value string }

// Handler is told what is in the document. Each function may be nil, and may
// return an error, which ends the reading.
type Handler struct {
	Start func(name string, attrs []Attr, at Pos) error
	End   func(name string, at Pos) error
	Text  func(text string, at Pos) error
	// Undefined is told of an undefined entity in text.
	Undefined func(name string, at Pos)
}

// Options say what kind of document it is.
type Options struct {
	// Entity gives the text that an entity stands for.
	Entity func(name string) (string, bool)
	// InText gives it for references in text, where that is another function.
	InText func(name string) (string, bool)
	// Continued: a document type came before, and the end may be missing.
	Continued bool
}

// Read reads a document.
func Read(doc []byte, o Options, h Handler) error {
	p := &parser{doc: doc, o: o, h: h, last: Pos{Line: 1}}
	return p.document()
}

type parser struct {
	doc      []byte
	at       int
	o        Options
	h        Handler
	last     Pos
	open     []string
	root     bool // was there one
	doctype  bool
	loose    bool // undefined entities are skipped everywhere: there may be declarations that were not read
	declared map[string]string
	expanded int
	attrs    []Attr
}

// pos gives the place of an offset. Asking in ascending order is cheap.
func (p *parser) pos(offset int) Pos {
	offset = min(offset, len(p.doc))
	if offset < p.last.Offset {
		p.last = Pos{Line: 1}
	}
	between := p.doc[p.last.Offset:offset]
	if n := bytes.Count(between, []byte{'\n'}); n > 0 {
		p.last.Line += n
		p.last.Column = len(between) - 1 - bytes.LastIndexByte(between, '\n')
	} else {
		p.last.Column += len(between)
	}
	p.last.Offset = offset
	return p.last
}

func (p *parser) wrong(offset int, message string) error {
	at := p.pos(offset)
	return &Error{Pos: at, End: p.pos(max(p.at, offset)), Message: message}
}

func (p *parser) invalid(offset int) error {
	return p.wrong(offset, "not well-formed (invalid token)")
}

// early is the end of the input inside something.
func (p *parser) early(offset int) error {
	p.at = len(p.doc)
	if p.o.Continued {
		return nil
	}
	return p.wrong(offset, "unclosed token")
}

func (p *parser) document() error {
	if !p.o.Continued {
		p.doc = bytes.TrimPrefix(p.doc, []byte("\xef\xbb\xbf"))
		if err := p.declaration(); err != nil {
			return err
		}
	}
	for p.at < len(p.doc) {
		if err := p.next(); err != nil {
			return err
		}
	}
	if !p.o.Continued && (!p.root || len(p.open) > 0) {
		return p.wrong(len(p.doc), "no element found")
	}
	return nil
}

func (p *parser) has(prefix string) bool {
	return bytes.HasPrefix(p.doc[p.at:], []byte(prefix))
}

// next reads one piece of the document.
func (p *parser) next() error {
	switch {
	case p.doc[p.at] != '<':
		return p.text()
	case p.has("<!--"):
		return p.comment()
	case p.has("<?"):
		return p.instruction()
	case p.has("</"):
		return p.endTag()
	case p.has("<![CDATA["):
		return p.cdata()
	case p.has("<!DOCTYPE"):
		return p.documentType()
	case p.has("<!"):
		if rest := p.doc[p.at:]; len(rest) < 9 && (strings.HasPrefix("<![CDATA[", string(rest)) || strings.HasPrefix("<!DOCTYPE", string(rest)) || strings.HasPrefix("<!--", string(rest))) {
			return p.early(p.at)
		}
		p.at += 2
		return p.invalid(p.at)
	}
	return p.startTag()
}

func (p *parser) outside(offset int) error {
	if p.root {
		return p.wrong(offset, "junk after document element")
	}
	return p.wrong(offset, "syntax error")
}

func (p *parser) say(text string, offset int) error {
	if text == "" || p.h.Text == nil {
		return nil
	}
	return p.h.Text(text, p.pos(offset))
}

// text reads up to the next tag or entity.
func (p *parser) text() error {
	start := p.at
	if len(p.open) == 0 {
		for p.at < len(p.doc) && isSpace(p.doc[p.at]) {
			p.at++
		}
		if p.at == start {
			return p.outside(start)
		}
		return nil
	}
	if p.doc[start] == '&' {
		return p.reference()
	}
	end := bytes.IndexAny(p.doc[start:], "<&")
	if end < 0 {
		end = len(p.doc) - start
	}
	end += start
	if bad := bytes.Index(p.doc[start:end], []byte("]]>")); bad >= 0 {
		p.at = start + bad
		return p.invalid(start + bad + 2)
	}
	if err := p.check(start, end); err != nil {
		return err
	}
	p.at = end
	return p.say(newlines(string(p.doc[start:end])), start)
}

func (p *parser) reference() error {
	start := p.at
	end, err := p.entityEnd(start, len(p.doc))
	if err != nil {
		return err
	}
	if end < 0 {
		return p.early(start)
	}
	p.at = end + 1
	word := string(p.doc[start+1 : end])
	entity := p.o.Entity
	if p.o.InText != nil {
		p.o.Entity = p.o.InText
	}
	text, ok, err := p.resolve(word, start, nil)
	p.o.Entity = entity
	if err != nil {
		return err
	}
	if !ok && p.h.Undefined != nil {
		p.h.Undefined(word, p.pos(start))
	}
	return p.say(text, start)
}

// check refuses bytes that XML has not.
func (p *parser) check(start, end int) error {
	for i := start; i < end; {
		c := p.doc[i]
		if c < utf8.RuneSelf {
			if c < ' ' && !isSpace(c) {
				p.at = i
				return p.invalid(i)
			}
			i++
			continue
		}
		r, n := utf8.DecodeRune(p.doc[i:end])
		if r == utf8.RuneError && n < 2 || r == 0xFFFE || r == 0xFFFF {
			p.at = i
			return p.invalid(i)
		}
		i += n
	}
	return nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func newlines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

// nameLength gives the length of the name that s starts with.
func nameLength(s []byte) int {
	n := 0
	for n < len(s) {
		c := s[n]
		letter := c == '_' || c == ':' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
		if !letter && (n == 0 || c != '-' && c != '.' && (c < '0' || c > '9')) {
			break
		}
		n++
	}
	return n
}

// IsName says whether s is an XML name.
func IsName(s string) bool { return s != "" && nameLength([]byte(s)) == len(s) }
