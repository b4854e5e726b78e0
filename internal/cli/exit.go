package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"quarry/internal/fault"
)

// Exit codes: part of the contract, others script against them.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRefused  = 3
	exitNotFound = 4
	exitTimeout  = 5
)

// usageError says what was wrong with the command line or with a file named there.
type usageError struct {
	title   string
	details []fault.Detail
}

func (e *usageError) Error() string { return fault.New("", e.title, e.details...).Error() }

func usage(format string, args ...any) error {
	return &usageError{title: fmt.Sprintf(format, args...)}
}

// timeoutError says what did not happen in time.
type timeoutError struct{ what string }

func (e *timeoutError) Error() string { return e.what }

// exitStatus passes on the exit status of a program that was run for the
// user; the program has said itself what was wrong.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// exitCode is the one mapping from errors to exit codes.
func exitCode(err error) int {
	if err == nil {
		return exitDone
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*timeoutError](err); ok {
		return exitTimeout
	}
	switch fault.KindOf(err) {
	case fault.NotFound:
		return exitNotFound
	case fault.Invalid, fault.Conflict, fault.Refused, fault.Unauthorized, fault.Forbidden, fault.Precondition:
		return exitRefused
	}
	return exitFailed
}

// printError writes err for a person: one line, or one line and a list when
// there is more than one reason.
func printError(w io.Writer, err error) {
	if _, ok := errors.AsType[exitStatus](err); ok {
		return
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "quarry: interrupted")
		return
	}
	title, details := "", []fault.Detail(nil)
	if e, ok := errors.AsType[*usageError](err); ok {
		title, details = e.title, e.details
	} else if e, ok := errors.AsType[*fault.Error](err); ok {
		title, details = e.Title, e.Details
	}
	if len(details) == 0 {
		fmt.Fprintln(w, "quarry: "+err.Error())
		return
	}
	fmt.Fprintln(w, "quarry: "+title)
	for _, d := range details {
		fmt.Fprintln(w, "  - "+d.String())
	}
}
