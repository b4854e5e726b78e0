package python

import (
	"math/big"
)

// machine evaluates one expression once.
type machine struct {
	attrs  map[string]string
	cells  map[string]*str // an attribute is the same object each time it is named
	stored map[string]any  // what list comprehensions assigned
	mixed  []Mixed
	steps  int
}

func (m *machine) step(n int) error {
	m.steps += n
	if m.steps > maxSteps {
		return tooLarge("the condition takes more than %d steps", maxSteps)
	}
	return nil
}

func (m *machine) eval(n node) (any, error) {
	if err := m.step(1); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case *constant:
		return n.value, nil
	case *name:
		return m.lookup(n.id)
	case *unary:
		return m.unary(n)
	case *binary:
		x, y, err := m.both(n.x, n.y)
		if err != nil {
			return nil, err
		}
		if err := m.step(size(x)/64 + size(y)/64); err != nil {
			return nil, err
		}
		return arithmetic(n.op, x, y)
	case *logic:
		return m.logic(n)
	case *compare:
		return m.compare(n)
	case *choice:
		return m.choice(n)
	case *attribute:
		x, err := m.eval(n.x)
		if err != nil {
			return nil, err
		}
		return attributeOf(x, n.id)
	case *call:
		return m.call(n)
	case *index:
		x, i, err := m.both(n.x, n.i)
		if err != nil {
			return nil, err
		}
		return item(x, i)
	case *slice:
		return m.slice(n)
	case *sequence:
		return m.sequence(n)
	case *mapping:
		return m.mapping(n)
	case *repr:
		x, err := m.eval(n.x)
		return &str{s: show(x)}, err
	}
	return m.comprehension(n.(*comprehension))
}

func (m *machine) lookup(id string) (any, error) {
	if v, ok := m.stored[id]; ok {
		s, ok := v.(*str)
		if !ok {
			return nil, &Error{Class: "AttributeError", Message: "'" + typeName(v) + "' object has no attribute 'lower'"}
		}
		return attributeValue(s), nil
	}
	cell := m.cells[id]
	if cell == nil {
		text, ok := m.attrs[id]
		if !ok {
			return nil, nil
		}
		cell = &str{s: text}
		m.cells[id] = cell
	}
	return attributeValue(cell), nil
}

func (m *machine) both(x, y node) (a, b any, err error) {
	if a, err = m.eval(x); err != nil {
		return nil, nil, err
	}
	b, err = m.eval(y)
	return a, b, err
}

func (m *machine) unary(n *unary) (any, error) {
	x, err := m.eval(n.x)
	if err != nil {
		return nil, err
	}
	if n.op == "not" {
		yes, err := truth(x)
		return !yes, err
	}
	if f, ok := x.(float64); ok && n.op != "~" {
		if n.op == "-" {
			return -f, nil
		}
		return f, nil
	}
	i := toInt(x)
	if i == nil {
		return nil, typeError("bad operand type for unary %s: '%s'", n.op, typeName(x))
	}
	switch n.op {
	case "-":
		return new(big.Int).Neg(i), nil
	case "~":
		return new(big.Int).Not(i), nil
	}
	return i, nil
}

func (m *machine) logic(n *logic) (any, error) {
	x, err := m.eval(n.x)
	if err != nil {
		return nil, err
	}
	yes, err := truth(x)
	if err != nil || yes == (n.op == "or") {
		return x, err
	}
	return m.eval(n.y)
}

func (m *machine) choice(n *choice) (any, error) {
	c, err := m.eval(n.cond)
	if err != nil {
		return nil, err
	}
	yes, err := truth(c)
	if err != nil {
		return nil, err
	}
	if yes {
		return m.eval(n.yes)
	}
	return m.eval(n.no)
}

// compare evaluates a chain: each middle part once, up to the first that fails.
func (m *machine) compare(n *compare) (any, error) {
	x, err := m.eval(n.first)
	if err != nil {
		return nil, err
	}
	left := n.first
	var out any
	for i, op := range n.ops {
		y, err := m.eval(n.rest[i])
		if err != nil {
			return nil, err
		}
		if err := m.step(size(x)/16 + size(y)/16); err != nil {
			return nil, err
		}
		m.note(op, left, n.rest[i], x, y)
		yes, err := compareOp(op, x, y)
		if err != nil {
			return nil, err
		}
		out = yes
		if !yes {
			return out, nil
		}
		x, left = y, n.rest[i]
	}
	return out, nil
}

// note records a comparison of a number with a string, or of None that a name
// came to with something else.
func (m *machine) note(op string, l, r node, x, y any) {
	if op == "in" || op == "not in" || op == "is" || op == "is not" || len(m.mixed) >= 100 {
		return
	}
	_, xs := x.(*str)
	_, ys := y.(*str)
	mixed := Mixed{Op: op}
	for _, side := range []struct {
		node         node
		value, other any
	}{{r, y, x}, {l, x, y}} {
		n, ok := side.node.(*name)
		if !ok {
			continue
		}
		if side.value == nil && side.other != nil {
			mixed.Attribute, mixed.Missing = n.id, true
		} else if !mixed.Missing {
			mixed.Attribute = n.id
		}
	}
	if !mixed.Missing && !(xs && isNumber(y) || ys && isNumber(x)) {
		return
	}
	mixed.Left, mixed.Right = brief(x), brief(y)
	m.mixed = append(m.mixed, mixed)
}

func brief(v any) string {
	if s, ok := v.(*str); ok && len(s.s) > 100 {
		return quote(s.s[:100]) + "…"
	}
	if size(v) > 1000 {
		return "a " + typeName(v)
	}
	return show(v)
}
