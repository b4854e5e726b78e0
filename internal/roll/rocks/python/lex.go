package python

import (
	"math/big"
	"strings"
)

type kind int

const (
	tEnd kind = iota
	tName
	tInt
	tFloat
	tString
	tOp
)

type token struct {
	kind  kind
	text  string // of a name or operator; the value of a string
	int   *big.Int
	float float64
	at    int
}

// keywords cannot be names of attributes.
var keywords = strings.Fields(`and as assert break class continue def del elif else except exec finally for from
	global if import in is lambda not or pass print raise return try while with yield`)

// operators, longest first.
var operators = []string{
	"**=", "//=", ">>=", "<<=", "...", "**", "//", "<<", ">>", "<=", ">=", "==", "!=", "<>", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=",
	"+", "-", "*", "/", "%", "&", "|", "^", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "@", "=", "`",
}

type lexer struct {
	src    string
	at     int
	depth  int // open brackets: line ends count for nothing inside
	ended  bool
	tokens []token
}

// lex takes an expression apart. What follows the first line must be blank.
func lex(src string) ([]token, error) {
	l := &lexer{src: strings.TrimLeft(src, " \t")}
	for {
		if err := l.space(); err != nil {
			return nil, err
		}
		if l.at >= len(l.src) {
			l.tokens = append(l.tokens, token{kind: tEnd, at: l.at})
			return l.tokens, nil
		}
		if l.ended {
			return nil, syntax("invalid syntax")
		}
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		l.tokens = append(l.tokens, t)
		if len(l.tokens) > maxTokens {
			return nil, tooLarge("the condition has more than %d words", maxTokens)
		}
	}
}

// space skips blanks, comments and line ends.
func (l *lexer) space() error {
	for l.at < len(l.src) {
		switch c := l.src[l.at]; {
		case c == ' ' || c == '\t' || c == '\f':
			l.at++
		case c == '#':
			end := strings.IndexByte(l.src[l.at:], '\n')
			if end < 0 {
				end = len(l.src) - l.at
			}
			l.at += end
		case c == '\n' || c == '\r':
			l.at++
			if l.depth == 0 && len(l.tokens) > 0 {
				l.ended = true
			}
			if l.depth == 0 && len(l.tokens) == 0 && l.at < len(l.src) && (l.src[l.at] == ' ' || l.src[l.at] == '\t') {
				if strings.Trim(l.src[l.at:], " \t\r\n") != "" {
					return &Error{Class: "IndentationError", Message: "unexpected indent"}
				}
			}
		case c == '\\' && strings.HasPrefix(l.src[l.at+1:], "\n"):
			l.at += 2
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) next() (token, error) {
	start := l.at
	c := l.src[start]
	switch {
	case isLetter(c):
		for l.at < len(l.src) && (isLetter(l.src[l.at]) || isDigit(l.src[l.at])) {
			l.at++
		}
		word := l.src[start:l.at]
		if l.at < len(l.src) && (l.src[l.at] == '\'' || l.src[l.at] == '"') && isPrefix(word) {
			return l.str(start, strings.ToLower(word))
		}
		return token{kind: tName, text: word, at: start}, nil
	case isDigit(c) || c == '.' && start+1 < len(l.src) && isDigit(l.src[start+1]):
		return l.number()
	case c == '\'' || c == '"':
		return l.str(start, "")
	}
	for _, op := range operators {
		if strings.HasPrefix(l.src[start:], op) {
			l.at += len(op)
			switch op {
			case "(", "[", "{":
				l.depth++
			case ")", "]", "}":
				l.depth = max(0, l.depth-1)
			}
			return token{kind: tOp, text: op, at: start}, nil
		}
	}
	return token{}, syntax("invalid syntax")
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func isPrefix(word string) bool {
	switch strings.ToLower(word) {
	case "r", "u", "b", "br", "ur":
		return true
	}
	return false
}

// str reads one string; the quote is at l.at.
func (l *lexer) str(start int, prefix string) (token, error) {
	raw := strings.Contains(prefix, "r")
	quote := l.src[l.at : l.at+1]
	if strings.HasPrefix(l.src[l.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	l.at += len(quote)
	body := l.at
	for ; ; l.at++ {
		if l.at >= len(l.src) || l.src[l.at] == '\n' && len(quote) == 1 {
			return token{}, syntax("EOL while scanning string literal")
		}
		if l.src[l.at] == '\\' {
			l.at++
			continue
		}
		if strings.HasPrefix(l.src[l.at:], quote) {
			break
		}
	}
	text := l.src[body:l.at]
	l.at += len(quote)
	if strings.Contains(prefix, "u") && strings.IndexFunc(text, func(r rune) bool { return r > 127 }) >= 0 {
		return token{}, unsupported("a unicode string with other than ASCII characters")
	}
	if !raw {
		var err error
		if text, err = unescape(text); err != nil {
			return token{}, err
		}
	}
	return token{kind: tString, text: text, at: start}, nil
}
