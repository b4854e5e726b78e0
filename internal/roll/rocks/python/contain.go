package python

import (
	"strings"
)

func contains(in, x any) (bool, error) {
	switch in := in.(type) {
	case *str:
		s, ok := x.(*str)
		if !ok {
			return false, typeError("'in <string>' requires string as left operand, not %s", typeName(x))
		}
		return strings.Contains(in.s, s.s), nil
	case *set:
		k, err := hash(x)
		if err != nil {
			return false, err
		}
		_, ok := in.items[k]
		return ok, nil
	case *dict:
		k, err := hash(x)
		if err != nil {
			return false, err
		}
		_, ok := in.items[k]
		return ok, nil
	}
	items, err := iterate(in)
	if err != nil {
		return false, typeError("argument of type '%s' is not iterable", typeName(in))
	}
	for _, v := range items {
		equal, err := order("==", v, x, 0)
		if err != nil || equal || same(v, x) {
			return err == nil, err
		}
	}
	return false, nil
}

func iterate(v any) ([]any, error) {
	switch v := v.(type) {
	case *tuple:
		return v.items, nil
	case *list:
		return v.items, nil
	case *str:
		items := make([]any, len(v.s))
		for i := range v.s {
			items[i] = &str{s: v.s[i : i+1]}
		}
		return items, nil
	case *set:
		var items []any
		for _, k := range v.keys {
			items = append(items, v.items[k])
		}
		return items, nil
	case *dict:
		var items []any
		for _, k := range v.keys {
			items = append(items, v.items[k])
		}
		return items, nil
	}
	return nil, typeError("'%s' object is not iterable", typeName(v))
}
