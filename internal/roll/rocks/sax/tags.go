package sax

import (
	"slices"
	"strings"
)

func (p *parser) endTag() error {
	start := p.at
	n := nameLength(p.doc[start+2:])
	at := start + 2 + n
	for at < len(p.doc) && isSpace(p.doc[at]) {
		at++
	}
	switch {
	case n == 0 && start+2 < len(p.doc):
		p.at = start + 2
		return p.invalid(start + 2)
	case at >= len(p.doc):
		return p.early(start)
	case p.doc[at] != '>':
		p.at = at
		return p.invalid(at)
	}
	p.at = at + 1
	name := string(p.doc[start+2 : start+2+n])
	if len(p.open) == 0 {
		return p.outside(start)
	}
	if name != p.open[len(p.open)-1] {
		return p.wrong(start+2, "mismatched tag")
	}
	return p.close(name, start)
}

func (p *parser) close(name string, offset int) error {
	p.open = p.open[:len(p.open)-1]
	if p.h.End == nil {
		return nil
	}
	return p.h.End(name, p.pos(offset))
}

type rawAttr struct{ name, from, to int } // where the name starts, the value is

func (p *parser) startTag() error {
	start := p.at
	n := nameLength(p.doc[start+1:])
	if start+1+n >= len(p.doc) {
		return p.early(start)
	}
	if n == 0 {
		p.at = start + 1
		return p.invalid(start + 1)
	}
	name := string(p.doc[start+1 : start+1+n])
	p.at = start + 1 + n
	var raw []rawAttr
	empty := false
	for {
		spaced := p.skipSpace()
		if p.at >= len(p.doc) {
			return p.early(start)
		}
		if p.doc[p.at] == '>' {
			break
		}
		if p.doc[p.at] == '/' {
			empty = true
			if p.at++; p.at >= len(p.doc) {
				return p.early(start)
			}
			if p.doc[p.at] == '>' {
				break
			}
			return p.invalid(p.at)
		}
		if !spaced {
			return p.invalid(p.at)
		}
		a, done, err := p.attribute()
		if err != nil {
			return err
		}
		if !done {
			return p.early(start)
		}
		if raw = append(raw, a); len(raw) > maxAttrs {
			return p.wrong(start, "out of memory")
		}
	}
	p.at++
	if len(p.open) == 0 && p.root {
		return p.wrong(start, "junk after document element")
	}
	if len(p.open) >= maxDepth {
		return p.wrong(start, "out of memory")
	}
	return p.begin(name, raw, start, empty)
}

func (p *parser) begin(name string, raw []rawAttr, start int, empty bool) error {
	p.attrs = p.attrs[:0]
	for _, a := range raw {
		key := string(p.doc[a.name : a.name+nameLength(p.doc[a.name:])])
		if slices.ContainsFunc(p.attrs, func(b Attr) bool { return b.Name == key }) {
			return p.wrong(a.name, "duplicate attribute")
		}
		value, err := p.value(a, start)
		if err != nil {
			return err
		}
		p.attrs = append(p.attrs, Attr{Name: key, Value: value})
	}
	p.root = true
	p.open = append(p.open, name)
	if p.h.Start != nil {
		if err := p.h.Start(name, p.attrs, p.pos(start)); err != nil {
			return err
		}
	}
	if empty {
		return p.close(name, start)
	}
	return nil
}

func (p *parser) skipSpace() bool {
	start := p.at
	for p.at < len(p.doc) && isSpace(p.doc[p.at]) {
		p.at++
	}
	return p.at > start
}

// attribute finds where an attribute's value is; done is false where the input ends.
func (p *parser) attribute() (a rawAttr, done bool, err error) {
	a.name = p.at
	n := nameLength(p.doc[p.at:])
	if n == 0 {
		return a, false, p.invalid(p.at)
	}
	p.at += n
	p.skipSpace()
	if p.at >= len(p.doc) {
		return a, false, nil
	}
	if p.doc[p.at] != '=' {
		return a, false, p.invalid(p.at)
	}
	p.at++
	p.skipSpace()
	if p.at >= len(p.doc) {
		return a, false, nil
	}
	quote := p.doc[p.at]
	if quote != '"' && quote != '\'' {
		return a, false, p.invalid(p.at)
	}
	p.at++
	a.from = p.at
	for p.at < len(p.doc) && p.doc[p.at] != quote {
		switch p.doc[p.at] {
		case '<':
			return a, false, p.invalid(p.at)
		case '&':
			end, err := p.entityEnd(p.at, len(p.doc))
			if err != nil || end < 0 {
				return a, false, err
			}
			p.at = end
		}
		p.at++
	}
	if p.at >= len(p.doc) {
		return a, false, nil
	}
	a.to = p.at
	p.at++
	return a, true, p.check(a.from, a.to)
}

// entityEnd finds the ; of a reference, -1 where the input ends before it.
func (p *parser) entityEnd(start, limit int) (int, error) {
	at := start + 1
	if at < limit && p.doc[at] == '#' {
		at++
		digits := "0123456789"
		if at < limit && p.doc[at] == 'x' {
			digits += "abcdefABCDEF"
			at++
		}
		first := at
		for at < limit && strings.IndexByte(digits, p.doc[at]) >= 0 {
			at++
		}
		if at == first && at < limit {
			return 0, p.invalid(at)
		}
	} else {
		n := nameLength(p.doc[at:limit])
		if n == 0 && at < limit {
			return 0, p.invalid(at)
		}
		at += n
	}
	if at >= limit {
		return -1, nil
	}
	if p.doc[at] != ';' {
		return 0, p.invalid(at)
	}
	return at, nil
}

// value decodes an attribute's value.
func (p *parser) value(a rawAttr, start int) (string, error) {
	raw := p.doc[a.from:a.to]
	plain := true
	for _, c := range raw {
		if c == '&' || c < ' ' {
			plain = false
			break
		}
	}
	if plain {
		return string(raw), nil
	}
	var b strings.Builder
	for i := a.from; i < a.to; i++ {
		switch c := p.doc[i]; c {
		case '\r':
			b.WriteByte(' ')
			if i+1 < a.to && p.doc[i+1] == '\n' {
				i++
			}
		case '\n', '\t':
			b.WriteByte(' ')
		case '&':
			end, err := p.entityEnd(i, a.to)
			if err != nil || end < 0 {
				return "", p.invalid(i)
			}
			word := string(p.doc[i+1 : end])
			text, ok, err := p.resolve(word, start, nil)
			if err != nil {
				return "", err
			}
			if !ok && !p.loose {
				return "", p.wrong(start, "undefined entity")
			}
			if word[0] != '#' {
				text = strings.NewReplacer("\t", " ", "\n", " ", "\r", " ").Replace(text)
			}
			b.WriteString(text)
			i = end
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}
