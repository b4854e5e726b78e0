package python

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// arguments of a method that was called.
type arguments struct {
	name string
	list []any
	keys map[string]any
}

// methodsOf names, by type, what can be called.
var methodsOf = map[string]map[string]func(of any, a arguments) (any, error){
	"str": stringMethods, "list": listMethods, "tuple": listMethods, "dict": dictMethods, "set": setMethods, "float": floatMethods,
	"int": intMethods, "long": intMethods, "bool": intMethods,
}

// known names what exists in Python and is not evaluated here.
var known = map[string]string{
	"str":   "decode encode format translate",
	"list":  "append extend insert pop remove reverse sort",
	"dict":  "clear copy fromkeys items iteritems iterkeys itervalues pop popitem setdefault update viewitems viewkeys viewvalues",
	"set":   "add clear copy difference difference_update discard intersection intersection_update pop remove symmetric_difference symmetric_difference_update union update",
	"float": "as_integer_ratio conjugate fromhex hex",
	"int":   "conjugate", "long": "conjugate", "bool": "conjugate",
}

func attributeOf(x any, id string) (any, error) {
	kind := typeName(x)
	if methodsOf[kind][id] != nil {
		return &method{of: x, name: id}, nil
	}
	if isNumber(x) {
		switch id {
		case "real":
			if b, ok := x.(bool); ok {
				return toInt(b), nil
			}
			return x, nil
		case "imag":
			if _, ok := x.(float64); ok {
				return 0.0, nil
			}
			return new(big.Int), nil
		}
	}
	if i := toInt(x); i != nil && id == "numerator" {
		return i, nil
	} else if i != nil && id == "denominator" {
		return big.NewInt(1), nil
	}
	if strings.HasPrefix(id, "__") && strings.HasSuffix(id, "__") {
		return nil, unsupported("the attribute " + id)
	}
	if slices.Contains(strings.Fields(known[kind]), id) {
		return nil, unsupported("the method " + id + " of " + kind)
	}
	return nil, &Error{Class: "AttributeError", Message: "'" + kind + "' object has no attribute '" + id + "'"}
}

func (m *machine) call(n *call) (any, error) {
	f, err := m.eval(n.f)
	if err != nil {
		return nil, err
	}
	a := arguments{keys: map[string]any{}}
	work := 1
	for _, x := range n.args {
		v, err := m.eval(x)
		if err != nil {
			return nil, err
		}
		a.list = append(a.list, v)
		work += size(v) / 16
	}
	for id, x := range n.keys {
		v, err := m.eval(x)
		if err != nil {
			return nil, err
		}
		a.keys[id] = v
	}
	called, ok := f.(*method)
	if !ok {
		return nil, typeError("'%s' object is not callable", typeName(f))
	}
	if err := m.step(work + size(called.of)/16); err != nil {
		return nil, err
	}
	if len(a.keys) > 0 {
		return nil, typeError("%s() takes no keyword arguments", called.name)
	}
	a.name = called.name
	return methodsOf[typeName(called.of)][called.name](called.of, a)
}

// count refuses too few or too many arguments.
func (a arguments) count(least, most int) error {
	switch n := len(a.list); {
	case least == most && n != least && least == 0:
		return typeError("%s() takes no arguments (%d given)", a.name, n)
	case least == most && n != least && least == 1:
		return typeError("%s() takes exactly one argument (%d given)", a.name, n)
	case n < least:
		return typeError("%s() takes at least %d arguments (%d given)", a.name, least, n)
	case n > most:
		return typeError("%s() takes at most %d arguments (%d given)", a.name, most, n)
	}
	return nil
}

// text gives argument i, which must be a string.
func (a arguments) text(i int) (string, error) {
	s, ok := a.list[i].(*str)
	if !ok {
		return "", typeError("expected a character buffer object")
	}
	return s.s, nil
}

// number gives argument i, which must be an integer, or what it is without.
func (a arguments) number(i, otherwise int) (int, error) {
	if i >= len(a.list) {
		return otherwise, nil
	}
	n := toInt(a.list[i])
	if n == nil {
		return 0, typeError("an integer is required")
	}
	return clamp(n, maxBytes+1), nil
}

var floatMethods = map[string]func(any, arguments) (any, error){
	"is_integer": func(of any, a arguments) (any, error) {
		f := of.(float64)
		return f == math.Trunc(f) && !math.IsInf(f, 0), a.count(0, 0)
	},
}

var intMethods = map[string]func(any, arguments) (any, error){
	"bit_length": func(of any, a arguments) (any, error) {
		return big.NewInt(int64(toInt(of).BitLen())), a.count(0, 0)
	},
}

var listMethods = map[string]func(any, arguments) (any, error){
	"count": func(of any, a arguments) (any, error) {
		if err := a.count(1, 1); err != nil {
			return nil, err
		}
		items, err := iterate(of)
		n := int64(0)
		for _, v := range items {
			equal, err := order("==", v, a.list[0], 0)
			if err != nil {
				return nil, err
			}
			if equal {
				n++
			}
		}
		return big.NewInt(n), err
	},
	"index": func(of any, a arguments) (any, error) {
		if err := a.count(1, 1); err != nil {
			return nil, err
		}
		items, err := iterate(of)
		if err != nil {
			return nil, err
		}
		for i, v := range items {
			if equal, err := order("==", v, a.list[0], 0); err != nil || equal {
				return big.NewInt(int64(i)), err
			}
		}
		return nil, valueError("%s is not in %s", show(a.list[0]), typeName(of))
	},
}

var dictMethods = map[string]func(any, arguments) (any, error){
	"get": func(of any, a arguments) (any, error) {
		if err := a.count(1, 2); err != nil {
			return nil, err
		}
		k, err := hash(a.list[0])
		if err != nil {
			return nil, err
		}
		if v, ok := of.(*dict).values[k]; ok {
			return v, nil
		}
		if len(a.list) > 1 {
			return a.list[1], nil
		}
		return nil, nil
	},
	"has_key": func(of any, a arguments) (any, error) {
		if err := a.count(1, 1); err != nil {
			return nil, err
		}
		return contains(of, a.list[0])
	},
	"keys": func(of any, a arguments) (any, error) {
		items, err := iterate(of)
		if err != nil {
			return nil, err
		}
		return &list{items: items}, a.count(0, 0)
	},
	"values": func(of any, a arguments) (any, error) {
		d, out := of.(*dict), &list{}
		for _, k := range d.keys {
			out.items = append(out.items, d.values[k])
		}
		return out, a.count(0, 0)
	},
}

var setMethods = map[string]func(any, arguments) (any, error){
	"issubset":   func(of any, a arguments) (any, error) { return setOrder("<=", of, a) },
	"issuperset": func(of any, a arguments) (any, error) { return setOrder(">=", of, a) },
	"isdisjoint": func(of any, a arguments) (any, error) {
		if err := a.count(1, 1); err != nil {
			return nil, err
		}
		items, err := iterate(a.list[0])
		for _, v := range items {
			if yes, err := contains(of, v); err != nil || yes {
				return false, err
			}
		}
		return true, err
	},
}

func setOrder(op string, of any, a arguments) (any, error) {
	if err := a.count(1, 1); err != nil {
		return nil, err
	}
	items, err := iterate(a.list[0])
	if err != nil {
		return nil, err
	}
	other := newSet()
	for _, v := range items {
		if err := other.add(v); err != nil {
			return nil, err
		}
	}
	return orderSets(op, of.(*set), other)
}
