package sax

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

var predefined = map[string]string{"lt": "<", "gt": ">", "amp": "&", "quot": `"`, "apos": "'"}

// resolve gives the text that a reference stands for.
func (p *parser) resolve(word string, offset int, within []string) (text string, ok bool, err error) {
	if word[0] == '#' {
		r, err := p.character(word, offset)
		return string(r), true, err
	}
	if text, ok = predefined[word]; ok {
		return text, true, nil
	}
	if value, ok := p.declared[word]; ok {
		return p.expand(word, value, offset, within)
	}
	if p.o.Entity == nil {
		return "", false, nil
	}
	if text, ok = p.o.Entity(word); ok {
		if p.expanded += len(text); p.expanded > MaxText {
			return "", false, p.wrong(offset, "out of memory")
		}
	}
	return text, ok, nil
}

func (p *parser) character(word string, offset int) (rune, error) {
	digits, base := word[1:], 10
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > utf8.MaxRune || n >= 0xD800 && n <= 0xDFFF || n == 0xFFFE || n == 0xFFFF || n < ' ' && !isSpace(byte(n)) {
		return 0, p.wrong(offset, "reference to invalid character number")
	}
	return rune(n), nil
}
