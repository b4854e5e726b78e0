// Package python decides the conditions of Rocks rolls: expressions of
// Python 2, evaluated as Rocks evaluates them, without Python and without
// running code.
//
// A name is an attribute, and an unknown one is None, True and len included.
// Values of attributes are typed when they are looked up: on, true, yes, y are
// true; off, false, no, n are false; then what reads as an integer or a float
// is one; the rest are strings. Operators, comparison across types, truth and
// the methods of strings, lists, tuples and dicts are those of Python 2.7.
// What would need a function of its own (lambda, generator expressions) or
// reaches for the interpreter is refused.
//
// It guarantees: no input panics; time and memory are bounded whatever the
// expression is. Pure: no I/O.
package python

import "fmt"

// Bounds of one expression. Rocks has none; a roll that needs more is no roll.
const (
	maxSource = 64 << 10 // bytes
	maxTokens = 20000
	maxDepth  = 90 // Python's own parser gives up at about this many brackets
	maxDigits = 20000
	maxBits   = 1 << 16
	maxBytes  = 1 << 20
	maxSteps  = 200000
)

// Error is what Python would have raised.
type Error struct {
	Class   string // "TypeError"
	Message string
}

func (e *Error) Error() string { return e.Class + ": " + e.Message }

// Unsupported tells of something that is valid Python and not evaluated here.
const Unsupported = "Unsupported"

func syntax(message string) error {
	return &Error{Class: "SyntaxError", Message: message + " (<string>, line 1)"}
}

func unsupported(what string) error {
	return &Error{Class: Unsupported, Message: what + " is not evaluated: write the condition with operators and the methods of strings"}
}

func tooLarge(format string, args ...any) error {
	return &Error{Class: "MemoryError", Message: fmt.Sprintf(format, args...)}
}

func typeError(format string, args ...any) error {
	return &Error{Class: "TypeError", Message: fmt.Sprintf(format, args...)}
}

func valueError(format string, args ...any) error {
	return &Error{Class: "ValueError", Message: fmt.Sprintf(format, args...)}
}

// Expr is a condition that was read. It may be evaluated at the same time by several.
type Expr struct {
	source string
	root   node
	names  []string
}

// Names returns the names that the expression may look up, each once.
func (e *Expr) Names() []string { return e.names }

// Parse reads an expression.
func Parse(source string) (*Expr, error) {
	if len(source) > maxSource {
		return nil, tooLarge("the condition is longer than %d bytes", maxSource)
	}
	for i := 0; i < len(source); i++ {
		if source[i] == 0 {
			return nil, typeError("compile() expected string without null bytes")
		}
	}
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens, strings: map[string]*str{}, seen: map[string]bool{}}
	root, err := p.all()
	if err != nil {
		return nil, err
	}
	return &Expr{source: source, root: root, names: p.names}, nil
}

// Mixed is a comparison whose outcome depends on types alone: of a number with
// a string, or of an attribute that is not there with something else.
type Mixed struct {
	Op          string
	Left, Right string // as Python would show them
	// Attribute is the attribute that was compared, where one was.
	Attribute string
	Missing   bool // it is not there
}

// Result is what an expression came to.
type Result struct {
	Value any
	True  bool
	Mixed []Mixed
}

// Eval evaluates an expression over the attributes.
func (e *Expr) Eval(attrs map[string]string) (Result, error) {
	m := &machine{attrs: attrs, cells: map[string]*str{}}
	v, err := m.eval(e.root)
	if err != nil {
		return Result{}, err
	}
	yes, err := truth(v)
	return Result{Value: v, True: yes, Mixed: m.mixed}, err
}

// Text unescapes what stands between the single quotes of a Python string, and
// refuses what would end the string early.
func Text(inside string) (string, error) {
	e, err := Parse("'" + inside + "'")
	if err != nil {
		return "", err
	}
	if c, ok := e.root.(*constant); ok {
		if s, ok := c.value.(*str); ok {
			return s.s, nil
		}
	}
	return "", syntax("invalid syntax")
}
