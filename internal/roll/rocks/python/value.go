package python

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Values are nil (None), bool, *big.Int, float64 and these; their addresses are
// their identities.
type (
	str   struct{ s string }
	tuple struct{ items []any }
	list  struct{ items []any }
	set   struct {
		keys  []string
		items map[string]any
	}
	dict struct {
		keys   []string
		items  map[string]any
		values map[string]any
	}
	method struct {
		of   any
		name string
	}
)

func newSet() *set   { return &set{items: map[string]any{}} }
func newDict() *dict { return &dict{items: map[string]any{}, values: map[string]any{}} }

func (s *set) add(v any) error {
	k, err := hash(v)
	if err != nil {
		return err
	}
	if _, ok := s.items[k]; !ok {
		s.keys = append(s.keys, k)
		s.items[k] = v
	}
	return nil
}

func (d *dict) put(key, value any) error {
	k, err := hash(key)
	if err != nil {
		return err
	}
	if _, ok := d.items[k]; !ok {
		d.keys = append(d.keys, k)
		d.items[k] = key
	}
	d.values[k] = value
	return nil
}

// hash gives equal values the same text.
func hash(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "n", nil
	case bool, *big.Int:
		return "i" + toInt(v).String(), nil
	case float64:
		if v == math.Trunc(v) && !math.IsInf(v, 0) {
			n, _ := big.NewFloat(v).Int(nil)
			return "i" + n.String(), nil
		}
		return "f" + strconv.FormatFloat(v, 'g', -1, 64), nil
	case *str:
		return "s" + v.s, nil
	case *tuple:
		var b strings.Builder
		b.WriteByte('(')
		for _, x := range v.items {
			k, err := hash(x)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "%d:%s", len(k), k)
		}
		return b.String(), nil
	case *method:
		return fmt.Sprintf("m%p%s", v.of, v.name), nil
	}
	return "", typeError("unhashable type: '%s'", typeName(v))
}

func typeName(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case *big.Int:
		if !v.IsInt64() {
			return "long"
		}
		return "int"
	case float64:
		return "float"
	case *str:
		return "str"
	case *tuple:
		return "tuple"
	case *list:
		return "list"
	case *set:
		return "set"
	case *dict:
		return "dict"
	}
	return "builtin_function_or_method"
}

func isNumber(v any) bool {
	switch v.(type) {
	case bool, *big.Int, float64:
		return true
	}
	return false
}

// toInt gives the integer of a bool or integer, nil of anything else.
func toInt(v any) *big.Int {
	switch v := v.(type) {
	case bool:
		if v {
			return big.NewInt(1)
		}
		return new(big.Int)
	case *big.Int:
		return v
	}
	return nil
}

func toFloat(v any) (float64, error) {
	if f, ok := v.(float64); ok {
		return f, nil
	}
	f, _ := new(big.Float).SetInt(toInt(v)).Float64()
	if math.IsInf(f, 0) {
		return 0, &Error{Class: "OverflowError", Message: "long int too large to convert to float"}
	}
	return f, nil
}

func truth(v any) (bool, error) {
	switch v := v.(type) {
	case nil:
		return false, nil
	case bool:
		return v, nil
	case *big.Int:
		return v.Sign() != 0, nil
	case float64:
		return v != 0, nil
	case *str:
		return v.s != "", nil
	case *tuple:
		return len(v.items) > 0, nil
	case *list:
		return len(v.items) > 0, nil
	case *set:
		return len(v.keys) > 0, nil
	case *dict:
		return len(v.keys) > 0, nil
	}
	return true, nil
}

// attributeValue is the typing of an attribute's text.
func attributeValue(text *str) any {
	switch strings.ToLower(text.s) {
	case "on", "true", "yes", "y":
		return true
	case "off", "false", "no", "n":
		return false
	}
	if n, ok := parseInt(text.s); ok {
		return n
	}
	if f, ok := parseFloat(text.s); ok {
		return f
	}
	return text
}

const blanks = " \t\n\r\v\f"

func parseInt(text string) (*big.Int, bool) {
	text = strings.Trim(text, blanks)
	bare := strings.TrimLeft(text, "+-")
	if len(text)-len(bare) > 1 || bare == "" || strings.Trim(bare, "0123456789") != "" || len(bare) > maxDigits {
		return nil, false
	}
	return new(big.Int).SetString(text, 10)
}

func parseFloat(text string) (float64, bool) {
	text = strings.ToLower(strings.Trim(text, blanks))
	switch strings.TrimLeft(text, "+-") {
	case "inf", "infinity", "nan":
	default:
		if strings.Trim(text, "0123456789+-.e") != "" {
			return 0, false
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) && f != 0 {
		return 0, false
	}
	if err != nil && strings.HasSuffix(err.Error(), "invalid syntax") {
		return 0, false
	}
	return f, true
}
