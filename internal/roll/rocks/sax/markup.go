package sax

import (
	"bytes"
	"strings"
)

// declaration reads <?xml …?> at the very start.
func (p *parser) declaration() error {
	if !p.has("<?xml") || len(p.doc) > 5 && !isSpace(p.doc[5]) {
		return nil
	}
	end := bytes.Index(p.doc, []byte("?>"))
	if end < 0 {
		return p.wrong(0, "unclosed token")
	}
	decl := string(p.doc[5:end])
	if !strings.Contains(decl, "version") {
		return p.wrong(0, "XML declaration not well-formed")
	}
	if _, after, ok := strings.Cut(decl, "encoding"); ok {
		name := strings.ToLower(strings.Trim(strings.TrimLeft(after, " =\t\r\n"), " \t\r\n"))
		name = strings.Trim(strings.Split(name+" ", " ")[0], `"'`)
		switch name {
		case "utf-8", "us-ascii":
		case "iso-8859-1":
			p.latin1()
		default:
			return p.wrong(0, "unknown encoding")
		}
		end = bytes.Index(p.doc, []byte("?>"))
	}
	p.at = end + 2
	return nil
}

func (p *parser) latin1() {
	var b bytes.Buffer
	for _, c := range p.doc {
		b.WriteRune(rune(c))
	}
	p.doc = b.Bytes()
}

func (p *parser) comment() error {
	start := p.at
	end := bytes.Index(p.doc[start+4:], []byte("--"))
	if end < 0 {
		if err := p.check(start+4, len(p.doc)); err != nil {
			return err
		}
		return p.early(start)
	}
	end += start + 4
	if err := p.check(start+4, end); err != nil {
		return err
	}
	if end+2 >= len(p.doc) {
		return p.early(start)
	}
	p.at = end + 3
	if p.doc[end+2] != '>' {
		return p.invalid(end + 2)
	}
	return nil
}

func (p *parser) instruction() error {
	start := p.at
	n := nameLength(p.doc[start+2:])
	if start+2+n >= len(p.doc) {
		return p.early(start)
	}
	target := string(p.doc[start+2 : start+2+n])
	end := bytes.Index(p.doc[start+2:], []byte("?>"))
	if n == 0 {
		return p.invalid(start + 2)
	}
	if strings.EqualFold(target, "xml") {
		if target == "xml" && end >= 0 {
			return p.wrong(start, "XML or text declaration not at start of entity")
		}
		return p.invalid(start + 2)
	}
	if end < 0 {
		return p.early(start)
	}
	p.at = start + 2 + end + 2
	return p.check(start+2, start+2+end)
}

func (p *parser) cdata() error {
	start := p.at
	if len(p.open) == 0 {
		return p.outside(start)
	}
	end := bytes.Index(p.doc[start+9:], []byte("]]>"))
	stop := start + 9 + end
	if end < 0 {
		stop = len(p.doc)
	}
	if err := p.check(start+9, stop); err != nil {
		return err
	}
	if end < 0 && !p.o.Continued {
		return p.wrong(start, "unclosed CDATA section")
	}
	p.at = stop + 3
	return p.say(newlines(string(p.doc[start+9:stop])), start)
}
