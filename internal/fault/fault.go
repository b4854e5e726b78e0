// Package fault holds the few kinds of errors a person or another program is
// meant to read. The API maps a kind to an HTTP status, the CLI to an exit
// code; every other error is internal. Pure: no I/O, importable from anywhere.
package fault

import (
	"errors"
	"strings"
)

// Kind says what a caller can do about an error.
type Kind string

// The kinds. Anything that is not an *Error counts as internal.
const (
	Invalid      Kind = "invalid"      // the request itself is wrong: change it
	NotFound     Kind = "not_found"    // no such object, or not yours
	Conflict     Kind = "conflict"     // the object changed or exists already: read again
	Refused      Kind = "refused"      // understood, but it cannot be granted (capacity, state)
	Unauthorized Kind = "unauthorized" // no valid credential
	Forbidden    Kind = "forbidden"    // a valid credential of the wrong role
	Unavailable  Kind = "unavailable"  // try again later
	Precondition Kind = "precondition" // If-Match named another version
)

// Detail is one thing that was wrong.
type Detail struct {
	// Field is the path of the input that is wrong ("spec.nodes[1].count",
	// "rolls/condor/roll.yaml:12"), empty when the whole request is meant.
	Field string `json:"field,omitempty"`
	// Message says what was wrong, with which value, and what to do next.
	Message string `json:"message"`
}

func (d Detail) String() string {
	if d.Field == "" {
		return d.Message
	}
	return d.Field + ": " + d.Message
}

// Error is an error for people. It lists every problem found.
type Error struct {
	Kind    Kind
	Title   string // one line, no value-dependent text
	Details []Detail
	// Refusal is the same for programs, where there is more to say: a value
	// that encodes as JSON, json.RawMessage once it came over the wire.
	Refusal any
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Title)
	for i, d := range e.Details {
		if i == 0 && e.Title != "" {
			b.WriteString(": ")
		} else if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(d.String())
	}
	return b.String()
}

// New makes an error of one kind from a title and what was wrong.
func New(kind Kind, title string, details ...Detail) *Error {
	return &Error{Kind: kind, Title: title, Details: details}
}

// KindOf returns the kind of the first *Error in err's chain, "" if there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// List gathers details while an input is read through, so that a refusal
// names everything at once. The zero value is ready to use.
type List struct{ details []Detail }

// Add records one problem.
func (l *List) Add(field, message string) {
	l.details = append(l.details, Detail{Field: field, Message: message})
}

// AddAll records every problem that an error tells of; nil tells of none.
func (l *List) AddAll(err error) {
	if err == nil {
		return
	}
	if e, ok := errors.AsType[*Error](err); ok && len(e.Details) > 0 {
		l.details = append(l.details, e.Details...)
		return
	}
	l.Add("", err.Error())
}

// Details returns what was gathered.
func (l *List) Details() []Detail { return l.details }

// Err returns nil when nothing was gathered.
func (l *List) Err(kind Kind, title string) error {
	if len(l.details) == 0 {
		return nil
	}
	return New(kind, title, l.details...)
}
