package python

import "slices"

// node is a part of an expression; see eval.go for what each means.
type node interface{}

type (
	constant struct{ value any }
	name     struct{ id string }
	unary    struct {
		op string
		x  node
	}
	binary struct {
		op   string
		x, y node
	}
	logic struct { // and, or
		op   string
		x, y node
	}
	compare struct {
		first node
		ops   []string
		rest  []node
	}
	choice    struct{ yes, cond, no node }
	attribute struct {
		x  node
		id string
	}
	call struct {
		f    node
		args []node
		keys map[string]node
	}
	index struct{ x, i node }
	slice struct {
		x               node
		low, high, step node // nil: left out
		extended        bool
	}
	sequence struct { // tuple, list, set
		kind  string
		items []node
	}
	mapping       struct{ keys, values []node }
	repr          struct{ x node }
	comprehension struct {
		item    node
		clauses []clause
	}
	clause struct {
		target node // nil: an if
		x      node
	}
)

type parser struct {
	tokens  []token
	at      int
	depth   int
	strings map[string]*str // the same text is the same object
	names   []string
	seen    map[string]bool
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) isOp(ops ...string) bool {
	t := p.peek()
	return t.kind == tOp && slices.Contains(ops, t.text)
}

func (p *parser) isWord(words ...string) bool {
	t := p.peek()
	return t.kind == tName && slices.Contains(words, t.text)
}

func (p *parser) takeOp(op string) bool {
	if !p.isOp(op) {
		return false
	}
	p.at++
	return true
}

func (p *parser) takeWord(word string) bool {
	if !p.isWord(word) {
		return false
	}
	p.at++
	return true
}

func (p *parser) want(op string) error {
	if p.takeOp(op) {
		return nil
	}
	return p.wrong()
}

func (p *parser) wrong() error {
	if p.peek().kind == tEnd {
		return syntax("unexpected EOF while parsing")
	}
	return syntax("invalid syntax")
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth*5 {
		return &Error{Class: "MemoryError", Message: "the condition is nested too deeply"}
	}
	return nil
}

// all reads the whole expression: one or, as a tuple, several.
func (p *parser) all() (node, error) {
	x, err := p.list(func() bool { return p.peek().kind == tEnd })
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tEnd {
		return nil, p.wrong()
	}
	return x, nil
}

// list reads expressions with commas between them: without any comma it is
// the one expression itself.
func (p *parser) list(end func() bool) (node, error) {
	first, err := p.test()
	if err != nil || !p.isOp(",") {
		return first, err
	}
	items := []node{first}
	for p.takeOp(",") {
		if end() {
			break
		}
		x, err := p.test()
		if err != nil {
			return nil, err
		}
		items = append(items, x)
	}
	return &sequence{kind: "tuple", items: items}, nil
}

func (p *parser) test() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.isWord("lambda") {
		return nil, unsupported("lambda")
	}
	x, err := p.or()
	if err != nil || !p.takeWord("if") {
		return x, err
	}
	cond, err := p.or()
	if err != nil {
		return nil, err
	}
	if !p.takeWord("else") {
		return nil, p.wrong()
	}
	no, err := p.test()
	return &choice{yes: x, cond: cond, no: no}, err
}

func (p *parser) or() (node, error) {
	x, err := p.and()
	for err == nil && p.takeWord("or") {
		var y node
		y, err = p.and()
		x = &logic{op: "or", x: x, y: y}
	}
	return x, err
}

func (p *parser) and() (node, error) {
	x, err := p.not()
	for err == nil && p.takeWord("and") {
		var y node
		y, err = p.not()
		x = &logic{op: "and", x: x, y: y}
	}
	return x, err
}

func (p *parser) not() (node, error) {
	n := 0
	for p.takeWord("not") {
		n++
	}
	if n > maxDepth*5 {
		return nil, &Error{Class: "MemoryError", Message: "the condition is nested too deeply"}
	}
	x, err := p.comparison()
	for ; n > 0; n-- {
		x = &unary{op: "not", x: x}
	}
	return x, err
}

func (p *parser) comparison() (node, error) {
	x, err := p.binary(0)
	if err != nil {
		return nil, err
	}
	c := &compare{first: x}
	for {
		op := p.comparator()
		if op == "" {
			break
		}
		y, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, y)
	}
	if len(c.ops) == 0 {
		return x, nil
	}
	return c, nil
}

func (p *parser) comparator() string {
	switch t := p.peek(); {
	case p.isOp("<", ">", "==", ">=", "<=", "!="):
		p.at++
		return t.text
	case p.takeOp("<>"):
		return "!="
	case p.takeWord("in"):
		return "in"
	case p.isWord("not") && p.tokens[p.at+1].kind == tName && p.tokens[p.at+1].text == "in":
		p.at += 2
		return "not in"
	case p.takeWord("is"):
		if p.takeWord("not") {
			return "is not"
		}
		return "is"
	}
	return ""
}

// levels of binary operators, those that bind least first.
var levels = [][]string{{"|"}, {"^"}, {"&"}, {"<<", ">>"}, {"+", "-"}, {"*", "/", "%", "//"}}

func (p *parser) binary(level int) (node, error) {
	if level == len(levels) {
		return p.factor()
	}
	x, err := p.binary(level + 1)
	for err == nil && p.isOp(levels[level]...) {
		op := p.peek().text
		p.at++
		var y node
		y, err = p.binary(level + 1)
		x = &binary{op: op, x: x, y: y}
	}
	return x, err
}
