package python

import (
	"math/big"
	"strconv"
	"strings"
)

// unescape decodes the backslashes of a string literal.
func unescape(text string) (string, error) {
	if !strings.Contains(text, `\`) {
		return text, nil
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 >= len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if at := strings.IndexByte(`\'"abfnrtv`, text[i]); at >= 0 {
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[at])
			continue
		}
		switch c := text[i]; {
		case c == '\n':
		case c >= '0' && c <= '7':
			n := 0
			end := i
			for end < len(text) && end < i+3 && text[end] >= '0' && text[end] <= '7' {
				n = n*8 + int(text[end]-'0')
				end++
			}
			b.WriteByte(byte(n))
			i = end - 1
		case c == 'x':
			if i+2 >= len(text) {
				return "", &Error{Class: "ValueError", Message: `invalid \x escape`}
			}
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil {
				return "", &Error{Class: "ValueError", Message: `invalid \x escape`}
			}
			b.WriteByte(byte(n))
			i += 2
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

func (l *lexer) number() (token, error) {
	start := l.at
	rest := strings.ToLower(l.src[start:])
	for _, base := range []struct {
		prefix, digits string
		base           int
	}{{"0x", "0123456789abcdef", 16}, {"0o", "01234567", 8}, {"0b", "01", 2}} {
		if !strings.HasPrefix(rest, base.prefix) {
			continue
		}
		n := len(base.prefix)
		for n < len(rest) && strings.IndexByte(base.digits, rest[n]) >= 0 {
			n++
		}
		if n == len(base.prefix) {
			return token{}, syntax("invalid token")
		}
		return l.integer(start, rest[len(base.prefix):n], n, base.base)
	}
	n := digits(rest, 0)
	whole := n
	if n < len(rest) && rest[n] == '.' {
		n = digits(rest, n+1)
	}
	if n < len(rest) && rest[n] == 'e' {
		sign := n + 1
		if sign < len(rest) && (rest[sign] == '+' || rest[sign] == '-') {
			sign++
		}
		if end := digits(rest, sign); end > sign {
			n = end
		}
	}
	if n < len(rest) && rest[n] == 'j' {
		return token{}, unsupported("complex numbers")
	}
	if n > whole {
		f, err := strconv.ParseFloat(rest[:n], 64)
		if err != nil && f == 0 {
			return token{}, syntax("invalid token")
		}
		l.at += n
		return token{kind: tFloat, float: f, at: start}, nil
	}
	if rest[0] == '0' && whole > 1 {
		if strings.Trim(rest[:whole], "01234567") != "" {
			return token{}, syntax("invalid token")
		}
		return l.integer(start, rest[1:whole], whole, 8)
	}
	return l.integer(start, rest[:whole], whole, 10)
}

func (l *lexer) integer(start int, text string, length, base int) (token, error) {
	if len(text) > maxDigits {
		return token{}, tooLarge("a number of %d digits", len(text))
	}
	n, ok := new(big.Int).SetString(text, base)
	if !ok {
		return token{}, syntax("invalid token")
	}
	l.at += length
	if l.at < len(l.src) && (l.src[l.at] == 'l' || l.src[l.at] == 'L') {
		l.at++
	}
	return token{kind: tInt, int: n, at: start}, nil
}

func digits(s string, from int) int {
	for from < len(s) && isDigit(s[from]) {
		from++
	}
	return from
}
