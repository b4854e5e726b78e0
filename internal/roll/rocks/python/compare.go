package python

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

func compareOp(op string, x, y any) (bool, error) {
	switch op {
	case "is":
		return same(x, y), nil
	case "is not":
		return !same(x, y), nil
	case "in":
		return contains(y, x)
	case "not in":
		yes, err := contains(y, x)
		return !yes, err
	}
	return order(op, x, y, 0)
}

// same is identity. Small integers and short strings are single objects.
func same(x, y any) bool {
	switch x := x.(type) {
	case nil:
		return y == nil
	case bool:
		b, ok := y.(bool)
		return ok && x == b
	case *big.Int:
		i, ok := y.(*big.Int)
		return ok && (x == i || x.Cmp(i) == 0 && x.IsInt64() && x.Int64() >= -5 && x.Int64() <= 256)
	case *str:
		s, ok := y.(*str)
		return ok && (x == s || x.s == s.s && len(x.s) <= 1)
	case *tuple:
		t, ok := y.(*tuple)
		return ok && (x == t || len(x.items)+len(t.items) == 0)
	case float64, *method:
		return false
	}
	return x == y
}

// order decides a comparison by value.
func order(op string, x, y any, depth int) (bool, error) {
	if depth > 200 {
		return false, &Error{Class: "RuntimeError", Message: "maximum recursion depth exceeded in cmp"}
	}
	if isNumber(x) && isNumber(y) {
		return orderNumbers(op, x, y)
	}
	switch x := x.(type) {
	case *str:
		if y, ok := y.(*str); ok {
			return decide(op, strings.Compare(x.s, y.s)), nil
		}
	case *tuple:
		if y, ok := y.(*tuple); ok {
			return orderItems(op, x.items, y.items, depth)
		}
	case *list:
		if y, ok := y.(*list); ok {
			return orderItems(op, x.items, y.items, depth)
		}
	case *set:
		return orderSets(op, x, y)
	case *dict:
		if y, ok := y.(*dict); ok {
			c, err := compareDicts(x, y, depth)
			return decide(op, c), err
		}
	}
	if s, ok := y.(*set); ok {
		return orderSets(mirror[op], s, x)
	}
	if same(x, y) {
		return decide(op, 0), nil
	}
	return decide(op, byType(x, y)), nil
}

var mirror = map[string]string{"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}

func decide(op string, c int) bool {
	switch op {
	case "<":
		return c < 0
	case ">":
		return c > 0
	case "<=":
		return c <= 0
	case ">=":
		return c >= 0
	case "==":
		return c == 0
	}
	return c != 0
}

func orderNumbers(op string, x, y any) (bool, error) {
	a, aInt := x.(float64)
	b, bInt := y.(float64)
	if !aInt && !bInt {
		return decide(op, toInt(x).Cmp(toInt(y))), nil
	}
	if aInt && math.IsNaN(a) || bInt && math.IsNaN(b) {
		return op == "!=", nil
	}
	return decide(op, bigFloat(x).Cmp(bigFloat(y))), nil
}

func bigFloat(v any) *big.Float {
	if f, ok := v.(float64); ok {
		return new(big.Float).SetFloat64(f)
	}
	return new(big.Float).SetInt(toInt(v))
}

// orderItems compares at the first items that differ.
func orderItems(op string, x, y []any, depth int) (bool, error) {
	for i := range min(len(x), len(y)) {
		equal, err := order("==", x[i], y[i], depth+1)
		if err != nil {
			return false, err
		}
		if !equal && !same(x[i], y[i]) {
			switch op {
			case "==":
				return false, nil
			case "!=":
				return true, nil
			}
			return order(op, x[i], y[i], depth+1)
		}
	}
	return decide(op, len(x)-len(y)), nil
}

func orderSets(op string, x *set, other any) (bool, error) {
	y, ok := other.(*set)
	if !ok {
		if op == "==" || op == "!=" {
			return op == "!=", nil
		}
		return false, typeError("can only compare to a set")
	}
	within := func(a, b *set) bool {
		return !slices.ContainsFunc(a.keys, func(k string) bool { _, ok := b.items[k]; return !ok })
	}
	switch op {
	case "<":
		return len(x.keys) < len(y.keys) && within(x, y), nil
	case "<=":
		return within(x, y), nil
	case ">":
		return len(x.keys) > len(y.keys) && within(y, x), nil
	case ">=":
		return within(y, x), nil
	}
	equal := len(x.keys) == len(y.keys) && within(x, y)
	return equal == (op == "=="), nil
}

// compareDicts: the shorter is less; then the one whose smallest differing key
// is less, then by the values there.
func compareDicts(x, y *dict, depth int) (int, error) {
	if len(x.keys) != len(y.keys) {
		return len(x.keys) - len(y.keys), nil
	}
	a, av, err := x.firstDifference(y, depth)
	if err != nil || a == nil {
		return 0, err
	}
	b, bv, err := y.firstDifference(x, depth)
	if err != nil || b == nil {
		return 0, err
	}
	if c, err := three(a.key, b.key, depth); err != nil || c != 0 {
		return c, err
	}
	return three(av, bv, depth)
}

type entry struct{ key any }

func (d *dict) firstDifference(o *dict, depth int) (*entry, any, error) {
	var first *entry
	var value any
	for _, k := range d.keys {
		if _, ok := o.items[k]; ok {
			equal, err := order("==", d.values[k], o.values[k], depth+1)
			if err != nil {
				return nil, nil, err
			}
			if equal {
				continue
			}
		}
		if first != nil {
			c, err := three(d.items[k], first.key, depth)
			if err != nil {
				return nil, nil, err
			}
			if c >= 0 {
				continue
			}
		}
		first, value = &entry{key: d.items[k]}, d.values[k]
	}
	return first, value, nil
}

func three(x, y any, depth int) (int, error) {
	less, err := order("<", x, y, depth+1)
	if err != nil || less {
		return -1, err
	}
	equal, err := order("==", x, y, depth+1)
	if err != nil || equal {
		return 0, err
	}
	return 1, nil
}

// byType orders values of different types: None, numbers, then the others by
// the name of their type.
func byType(x, y any) int {
	rank := func(v any) string {
		switch {
		case v == nil:
			return ""
		case isNumber(v):
			return "\x01"
		}
		return "\x02" + typeName(v)
	}
	if c := strings.Compare(rank(x), rank(y)); c != 0 {
		return c
	}
	return 1 // by address in Python: only for methods
}
