package sax

import (
	"bytes"
	"slices"
	"strings"
)

// documentType reads a DOCTYPE: entities that stand for text are kept, other
// declarations are passed over, external ones are not read.
func (p *parser) documentType() error {
	start := p.at
	if p.o.Continued || p.doctype || len(p.open) > 0 {
		return p.outside(start)
	}
	if p.root {
		return p.outside(start)
	}
	p.doctype = true
	p.at += len("<!DOCTYPE")
	for p.at < len(p.doc) {
		switch c := p.doc[p.at]; c {
		case '>':
			p.at++
			return nil
		case '[':
			p.at++
			if err := p.subset(); err != nil {
				return err
			}
		case '"', '\'':
			p.loose = true
			end := bytes.IndexByte(p.doc[p.at+1:], c)
			if end < 0 {
				return p.early(start)
			}
			p.at += end + 2
		case '<', '&':
			return p.invalid(p.at)
		default:
			p.at++
		}
	}
	return p.early(start)
}

// subset reads the declarations between [ and ].
func (p *parser) subset() error {
	start := p.at
	for p.at < len(p.doc) {
		switch {
		case p.doc[p.at] == ']':
			p.at++
			return nil
		case isSpace(p.doc[p.at]):
			p.at++
		case p.doc[p.at] == '%':
			end, err := p.entityEnd(p.at, len(p.doc))
			if err != nil {
				return err
			}
			if end < 0 {
				return p.early(start)
			}
			p.loose, p.at = true, end+1
		case p.has("<!--"):
			if err := p.comment(); err != nil {
				return err
			}
		case p.has("<?"):
			if err := p.instruction(); err != nil {
				return err
			}
		case p.has("<!"):
			if err := p.declare(); err != nil {
				return err
			}
		default:
			return p.invalid(p.at)
		}
	}
	return p.early(start)
}

// declare reads one declaration.
func (p *parser) declare() error {
	start := p.at
	var words []string
	var literals []string
	for p.at += 2; p.at < len(p.doc); {
		switch c := p.doc[p.at]; {
		case c == '>':
			p.at++
			return p.keep(words, literals, start)
		case c == '"' || c == '\'':
			end := bytes.IndexByte(p.doc[p.at+1:], c)
			if end < 0 {
				return p.early(start)
			}
			literals = append(literals, string(p.doc[p.at+1:p.at+1+end]))
			p.at += end + 2
		case isSpace(c):
			p.at++
		case c == '<':
			return p.invalid(p.at)
		default:
			from := p.at
			for p.at < len(p.doc) && !isSpace(p.doc[p.at]) && !bytes.ContainsRune([]byte(`>"'<`), rune(p.doc[p.at])) {
				p.at++
			}
			words = append(words, string(p.doc[from:p.at]))
		}
	}
	return p.early(start)
}

func (p *parser) keep(words, literals []string, start int) error {
	if len(words) == 0 {
		return p.invalid(start + 2)
	}
	switch words[0] {
	case "ELEMENT", "NOTATION":
		return nil
	case "ATTLIST":
		if len(literals) > 0 {
			return p.wrong(start, "default values of attributes are not read")
		}
		return nil
	case "ENTITY":
	default:
		return p.wrong(start, "syntax error")
	}
	if len(words) != 2 || words[1] == "%" || len(literals) != 1 {
		return nil // a parameter entity, or an external one
	}
	if p.declared == nil {
		p.declared = map[string]string{}
	}
	if _, again := p.declared[words[1]]; !again {
		p.declared[words[1]] = literals[0]
	}
	return nil
}

// expand gives the text of a declared entity.
func (p *parser) expand(word, value string, offset int, within []string) (text string, ok bool, err error) {
	if slices.Contains(within, word) {
		return "", false, p.wrong(offset, "recursive entity reference")
	}
	if strings.Contains(value, "<") {
		return "", false, p.wrong(offset, "an entity that stands for elements is not read")
	}
	within = append(slices.Clip(within), word)
	var b strings.Builder
	for {
		before, after, found := strings.Cut(value, "&")
		b.WriteString(before)
		if p.expanded += len(before) + 16; p.expanded > MaxText || len(within) > 50 {
			return "", false, p.wrong(offset, "out of memory")
		}
		if !found {
			return b.String(), true, nil
		}
		name, rest, ok := strings.Cut(after, ";")
		if !ok || name == "" || name[0] != '#' && !IsName(name) {
			return "", false, p.invalid(offset)
		}
		text, _, err := p.resolve(name, offset, within)
		if err != nil {
			return "", false, err
		}
		b.WriteString(text)
		value = rest
	}
}
