package native

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// translator writes a condition over parameters natively: names, texts,
// numbers, comparisons, and, or, not.
type translator struct {
	im    *importer
	attrs map[string]string
	words []string
}

var errNotSayable = errors.New("only names, texts, whole numbers, comparisons, and, or and not can be said")

// words cuts an expression into names, numbers, texts and operators.
func words(expr string) []string {
	var all []string
	for i := 0; i < len(expr); {
		start := i
		switch c := expr[i]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isWord(c):
			for i < len(expr) && isWord(expr[i]) {
				i++
			}
		case c == '"' || c == '\'':
			end := strings.IndexByte(expr[i+1:], c)
			if end < 0 {
				end = len(expr) - i - 2
			}
			i += end + 2
		case strings.IndexByte("=!<>", c) >= 0 && i+1 < len(expr) && expr[i+1] == '=':
			i += 2
		default:
			i++
		}
		all = append(all, expr[start:i])
	}
	return all
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (t *translator) all() (string, error) {
	out, err := t.or()
	if err == nil && len(t.words) > 0 {
		err = errNotSayable
	}
	return out, err
}

func (t *translator) take(word string) bool {
	if len(t.words) == 0 || t.words[0] != word {
		return false
	}
	t.words = t.words[1:]
	return true
}

func (t *translator) or() (string, error)  { return t.chain("or", t.and) }
func (t *translator) and() (string, error) { return t.chain("and", t.not) }

// chain joins what "and" or "or" parts; what is decided already drops out.
func (t *translator) chain(word string, next func() (string, error)) (string, error) {
	nothing, decides := "true", "false"
	if word == "or" {
		nothing, decides = decides, nothing
	}
	var all []string
	decided := false
	for {
		part, err := next()
		if err != nil {
			return "", err
		}
		decided = decided || part == decides
		if part != nothing {
			all = append(all, part)
		}
		if !t.take(word) {
			break
		}
	}
	switch {
	case decided:
		return decides, nil
	case len(all) == 0:
		return nothing, nil
	case len(all) == 1:
		return all[0], nil
	}
	return "(" + strings.Join(all, " "+word+" ") + ")", nil
}

func (t *translator) not() (string, error) {
	if t.take("not") {
		inner, err := t.not()
		switch inner {
		case "true":
			return "false", err
		case "false":
			return "true", err
		}
		return "not (" + inner + ")", err
	}
	if t.take("(") {
		inner, err := t.or()
		if err == nil && !t.take(")") {
			err = errNotSayable
		}
		return inner, err
	}
	return t.comparison()
}

var comparisons = []string{"==", "!=", "<", "<=", ">", ">="}

func (t *translator) comparison() (string, error) {
	left, err := t.operand()
	if err != nil {
		return "", err
	}
	if len(t.words) == 0 || !slices.Contains(comparisons, t.words[0]) {
		return left.truth()
	}
	op := t.words[0]
	t.words = t.words[1:]
	right, err := t.operand()
	if err != nil {
		return "", err
	}
	if len(t.words) > 0 && slices.Contains(comparisons, t.words[0]) {
		return "", errNotSayable
	}
	return compare(left, op, right)
}

// operand is one side of a comparison: kind is "int", "bool" or "string", ""
// for what is not set.
type operand struct {
	kind, text string
	parameter  bool
}

func (t *translator) operand() (operand, error) {
	if len(t.words) == 0 {
		return operand{}, errNotSayable
	}
	word := t.words[0]
	t.words = t.words[1:]
	switch c := word[0]; {
	case c == '"' || c == '\'':
		if strings.Contains(word, `\`) || len(word) < 2 {
			return operand{}, errNotSayable
		}
		return operand{kind: "string", text: strconv.Quote(word[1 : len(word)-1])}, nil
	case c >= '0' && c <= '9':
		n, err := strconv.Atoi(word)
		if err != nil || word != strconv.Itoa(n) {
			return operand{}, errNotSayable
		}
		return operand{kind: "int", text: word}, nil
	case !isWord(c) || slices.Contains([]string{"and", "or", "not", "in", "is", "if", "else", "lambda", "for"}, word):
		return operand{}, errNotSayable
	}
	v, _ := t.im.value(word)
	if v.word != "" {
		return operand{kind: "string", text: v.word, parameter: true}, nil
	}
	if v.Parameter != nil {
		kind := v.Parameter.Type
		if kind != "int" && kind != "bool" {
			kind = "string"
		}
		return operand{kind: kind, text: t.im.name + "." + v.Parameter.Name, parameter: true}, nil
	}
	value, set := t.attrs[word]
	if !set {
		return operand{}, nil
	}
	return typed(value), nil
}

// typed reads a value as Rocks does.
func typed(value string) operand {
	switch strings.ToLower(value) {
	case "on", "true", "yes", "y":
		return operand{kind: "bool", text: "true"}
	case "off", "false", "no", "n":
		return operand{kind: "bool", text: "false"}
	}
	if n, err := strconv.Atoi(strings.TrimSpace(value)); err == nil {
		return operand{kind: "int", text: strconv.Itoa(n)}
	}
	if _, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
		return operand{kind: "float", text: value}
	}
	return operand{kind: "string", text: strconv.Quote(value)}
}

func (o operand) truth() (string, error) {
	switch o.kind {
	case "bool":
		return o.text, nil
	case "int":
		if !o.parameter {
			return strconv.FormatBool(o.text != "0"), nil
		}
		return o.text + " != 0", nil
	case "string":
		if o.parameter { // "no" and "0" are false to Rocks
			return "", fmt.Errorf("%s is a text: make it a bool", o.text)
		}
		return strconv.FormatBool(o.text != `""`), nil
	case "":
		return "false", nil
	}
	return "", errNotSayable
}

// compare compares what is of one kind: what Rocks makes of different kinds
// depends on Python's order of types.
func compare(left operand, op string, right operand) (string, error) {
	if left.kind != right.kind || left.kind == "" || left.kind == "float" {
		return "", fmt.Errorf("%s %s %s compares different types", left.text, op, right.text)
	}
	if left.kind != "int" && op != "==" && op != "!=" || left.kind == "string" && left.parameter && right.parameter {
		return "", errNotSayable // a text may read as another type to Rocks
	}
	// Rocks calls the appliance of the gateway so.
	if frontend := strconv.Quote("frontend"); left.text == "appliance" && right.text == frontend {
		right.text = strconv.Quote("gateway")
	}
	// A parameter's text that reads as a number or a truth value is none in Rocks.
	for _, side := range []operand{left, right} {
		if text, err := strconv.Unquote(side.text); err == nil && !side.parameter && typed(text).kind != "string" {
			return "", fmt.Errorf("%s is no text to Rocks", side.text)
		}
	}
	if left.parameter || right.parameter {
		return left.text + " " + op + " " + right.text, nil
	}
	order := strings.Compare(left.text, right.text)
	if left.kind == "int" {
		l, _ := strconv.Atoi(left.text)
		r, _ := strconv.Atoi(right.text)
		order = cmp.Compare(l, r)
	}
	holds := map[string]bool{"==": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}
	return strconv.FormatBool(holds[op]), nil
}
