package python

import (
	"math/big"
	"strings"
)

type stringMethod = func(any, arguments) (any, error)

var stringMethods = map[string]stringMethod{
	"upper":      plain(asciiUpper),
	"lower":      plain(asciiLower),
	"swapcase":   plain(func(s string) string { return mapBytes(s, func(_ byte, c byte) byte { return swap(c) }) }),
	"title":      plain(title),
	"capitalize": plain(capitalize),
	"isalpha":    each(func(c byte) bool { return isAlpha(c) }),
	"isdigit":    each(isDigit),
	"isalnum":    each(func(c byte) bool { return isAlpha(c) || isDigit(c) }),
	"isspace":    each(func(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }),
	"isupper":    cased(isLower, isUpper),
	"islower":    cased(isUpper, isLower),
	"istitle":    test(func(s string) bool { return s == title(s) && strings.IndexFunc(s, isCased) >= 0 }),
	"strip":      strip(strings.Trim),
	"lstrip":     strip(strings.TrimLeft),
	"rstrip":     strip(strings.TrimRight),
	"startswith": affix(strings.HasPrefix),
	"endswith":   affix(strings.HasSuffix),
	"find":       find(strings.Index, false),
	"rfind":      find(strings.LastIndex, false),
	"index":      find(strings.Index, true),
	"rindex":     find(strings.LastIndex, true),
	"count":      find(func(s, sub string) int { return strings.Count(s, sub) }, false),
	"split":      split(false),
	"rsplit":     split(true),
	"splitlines": splitLines,
	"partition":  partition(false), "rpartition": partition(true),
	"replace": replace,
	"join":    joinStrings,
	"ljust":   pad(0), "rjust": pad(1), "center": pad(2), "zfill": zfill,
	"expandtabs": expandTabs,
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isCased(r rune) bool { return r < 128 && isAlpha(byte(r)) }

func swap(c byte) byte {
	if isAlpha(c) {
		return c ^ 0x20
	}
	return c
}

// mapBytes changes each byte, knowing the one before.
func mapBytes(s string, f func(before, c byte) byte) string {
	out := []byte(s)
	before := byte(0)
	for i := range out {
		c := out[i]
		out[i] = f(before, c)
		before = c
	}
	return string(out)
}

func asciiUpper(s string) string {
	return mapBytes(s, func(_, c byte) byte {
		if isLower(c) {
			return swap(c)
		}
		return c
	})
}

func asciiLower(s string) string {
	return mapBytes(s, func(_, c byte) byte {
		if isUpper(c) {
			return swap(c)
		}
		return c
	})
}

func title(s string) string {
	return mapBytes(s, func(before, c byte) byte {
		if isAlpha(before) && isUpper(c) || !isAlpha(before) && isLower(c) {
			return swap(c)
		}
		return c
	})
}

func capitalize(s string) string {
	if s == "" {
		return s
	}
	return asciiUpper(s[:1]) + asciiLower(s[1:])
}

func plain(f func(string) string) stringMethod {
	return func(of any, a arguments) (any, error) { return &str{s: f(of.(*str).s)}, a.count(0, 0) }
}

func test(f func(string) bool) stringMethod {
	return func(of any, a arguments) (any, error) { return f(of.(*str).s), a.count(0, 0) }
}

func each(f func(byte) bool) stringMethod {
	return test(func(s string) bool {
		for i := range len(s) {
			if !f(s[i]) {
				return false
			}
		}
		return s != ""
	})
}

func cased(never, some func(byte) bool) stringMethod {
	return test(func(s string) bool {
		found := false
		for i := range len(s) {
			if never(s[i]) {
				return false
			}
			found = found || some(s[i])
		}
		return found
	})
}

func strip(f func(s, cutset string) string) stringMethod {
	return func(of any, a arguments) (any, error) {
		if err := a.count(0, 1); err != nil {
			return nil, err
		}
		cut := blanks
		if len(a.list) > 0 && a.list[0] != nil {
			var err error
			if cut, err = a.text(0); err != nil {
				return nil, typeError("%s arg must be None, str or unicode", a.name)
			}
		}
		s := of.(*str)
		if out := f(s.s, cut); out != s.s {
			return &str{s: out}, nil
		}
		return s, nil
	}
}

// part is s[start:end], and where it starts. It is not there when the start
// lies behind the end.
func part(s string, a arguments) (text string, start int, there bool, err error) {
	start, end := 0, len(s)
	for i, at := range []*int{&start, &end} {
		if i+1 >= len(a.list) || a.list[i+1] == nil {
			continue
		}
		n := toInt(a.list[i+1])
		if n == nil {
			return "", 0, false, typeError("slice indices must be integers or None or have an __index__ method")
		}
		*at = clamp(n, maxBytes+1)
		if *at < 0 {
			*at = max(0, *at+len(s))
		}
	}
	end = min(end, len(s))
	if start > end {
		return "", start, false, nil
	}
	return s[start:end], start, true, nil
}

func affix(f func(s, affix string) bool) stringMethod {
	return func(of any, a arguments) (any, error) {
		if err := a.count(1, 3); err != nil {
			return nil, err
		}
		text, _, there, err := part(of.(*str).s, a)
		if err != nil {
			return nil, err
		}
		options := []any{a.list[0]}
		if t, ok := a.list[0].(*tuple); ok {
			options = t.items
		}
		for _, o := range options {
			s, ok := o.(*str)
			if !ok {
				return nil, typeError("%s first arg must be str, unicode, or tuple, not %s", a.name, typeName(o))
			}
			if there && f(text, s.s) {
				return true, nil
			}
		}
		return false, nil
	}
}

func find(f func(s, sub string) int, must bool) stringMethod {
	return func(of any, a arguments) (any, error) {
		if err := a.count(1, 3); err != nil {
			return nil, err
		}
		sub, err := a.text(0)
		if err != nil {
			return nil, err
		}
		text, start, there, err := part(of.(*str).s, a)
		if err != nil {
			return nil, err
		}
		at := f(text, sub)
		switch {
		case a.name == "count" && !there:
			at = 0
		case a.name == "count" && sub == "":
			at = len(text) + 1
		case a.name == "count":
		case at >= 0 && there:
			at += start
		default:
			at = -1
		}
		if at < 0 && must {
			return nil, valueError("substring not found")
		}
		return big.NewInt(int64(at)), nil
	}
}

func joinStrings(of any, a arguments) (any, error) {
	if err := a.count(1, 1); err != nil {
		return nil, err
	}
	items, err := iterate(a.list[0])
	if err != nil {
		return nil, typeError("can only join an iterable")
	}
	var texts []string
	total := 0
	for i, v := range items {
		s, ok := v.(*str)
		if !ok {
			return nil, typeError("sequence item %d: expected string, %s found", i, typeName(v))
		}
		texts = append(texts, s.s)
		if total += len(s.s) + len(of.(*str).s); total > maxBytes {
			return nil, tooLarge("more than %d bytes", maxBytes)
		}
	}
	return &str{s: strings.Join(texts, of.(*str).s)}, nil
}

func replace(of any, a arguments) (any, error) {
	if err := a.count(2, 3); err != nil {
		return nil, err
	}
	old, err := a.text(0)
	if err != nil {
		return nil, err
	}
	with, err := a.text(1)
	if err != nil {
		return nil, err
	}
	n, err := a.number(2, -1)
	if err != nil {
		return nil, err
	}
	s := of.(*str).s
	if (strings.Count(s, old)+1)*len(with)+len(s) > maxBytes {
		return nil, tooLarge("more than %d bytes", maxBytes)
	}
	if n < 0 {
		n = -1
	}
	if old == "" { // between bytes, not characters
		return &str{s: interleave(s, with, n)}, nil
	}
	return &str{s: strings.Replace(s, old, with, n)}, nil
}

func interleave(s, with string, n int) string {
	var b strings.Builder
	for i := 0; i <= len(s); i++ {
		if n < 0 || i < n {
			b.WriteString(with)
		}
		if i < len(s) {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
