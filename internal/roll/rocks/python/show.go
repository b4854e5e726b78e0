package python

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

func show(v any) string { return showIn(v, 0) }

// showIn is repr().
func showIn(v any, depth int) string {
	if depth > 50 {
		return "..."
	}
	each := func(items []any) []string {
		texts := make([]string, len(items))
		for i, x := range items {
			texts[i] = showIn(x, depth+1)
		}
		return texts
	}
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	case *big.Int:
		if !v.IsInt64() {
			return v.String() + "L"
		}
		return v.String()
	case float64:
		return showFloat(v, -1)
	case *str:
		return quote(v.s)
	case *tuple:
		if len(v.items) == 1 {
			return "(" + showIn(v.items[0], depth+1) + ",)"
		}
		return "(" + strings.Join(each(v.items), ", ") + ")"
	case *list:
		return "[" + strings.Join(each(v.items), ", ") + "]"
	case *set:
		var items []any
		for _, k := range v.keys {
			items = append(items, v.items[k])
		}
		return "set([" + strings.Join(each(items), ", ") + "])"
	case *dict:
		var pairs []string
		for _, k := range v.keys {
			pairs = append(pairs, showIn(v.items[k], depth+1)+": "+showIn(v.values[k], depth+1))
		}
		return "{" + strings.Join(pairs, ", ") + "}"
	}
	m := v.(*method)
	return "<built-in method " + m.name + " of " + typeName(m.of) + " object>"
}

// showFloat writes a float as repr() does, or to so many digits.
func showFloat(f float64, digits int) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	limit := 16
	if digits > 0 {
		limit = digits
	}
	exponent := 0
	if f != 0 {
		text := strconv.FormatFloat(f, 'e', max(-1, digits-1), 64)
		exponent, _ = strconv.Atoi(text[strings.IndexByte(text, 'e')+1:])
	}
	var text string
	if exponent < -4 || exponent >= limit {
		text = strconv.FormatFloat(f, 'e', max(-1, digits-1), 64)
		if mantissa, exp, ok := strings.Cut(text, "e"); ok && strings.Contains(mantissa, ".") {
			text = strings.TrimRight(strings.TrimRight(mantissa, "0"), ".") + "e" + exp
		}
		return text
	}
	if digits > 0 {
		text = strconv.FormatFloat(f, 'f', max(0, digits-1-exponent), 64)
		if strings.Contains(text, ".") {
			text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
		}
	} else {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func quote(s string) string {
	mark := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = '"'
	}
	var b strings.Builder
	b.WriteByte(mark)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == mark || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(mark)
	return b.String()
}

// text is str().
func text(v any) string {
	switch v := v.(type) {
	case *str:
		return v.s
	case float64:
		return showFloat(v, 12)
	case *big.Int:
		return v.String()
	}
	return show(v)
}
