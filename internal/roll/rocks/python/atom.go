package python

import "slices"

func (p *parser) factor() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.isOp("+", "-", "~") {
		op := p.peek().text
		p.at++
		x, err := p.factor()
		return &unary{op: op, x: x}, err
	}
	x, err := p.atom()
	if err != nil {
		return nil, err
	}
	if x, err = p.trailers(x); err != nil {
		return nil, err
	}
	if p.takeOp("**") {
		y, err := p.factor()
		return &binary{op: "**", x: x, y: y}, err
	}
	return x, nil
}

func (p *parser) atom() (node, error) {
	t := p.peek()
	switch t.kind {
	case tName:
		if slices.Contains(keywords, t.text) {
			return nil, p.wrong()
		}
		p.at++
		if t.text == "None" {
			return &constant{}, nil
		}
		if !p.seen[t.text] {
			p.seen[t.text] = true
			p.names = append(p.names, t.text)
		}
		return &name{id: t.text}, nil
	case tInt:
		p.at++
		return &constant{value: t.int}, nil
	case tFloat:
		p.at++
		return &constant{value: t.float}, nil
	case tString:
		text := ""
		for p.peek().kind == tString {
			text += p.peek().text
			p.at++
		}
		return &constant{value: p.intern(text)}, nil
	}
	switch {
	case p.takeOp("("):
		return p.parentheses()
	case p.takeOp("["):
		return p.brackets()
	case p.takeOp("{"):
		return p.braces()
	case p.takeOp("`"):
		x, err := p.list(func() bool { return p.isOp("`") })
		if err != nil {
			return nil, err
		}
		return &repr{x: x}, p.want("`")
	}
	return nil, p.wrong()
}

func (p *parser) intern(text string) *str {
	if p.strings[text] == nil {
		p.strings[text] = &str{s: text}
	}
	return p.strings[text]
}

func (p *parser) parentheses() (node, error) {
	if p.takeOp(")") {
		return &sequence{kind: "tuple"}, nil
	}
	if p.isWord("yield") {
		return nil, unsupported("yield")
	}
	x, err := p.list(func() bool { return p.isOp(")") })
	if err != nil {
		return nil, err
	}
	if p.isWord("for") {
		return nil, unsupported("a generator expression")
	}
	return x, p.want(")")
}

func (p *parser) brackets() (node, error) {
	if p.takeOp("]") {
		return &sequence{kind: "list"}, nil
	}
	first, err := p.test()
	if err != nil {
		return nil, err
	}
	if p.isWord("for") {
		return p.comprehension(first)
	}
	items := []node{first}
	for p.takeOp(",") {
		if p.isOp("]") {
			break
		}
		x, err := p.test()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	return &sequence{kind: "list", items: items}, p.want("]")
}

func (p *parser) comprehension(item node) (node, error) {
	c := &comprehension{item: item}
	for !p.isOp("]") {
		switch {
		case p.takeWord("for"):
			target, err := p.target()
			if err != nil {
				return nil, err
			}
			if !p.takeWord("in") {
				return nil, p.wrong()
			}
			x, err := p.or()
			if err != nil {
				return nil, err
			}
			c.clauses = append(c.clauses, clause{target: target, x: x})
		case p.takeWord("if"):
			x, err := p.or()
			if err != nil {
				return nil, err
			}
			c.clauses = append(c.clauses, clause{x: x})
		default:
			return nil, p.wrong()
		}
	}
	return c, p.want("]")
}

func (p *parser) target() (node, error) {
	t := p.peek()
	if t.kind != tName || slices.Contains(keywords, t.text) {
		return nil, unsupported("a comprehension over more than one name")
	}
	p.at++
	if p.isOp(",") {
		return nil, unsupported("a comprehension over more than one name")
	}
	return &name{id: t.text}, nil
}

func (p *parser) braces() (node, error) {
	if p.takeOp("}") {
		return &mapping{}, nil
	}
	m, s := &mapping{}, &sequence{kind: "set"}
	for {
		x, err := p.test()
		if err != nil {
			return nil, err
		}
		if p.isOp(":") != (len(m.keys) > 0) && len(m.keys)+len(s.items) > 0 {
			return nil, p.wrong()
		}
		if p.takeOp(":") {
			y, err := p.test()
			if err != nil {
				return nil, err
			}
			m.keys, m.values = append(m.keys, x), append(m.values, y)
		} else {
			s.items = append(s.items, x)
		}
		if p.isWord("for") {
			return nil, unsupported("a set or dict comprehension")
		}
		if !p.takeOp(",") || p.isOp("}") {
			break
		}
	}
	if len(m.keys) > 0 {
		return m, p.want("}")
	}
	return s, p.want("}")
}

func (p *parser) trailers(x node) (node, error) {
	for n := 0; ; n++ {
		if n > 500 {
			return nil, &Error{Class: "MemoryError", Message: "the condition is nested too deeply"}
		}
		var err error
		switch {
		case p.takeOp("."):
			t := p.peek()
			if t.kind != tName || slices.Contains(keywords, t.text) {
				return nil, p.wrong()
			}
			p.at++
			x = &attribute{x: x, id: t.text}
		case p.takeOp("("):
			x, err = p.call(x)
		case p.takeOp("["):
			x, err = p.subscript(x)
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) call(f node) (node, error) {
	c := &call{f: f}
	for !p.isOp(")") {
		if p.isOp("*", "**") {
			return nil, unsupported("* in a call")
		}
		x, err := p.test()
		if err != nil {
			return nil, err
		}
		switch {
		case p.takeOp("="):
			n, ok := x.(*name)
			if !ok {
				return nil, syntax("keyword can't be an expression")
			}
			y, err := p.test()
			if err != nil {
				return nil, err
			}
			if c.keys == nil {
				c.keys = map[string]node{}
			}
			if c.keys[n.id] != nil {
				return nil, syntax("keyword argument repeated")
			}
			c.keys[n.id] = y
		case p.isWord("for"):
			return nil, unsupported("a generator expression")
		case c.keys != nil:
			return nil, syntax("non-keyword arg after keyword arg")
		default:
			c.args = append(c.args, x)
		}
		if !p.takeOp(",") {
			break
		}
	}
	return c, p.want(")")
}
