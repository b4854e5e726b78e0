// Package cli is the command quarry: a person's shell over the public API,
// and the doors to the daemons and the lab.
//
// It guarantees the contract that scripts rely on: the commands and flags, the
// exit codes (0 done, 1 failed, 2 usage, 3 refused by the server, 4 not found,
// 5 timed out), data on standard output and everything else on standard error,
// colour on a terminal only. It may import everything; nothing imports it.
package cli

import (
	"context"
	"io"
	"os"
	"syscall"
	"time"

	"charm.land/fang/v2"
)

// Main runs one command line and returns its exit code. args are without the
// program's name; env has entries NAME=value.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	a := &app{in: stdin, out: stdout, err: stderr, env: env, now: time.Now}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := fang.Execute(ctx, root,
		fang.WithoutVersion(), // "quarry version" says it
		fang.WithNotifySignal(os.Interrupt, syscall.SIGTERM),
		fang.WithErrorHandler(func(w io.Writer, _ fang.Styles, err error) { printError(w, err) }),
	)
	return exitCode(err)
}
