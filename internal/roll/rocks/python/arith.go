package python

import (
	"math"
	"math/big"
	"strings"
)

func arithmetic(op string, x, y any) (any, error) {
	if s, ok := x.(*str); ok && op == "%" {
		return format(s.s, y)
	}
	a, b := toInt(x), toInt(y)
	switch {
	case a != nil && b != nil:
		if xb, ok := x.(bool); ok {
			if yb, ok := y.(bool); ok && strings.Contains("&|^", op) {
				return boolean(op, xb, yb), nil
			}
		}
		return integers(op, a, b)
	case isNumber(x) && isNumber(y):
		return floats(op, x, y)
	case op == "+":
		return join(x, y)
	case op == "*" && isSequence(x):
		return repeat(x, y)
	case op == "*" && isSequence(y):
		return repeat(y, x)
	}
	if s, ok := x.(*set); ok {
		if t, ok := y.(*set); ok && strings.Contains("&|^-", op) {
			return sets(op, s, t), nil
		}
	}
	return nil, operands(op, x, y)
}

func operands(op string, x, y any) error {
	if op == "**" {
		op = "** or pow()"
	}
	return typeError("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(x), typeName(y))
}

func boolean(op string, x, y bool) bool {
	switch op {
	case "&":
		return x && y
	case "|":
		return x || y
	}
	return x != y
}

func sets(op string, x, y *set) *set {
	out := newSet()
	pick := func(s, other *set, want bool) {
		for _, k := range s.keys {
			if _, ok := other.items[k]; ok == want {
				_ = out.add(s.items[k]) // it was in a set before
			}
		}
	}
	switch op {
	case "&":
		pick(x, y, true)
	case "-":
		pick(x, y, false)
	case "^":
		pick(x, y, false)
		pick(y, x, false)
	default:
		pick(x, x, true)
		pick(y, x, false)
	}
	return out
}

func integers(op string, a, b *big.Int) (any, error) {
	z := new(big.Int)
	switch op {
	case "+":
		z.Add(a, b)
	case "-":
		z.Sub(a, b)
	case "*":
		if a.BitLen()+b.BitLen() > maxBits {
			return nil, tooLarge("a number of more than %d bits", maxBits)
		}
		z.Mul(a, b)
	case "/", "//", "%":
		if b.Sign() == 0 {
			return nil, &Error{Class: "ZeroDivisionError", Message: "integer division or modulo by zero"}
		}
		quotient, rest := floorDivide(a, b)
		if op == "%" {
			return rest, nil
		}
		return quotient, nil
	case "**":
		return power(a, b)
	case "<<", ">>":
		return shift(op, a, b)
	case "&":
		z.And(a, b)
	case "|":
		z.Or(a, b)
	case "^":
		z.Xor(a, b)
	}
	return z, nil
}

func floorDivide(a, b *big.Int) (quotient, rest *big.Int) {
	quotient, rest = new(big.Int).QuoRem(a, b, new(big.Int))
	if rest.Sign() != 0 && rest.Sign() != b.Sign() {
		quotient.Sub(quotient, big.NewInt(1))
		rest.Add(rest, b)
	}
	return quotient, rest
}

func power(a, b *big.Int) (any, error) {
	if b.Sign() < 0 {
		if a.Sign() == 0 {
			return nil, &Error{Class: "ZeroDivisionError", Message: "0.0 cannot be raised to a negative power"}
		}
		return floats("**", a, b)
	}
	if a.BitLen() > 1 && (!b.IsInt64() || int64(a.BitLen())*b.Int64() > maxBits || b.Int64() > maxBits) {
		return nil, tooLarge("a number of more than %d bits", maxBits)
	}
	if a.BitLen() <= 1 { // 0, 1, -1
		b = new(big.Int).SetUint64(uint64(b.Bit(0)) + 2*uint64(min(b.BitLen(), 1)))
		if b.Sign() == 0 {
			return big.NewInt(1), nil
		}
	}
	return new(big.Int).Exp(a, b, nil), nil
}

func shift(op string, a, b *big.Int) (any, error) {
	if b.Sign() < 0 {
		return nil, valueError("negative shift count")
	}
	if !b.IsInt64() {
		return nil, &Error{Class: "OverflowError", Message: "long int too large to convert to int"}
	}
	if op == ">>" {
		if b.Int64() > maxBits {
			b = big.NewInt(maxBits)
		}
		return new(big.Int).Rsh(a, uint(b.Int64())), nil
	}
	if a.Sign() == 0 {
		return a, nil
	}
	if b.Int64() > maxBits || b.Int64()+int64(a.BitLen()) > maxBits {
		return nil, tooLarge("a number of more than %d bits", maxBits)
	}
	return new(big.Int).Lsh(a, uint(b.Int64())), nil
}

func floats(op string, x, y any) (any, error) {
	a, err := toFloat(x)
	if err != nil {
		return nil, err
	}
	b, err := toFloat(y)
	if err != nil {
		return nil, err
	}
	switch op {
	case "+":
		return a + b, nil
	case "-":
		return a - b, nil
	case "*":
		return a * b, nil
	case "/", "//", "%":
		if b == 0 {
			word := map[string]string{"/": "float division by zero", "//": "float divmod()", "%": "float modulo"}[op]
			return nil, &Error{Class: "ZeroDivisionError", Message: word}
		}
		if op == "/" {
			return a / b, nil
		}
		rest := math.Mod(a, b)
		quotient := (a - rest) / b
		if rest == 0 {
			rest = math.Copysign(0, b)
		} else if (rest < 0) != (b < 0) {
			rest, quotient = rest+b, quotient-1
		}
		if op == "%" {
			return rest, nil
		}
		return math.Floor(quotient), nil
	case "**":
		if a == 0 && b < 0 {
			return nil, &Error{Class: "ZeroDivisionError", Message: "0.0 cannot be raised to a negative power"}
		}
		if a < 0 && b != math.Trunc(b) {
			return nil, valueError("negative number cannot be raised to a fractional power")
		}
		f := math.Pow(a, b)
		if math.IsInf(f, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
			return nil, &Error{Class: "OverflowError", Message: "(34, 'Numerical result out of range')"}
		}
		return f, nil
	}
	return nil, operands(op, x, y)
}

func join(x, y any) (any, error) {
	if size(x)+size(y) > maxBytes {
		return nil, tooLarge("more than %d bytes", maxBytes)
	}
	switch x := x.(type) {
	case *str:
		if y, ok := y.(*str); ok {
			return &str{s: x.s + y.s}, nil
		}
		return nil, typeError("cannot concatenate 'str' and '%s' objects", typeName(y))
	case *tuple:
		if y, ok := y.(*tuple); ok {
			return &tuple{items: append(append([]any(nil), x.items...), y.items...)}, nil
		}
		return nil, typeError(`can only concatenate tuple (not "%s") to tuple`, typeName(y))
	case *list:
		if y, ok := y.(*list); ok {
			return &list{items: append(append([]any(nil), x.items...), y.items...)}, nil
		}
		return nil, typeError(`can only concatenate list (not "%s") to list`, typeName(y))
	}
	return nil, operands("+", x, y)
}

func isSequence(v any) bool {
	switch v.(type) {
	case *str, *tuple, *list:
		return true
	}
	return false
}

func repeat(x, by any) (any, error) {
	times := toInt(by)
	if times == nil {
		return nil, typeError("can't multiply sequence by non-int of type '%s'", typeName(by))
	}
	if !times.IsInt64() {
		return nil, &Error{Class: "OverflowError", Message: "cannot fit 'long' into an index-sized integer"}
	}
	n := int(max(0, min(times.Int64(), maxBytes+1)))
	if n*size(x) > maxBytes {
		return nil, tooLarge("more than %d bytes", maxBytes)
	}
	items := func(items []any) []any {
		var out []any
		for range n {
			out = append(out, items...)
		}
		return out
	}
	if n*size(x) > 1<<16 && typeName(x) != "str" {
		return nil, tooLarge("more than %d items", 1<<16)
	}
	switch x := x.(type) {
	case *tuple:
		return &tuple{items: items(x.items)}, nil
	case *list:
		return &list{items: items(x.items)}, nil
	}
	return &str{s: strings.Repeat(x.(*str).s, n)}, nil
}
