package python

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// directive is one conversion of the % operator.
type directive struct {
	key              string
	flags            string
	width, precision int // -1: not given
	verb             byte
}

type formatter struct {
	text   string
	at     int
	args   []any
	single bool // args is what stood right of %, no tuple
	used   int
	dict   *dict
}

// format is the % operator of strings.
func format(text string, value any) (any, error) {
	f := &formatter{text: text}
	switch v := value.(type) {
	case *tuple:
		f.args = v.items
	default:
		f.args, f.single = []any{value}, true
		f.dict, _ = value.(*dict)
	}
	var b strings.Builder
	for f.at < len(text) {
		c := text[f.at]
		f.at++
		if c != '%' {
			b.WriteByte(c)
			continue
		}
		out, err := f.next()
		if err != nil {
			return nil, err
		}
		if b.WriteString(out); b.Len() > maxBytes {
			return nil, tooLarge("more than %d bytes", maxBytes)
		}
	}
	_, isList := value.(*list)
	if f.used < len(f.args) && f.dict == nil && !(f.single && isList) {
		return nil, typeError("not all arguments converted during string formatting")
	}
	return &str{s: b.String()}, nil
}

func (f *formatter) arg() (any, error) {
	if f.used >= len(f.args) {
		return nil, typeError("not enough arguments for format string")
	}
	f.used++
	return f.args[f.used-1], nil
}

func (f *formatter) next() (string, error) {
	d, err := f.directive()
	if err != nil {
		return "", err
	}
	if d.verb == '%' {
		return "%", nil
	}
	var v any
	if d.key != "" {
		k, _ := hash(&str{s: d.key[1:]})
		if _, ok := f.dict.items[k]; !ok {
			return "", &Error{Class: "KeyError", Message: quote(d.key[1:])}
		}
		v = f.dict.values[k]
	} else if v, err = f.arg(); err != nil {
		return "", err
	}
	return d.convert(v)
}

func (f *formatter) directive() (directive, error) {
	d := directive{width: -1, precision: -1}
	incomplete := valueError("incomplete format")
	if strings.HasPrefix(f.text[f.at:], "(") {
		if f.dict == nil {
			return d, typeError("format requires a mapping")
		}
		end := strings.IndexByte(f.text[f.at:], ')')
		if end < 0 {
			return d, valueError("incomplete format key")
		}
		d.key = f.text[f.at : f.at+end]
		f.at += end + 1
	}
	for f.at < len(f.text) && strings.IndexByte("-+ #0", f.text[f.at]) >= 0 {
		d.flags += f.text[f.at : f.at+1]
		f.at++
	}
	var err error
	if d.width, err = f.size(); err != nil {
		return d, err
	}
	if d.width < -1 {
		d.flags, d.width = d.flags+"-", -d.width
	}
	if f.at < len(f.text) && f.text[f.at] == '.' {
		f.at++
		if d.precision, err = f.size(); err != nil {
			return d, err
		}
		d.precision = max(0, d.precision)
	}
	if f.at < len(f.text) && strings.IndexByte("hlL", f.text[f.at]) >= 0 {
		f.at++
	}
	if f.at >= len(f.text) {
		return d, incomplete
	}
	d.verb = f.text[f.at]
	f.at++
	if d.width > maxBytes || d.precision > 1000 {
		return d, tooLarge("a width of %d", max(d.width, d.precision))
	}
	return d, nil
}

func (f *formatter) size() (int, error) {
	if f.at < len(f.text) && f.text[f.at] == '*' {
		f.at++
		v, err := f.arg()
		if err != nil {
			return 0, err
		}
		n := toInt(v)
		if n == nil {
			return 0, typeError("* wants int")
		}
		return clamp(n, maxBytes+1), nil
	}
	end := digits(f.text, f.at)
	if end == f.at {
		return -1, nil
	}
	n, err := strconv.Atoi(f.text[f.at:end])
	f.at = end
	if err != nil {
		return 0, tooLarge("a width of more than %d", maxBytes)
	}
	return n, nil
}

func (d directive) has(flag string) bool { return strings.Contains(d.flags, flag) }

func (d directive) convert(v any) (string, error) {
	switch d.verb {
	case 's', 'r':
		s := text(v)
		if d.verb == 'r' {
			s = show(v)
		}
		if d.precision >= 0 && d.precision < len(s) {
			s = s[:d.precision]
		}
		return d.pad(s, false), nil
	case 'c':
		if s, ok := v.(*str); ok && len(s.s) == 1 {
			return d.pad(s.s, false), nil
		}
		n := toInt(v)
		if n == nil {
			return "", typeError("%%c requires int or char")
		}
		if !n.IsInt64() || n.Int64() < 0 || n.Int64() > 255 {
			return "", &Error{Class: "OverflowError", Message: "unsigned byte integer is greater than maximum"}
		}
		return d.pad(string([]byte{byte(n.Int64())}), false), nil
	case 'd', 'i', 'u', 'x', 'X', 'o':
		return d.integer(v)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		return d.float(v)
	}
	return "", valueError("unsupported format character '%c' (0x%x) at index", d.verb, d.verb)
}

func (d directive) integer(v any) (string, error) {
	n := toInt(v)
	if f, ok := v.(float64); ok && !math.IsInf(f, 0) && !math.IsNaN(f) {
		n, _ = big.NewFloat(math.Trunc(f)).Int(nil)
	}
	if n == nil {
		return "", typeError("%%%c format: a number is required, not %s", d.verb, typeName(v))
	}
	base := map[byte]int{'x': 16, 'X': 16, 'o': 8}[d.verb]
	if base == 0 {
		base = 10
	}
	s := new(big.Int).Abs(n).Text(base)
	if d.precision > len(s) {
		s = strings.Repeat("0", d.precision-len(s)) + s
	}
	if d.has("#") {
		s = map[byte]string{'x': "0x", 'X': "0X", 'o': "0"}[d.verb] + s
	}
	if d.verb == 'X' {
		s = strings.ToUpper(s)
	}
	return d.pad(d.sign(n.Sign() < 0)+s, true), nil
}

func (d directive) float(v any) (string, error) {
	if !isNumber(v) {
		return "", typeError("float argument required, not %s", typeName(v))
	}
	f, err := toFloat(v)
	if err != nil {
		return "", err
	}
	precision := d.precision
	if precision < 0 {
		precision = 6
	}
	var s string
	switch a := math.Abs(f); {
	case math.IsInf(f, 0):
		s = "inf"
	case math.IsNaN(f):
		s = "nan"
	case d.verb == 'g' || d.verb == 'G':
		s = strings.TrimSuffix(showFloat(a, max(1, precision)), ".0")
	default:
		s = strconv.FormatFloat(a, d.verb|0x20, precision, 64)
	}
	if d.verb < 'a' {
		s = strings.ToUpper(s)
	}
	return d.pad(d.sign(math.Signbit(f) && !math.IsNaN(f))+s, true), nil
}

func (d directive) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case d.has("+"):
		return "+"
	case d.has(" "):
		return " "
	}
	return ""
}

func (d directive) pad(s string, number bool) string {
	missing := d.width - len(s)
	switch {
	case missing <= 0:
		return s
	case d.has("-"):
		return s + strings.Repeat(" ", missing)
	case d.has("0") && number:
		head := len(s) - len(strings.TrimLeft(s, "+- "))
		if strings.HasPrefix(strings.ToLower(s[head:]), "0x") {
			head += 2
		}
		return s[:head] + strings.Repeat("0", missing) + s[head:]
	}
	return strings.Repeat(" ", missing) + s
}
