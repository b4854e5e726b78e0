package cli

import (
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
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
func (a *app) check(cmd *cobra.Command) error {
	known := outputs(cmd)
	if !slices.Contains(known, a.output) {
		last := len(known) - 1
		return usage("--output %q is not known: write %s or %s", a.output, strings.Join(known[:last], ", "), known[last])
	}
	return nil
}

// moreOutputs is the annotation of commands with outputs of their own.
const moreOutputs = "outputs"

// alsoOutputs lets a command write more than table, json and yaml.
func alsoOutputs(cmd *cobra.Command, names ...string) {
	cmd.Annotations = map[string]string{moreOutputs: strings.Join(names, " ")}
}

// outputs are what a command can write.
func outputs(cmd *cobra.Command) []string {
	return append([]string{"table", "json", "yaml"}, strings.Fields(cmd.Annotations[moreOutputs])...)
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
