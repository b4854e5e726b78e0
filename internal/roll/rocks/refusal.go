package rocks

import (
	"errors"
	"fmt"

	"quarry/internal/roll/rocks/python"
	"quarry/internal/roll/rocks/sax"
)

// Refusal is an input that Rocks' own code refuses, in its words.
type Refusal struct {
	Rule    string
	Class   string // the exception: "KeyError"; "" where Rocks just prints
	Text    string
	Printed string // what Rocks prints before, "" for nothing
	File    string
	Line    int
	Fix     string
}

func (r *Refusal) Error() string {
	text := r.Text
	if r.Class != "" {
		text = r.Class + ": " + text
	}
	if r.Printed != "" {
		text = r.Printed + ": " + text
	}
	return text
}

func (r *Refusal) finding() Finding {
	return Finding{Rule: r.Rule, Severity: Failure, File: r.File, Line: r.Line, Message: r.Error(), Fix: r.Fix}
}

// place fills in where a refusal happened, unless it is known better.
func place(err error, file string, line int) error {
	if r, ok := errors.AsType[*Refusal](err); ok && r.File == "" {
		r.File, r.Line = file, line
	}
	return err
}

const saxClass = "xml.sax._exceptions.SAXParseException"

func badXML(err error, file string, line int) error {
	e, ok := errors.AsType[*sax.Error](err)
	if !ok {
		return place(err, file, line)
	}
	return &Refusal{
		Rule: ruleXML, Class: saxClass, Text: fmt.Sprintf("<unknown>:%d:%d: %s", e.Line, e.Column, e.Message),
		File: file, Line: line, Fix: "mend the XML",
	}
}

func badCondition(err error, condition string) error {
	e, ok := errors.AsType[*python.Error](err)
	if !ok {
		return err
	}
	r := &Refusal{Rule: ruleCondition, Class: e.Class, Text: e.Message + fmt.Sprintf(" (in the condition %q)", condition)}
	switch e.Class {
	case python.Unsupported:
		r.Rule, r.Fix = ruleUnsupported, "write it with attributes, operators and methods of strings"
	case "SyntaxError", "IndentationError":
		r.Fix = "correct the expression"
	default:
		r.Fix = "test the attribute first, as in \"name and name.startswith('x')\": an attribute that is not there is None"
	}
	return r
}
