package python

import (
	"math/big"
)

func (m *machine) sequence(n *sequence) (any, error) {
	items := make([]any, len(n.items))
	for i, x := range n.items {
		v, err := m.eval(x)
		if err != nil {
			return nil, err
		}
		items[i] = v
	}
	switch n.kind {
	case "tuple":
		return &tuple{items: items}, nil
	case "list":
		return &list{items: items}, nil
	}
	s := newSet()
	for _, v := range items {
		if err := s.add(v); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (m *machine) mapping(n *mapping) (any, error) {
	d := newDict()
	for i, key := range n.keys {
		value, k, err := m.both(n.values[i], key)
		if err != nil {
			return nil, err
		}
		if err := d.put(k, value); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// comprehension assigns to names that are then looked up like attributes, as
// Rocks' own dictionary of attributes makes Python do.
func (m *machine) comprehension(n *comprehension) (any, error) {
	out := &list{}
	var run func(i int) error
	run = func(i int) error {
		if i == len(n.clauses) {
			v, err := m.eval(n.item)
			out.items = append(out.items, v)
			return err
		}
		c := n.clauses[i]
		x, err := m.eval(c.x)
		if err != nil {
			return err
		}
		if c.target == nil {
			yes, err := truth(x)
			if err != nil || !yes {
				return err
			}
			return run(i + 1)
		}
		items, err := iterate(x)
		if err != nil {
			return err
		}
		for _, v := range items {
			if m.stored == nil {
				m.stored = map[string]any{}
			}
			m.stored[c.target.(*name).id] = v
			if err := run(i + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return out, run(0)
}

// size is a bound for the work that an operation on v takes.
func size(v any) int {
	switch v := v.(type) {
	case *str:
		return len(v.s)
	case *tuple:
		return len(v.items)
	case *list:
		return len(v.items)
	case *big.Int:
		return v.BitLen() / 8
	case *set:
		return len(v.keys)
	case *dict:
		return len(v.keys)
	}
	return 1
}
