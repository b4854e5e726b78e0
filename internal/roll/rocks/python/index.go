package python

import "math/big"

// position makes an index of a value, counting from the end below zero.
func position(i any, length int, what string) (int, error) {
	n := toInt(i)
	if n == nil {
		return 0, typeError("%s indices must be integers, not %s", what, typeName(i))
	}
	out := &Error{Class: "IndexError", Message: what + " index out of range"}
	if !n.IsInt64() {
		return 0, out
	}
	at := n.Int64()
	if at < 0 {
		at += int64(length)
	}
	if at < 0 || at >= int64(length) {
		return 0, out
	}
	return int(at), nil
}

func item(x, i any) (any, error) {
	switch x := x.(type) {
	case *str:
		at, err := position(i, len(x.s), "string")
		if err != nil {
			return nil, err
		}
		return &str{s: x.s[at : at+1]}, nil
	case *tuple:
		at, err := position(i, len(x.items), "tuple")
		if err != nil {
			return nil, err
		}
		return x.items[at], nil
	case *list:
		at, err := position(i, len(x.items), "list")
		if err != nil {
			return nil, err
		}
		return x.items[at], nil
	case *dict:
		k, err := hash(i)
		if err != nil {
			return nil, err
		}
		if _, ok := x.items[k]; !ok {
			return nil, &Error{Class: "KeyError", Message: show(i)}
		}
		return x.values[k], nil
	case *set:
		return nil, typeError("'set' object does not support indexing")
	}
	return nil, typeError("'%s' object has no attribute '__getitem__'", typeName(x))
}

func (m *machine) slice(n *slice) (any, error) {
	x, err := m.eval(n.x)
	if err != nil {
		return nil, err
	}
	bounds := [3]any{}
	for i, part := range []node{n.low, n.high, n.step} {
		if part == nil {
			continue
		}
		if bounds[i], err = m.eval(part); err != nil {
			return nil, err
		}
		if bounds[i] != nil && toInt(bounds[i]) == nil {
			return nil, typeError("slice indices must be integers or None or have an __index__ method")
		}
	}
	switch x.(type) {
	case *str, *tuple, *list:
	case *dict:
		return nil, typeError("unhashable type")
	case *set:
		return nil, typeError("'set' object has no attribute '__getitem__'")
	default:
		return nil, typeError("'%s' object has no attribute '__getitem__'", typeName(x))
	}
	picks, err := picked(bounds, size(x))
	if err != nil {
		return nil, err
	}
	if err := m.step(len(picks) / 16); err != nil {
		return nil, err
	}
	if s, ok := x.(*str); ok {
		out := make([]byte, len(picks))
		for i, at := range picks {
			out[i] = s.s[at]
		}
		if len(out) == len(s.s) && (len(picks) < 2 || picks[0] == 0) {
			return s, nil
		}
		return &str{s: string(out)}, nil
	}
	all, err := iterate(x)
	if err != nil {
		return nil, err
	}
	items := make([]any, len(picks))
	for i, at := range picks {
		items[i] = all[at]
	}
	if _, ok := x.(*tuple); ok {
		return &tuple{items: items}, nil
	}
	return &list{items: items}, nil
}

// picked gives the positions that a slice takes from so many.
func picked(bounds [3]any, length int) ([]int, error) {
	step := 1
	if bounds[2] != nil {
		step = clamp(toInt(bounds[2]), length+1)
		if step == 0 {
			return nil, valueError("slice step cannot be zero")
		}
	}
	low, high := 0, length
	if step < 0 {
		low, high = length-1, -1
	}
	edge := func(v any, otherwise int) int {
		if v == nil {
			return otherwise
		}
		at := clamp(toInt(v), 2*length+2)
		if at < 0 {
			at += length
		}
		if step < 0 {
			return min(max(at, -1), length-1)
		}
		return min(max(at, 0), length)
	}
	low, high = edge(bounds[0], low), edge(bounds[1], high)
	var out []int
	for at := low; step > 0 && at < high || step < 0 && at > high; at += step {
		out = append(out, at)
	}
	return out, nil
}

func clamp(n *big.Int, limit int) int {
	if n.IsInt64() && n.Int64() >= int64(-limit) && n.Int64() <= int64(limit) {
		return int(n.Int64())
	}
	return limit * n.Sign()
}
