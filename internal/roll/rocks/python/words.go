package python

import (
	"strings"
)

func items(texts []string) *list {
	out := &list{items: make([]any, len(texts))}
	for i, t := range texts {
		out.items[i] = &str{s: t}
	}
	return out
}

func split(right bool) stringMethod {
	return func(of any, a arguments) (any, error) {
		if err := a.count(0, 2); err != nil {
			return nil, err
		}
		most, err := a.number(1, -1)
		if err != nil {
			return nil, err
		}
		s := of.(*str).s
		if len(a.list) == 0 || a.list[0] == nil {
			return items(words(s, most, right)), nil
		}
		sep, err := a.text(0)
		if err != nil {
			return nil, err
		}
		if sep == "" {
			return nil, valueError("empty separator")
		}
		var out []string
		for most < 0 || len(out) < most {
			at := strings.Index(s, sep)
			if right {
				at = strings.LastIndex(s, sep)
			}
			if at < 0 {
				break
			}
			if right {
				out, s = append(out, s[at+len(sep):]), s[:at]
			} else {
				out, s = append(out, s[:at]), s[at+len(sep):]
			}
		}
		out = append(out, s)
		if right {
			reverse(out)
		}
		return items(out), nil
	}
}

func reverse(texts []string) {
	for i, j := 0, len(texts)-1; i < j; i, j = i+1, j-1 {
		texts[i], texts[j] = texts[j], texts[i]
	}
}

// words splits at runs of blanks.
func words(s string, most int, right bool) []string {
	var out []string
	for {
		if right {
			s = strings.TrimRight(s, blanks)
		} else {
			s = strings.TrimLeft(s, blanks)
		}
		if s == "" {
			break
		}
		if most >= 0 && len(out) == most {
			out = append(out, s)
			break
		}
		if right {
			at := strings.LastIndexAny(s, blanks) + 1
			out, s = append(out, s[at:]), s[:at]
			continue
		}
		at := strings.IndexAny(s, blanks)
		if at < 0 {
			at = len(s)
		}
		out, s = append(out, s[:at]), s[at:]
	}
	if right {
		reverse(out)
	}
	return out
}

func splitLines(of any, a arguments) (any, error) {
	if err := a.count(0, 1); err != nil {
		return nil, err
	}
	keep, err := a.number(0, 0)
	if err != nil {
		return nil, err
	}
	var out []string
	for s := of.(*str).s; s != ""; {
		end := strings.IndexAny(s, "\r\n")
		next := end + 1
		switch {
		case end < 0:
			end, next = len(s), len(s)
		case strings.HasPrefix(s[end:], "\r\n"):
			next++
		}
		if keep != 0 {
			end = next
		}
		out, s = append(out, s[:end]), s[next:]
	}
	return items(out), nil
}

func partition(right bool) stringMethod {
	return func(of any, a arguments) (any, error) {
		if err := a.count(1, 1); err != nil {
			return nil, err
		}
		sep, err := a.text(0)
		if err != nil {
			return nil, err
		}
		if sep == "" {
			return nil, valueError("empty separator")
		}
		s := of.(*str).s
		at := strings.Index(s, sep)
		parts := []string{s, "", ""}
		if right {
			at, parts = strings.LastIndex(s, sep), []string{"", "", s}
		}
		if at >= 0 {
			parts = []string{s[:at], sep, s[at+len(sep):]}
		}
		return &tuple{items: items(parts).items}, nil
	}
}

// pad is ljust (0), rjust (1) and center (2).
func pad(how int) stringMethod {
	return func(of any, a arguments) (any, error) {
		if err := a.count(1, 2); err != nil {
			return nil, err
		}
		width, err := a.number(0, 0)
		if err != nil {
			return nil, err
		}
		fill := " "
		if len(a.list) > 1 {
			if fill, err = a.text(1); err != nil || len(fill) != 1 {
				return nil, typeError("%s() argument 2 must be char, not %s", a.name, typeName(a.list[1]))
			}
		}
		s := of.(*str)
		missing := width - len(s.s)
		if missing <= 0 {
			return s, nil
		}
		if width > maxBytes {
			return nil, tooLarge("more than %d bytes", maxBytes)
		}
		left := 0
		switch how {
		case 1:
			left = missing
		case 2:
			left = missing/2 + missing&width&1
		}
		return &str{s: strings.Repeat(fill, left) + s.s + strings.Repeat(fill, missing-left)}, nil
	}
}

func zfill(of any, a arguments) (any, error) {
	if err := a.count(1, 1); err != nil {
		return nil, err
	}
	width, err := a.number(0, 0)
	if err != nil {
		return nil, err
	}
	if width > maxBytes {
		return nil, tooLarge("more than %d bytes", maxBytes)
	}
	s := of.(*str)
	if width <= len(s.s) {
		return s, nil
	}
	sign, rest := "", s.s
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		sign, rest = rest[:1], rest[1:]
	}
	return &str{s: sign + strings.Repeat("0", width-len(s.s)) + rest}, nil
}

func expandTabs(of any, a arguments) (any, error) {
	if err := a.count(0, 1); err != nil {
		return nil, err
	}
	width, err := a.number(0, 8)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	column := 0
	for _, c := range []byte(of.(*str).s) {
		if b.Len() > maxBytes {
			return nil, tooLarge("more than %d bytes", maxBytes)
		}
		switch {
		case c == '\t' && width > 0:
			n := width - column%width
			if b.Len()+n > maxBytes {
				return nil, tooLarge("more than %d bytes", maxBytes)
			}
			b.WriteString(strings.Repeat(" ", n))
			column += n
		case c == '\t':
		case c == '\n' || c == '\r':
			b.WriteByte(c)
			column = 0
		default:
			b.WriteByte(c)
			column++
		}
	}
	return &str{s: b.String()}, nil
}
