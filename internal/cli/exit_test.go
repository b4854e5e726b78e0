package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"quarry/internal/fault"
)

func TestExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("broken"), 1},
		{fault.New(fault.Unavailable, "later"), 1},
		{fault.New("", "the roll has mistakes"), 1},
		{context.Canceled, 1},
		{usage("what?"), 2},
		{fault.New(fault.Invalid, "x"), 3},
		{fault.New(fault.Conflict, "x"), 3},
		{fault.New(fault.Refused, "x"), 3},
		{fault.New(fault.Unauthorized, "x"), 3},
		{fault.New(fault.Forbidden, "x"), 3},
		{fault.New(fault.Precondition, "x"), 3},
		{fault.New(fault.NotFound, "x"), 4},
		{&timeoutError{"late"}, 5},
		{exitStatus(42), 42},
	} {
		if got := exitCode(c.err); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
		if c.err == nil {
			continue
		}
		if got := exitCode(fmt.Errorf("wrapped: %w", c.err)); got != c.want {
			t.Errorf("wrapped %v: %d, want %d", c.err, got, c.want)
		}
	}
}

func TestPrintError(t *testing.T) {
	refused := fault.New(fault.Refused, "it does not fit",
		fault.Detail{Field: "memory", Message: "free are 512M"}, fault.Detail{Message: "it fits at noon"})
	for _, c := range []struct {
		err  error
		want string
	}{
		{errors.New("broken"), "quarry: broken\n"},
		{refused, "quarry: it does not fit\n  - memory: free are 512M\n  - it fits at noon\n"},
		{exitStatus(3), ""},
		{fmt.Errorf("ask: %w", context.Canceled), "quarry: interrupted\n"},
	} {
		var out bytes.Buffer
		printError(&out, c.err)
		if out.String() != c.want {
			t.Errorf("%q, want %q", out.String(), c.want)
		}
	}
}
