package cli

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/charmbracelet/x/term"
)

// app is what every command needs of its surroundings.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      []string
	now      func() time.Time

	// The flags that every command has.
	server, token, context, output string
}

// check refuses what is wrong with the common flags.
func (a *app) check() error {
	if !slices.Contains([]string{"table", "json", "yaml"}, a.output) {
		return usage("--output %q is not known: write table, json or yaml", a.output)
	}
	return nil
}

func (a *app) getenv(name string) string { return lookup(a.env, name) }

// logger writes a daemon's log lines to standard error.
func (a *app) logger(verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// onTerminal says whether w is a terminal that a person looks at.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}
