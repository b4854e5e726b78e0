package cli

import (
	"errors"
	"fmt"
	"io"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spf13/cobra"

	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/render/sbom"
)

// lockDiff is what roll diff prints.
type lockDiff struct {
	Same    bool            `json:"same"`
	Changes []render.Change `json:"changes"`
}

func newRollDiff(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "diff LOCK LOCK",
		Short: "Compare two locks",
		Long: `Compare two locks: the packages, files, scripts and units that were added,
removed and changed from the first to the second, for each appliance. A package
that comes from the security archive of its suite is marked. "-" is standard
input.

Exit status

  0  both make the same machines
  1  they differ
  2  the command line is wrong, or a lock cannot be read`,
		Example: "quarry roll diff old.lock new.lock\nquarry cluster lock farm | quarry roll diff - new.lock -o json",
		Args:    args("LOCK", "LOCK"),
		RunE: func(_ *cobra.Command, args []string) error {
			var locks [2]render.LockFile
			for i := range locks {
				var err error
				if locks[i], err = a.readLock(args[i]); err != nil {
					return asUsage(err)
				}
				for _, d := range locks[i].Changed() {
					fmt.Fprintf(a.err, "quarry: %s: %s\n", args[i], d)
				}
			}
			diff := lockDiff{Changes: render.DiffLocks(locks[0], locks[1])}
			diff.Same = len(diff.Changes) == 0
			if diff.Same {
				diff.Changes = []render.Change{}
			}
			if err := a.print(diff, func(w io.Writer) { sayDiff(w, diff.Changes) }); err != nil {
				return err
			}
			if !diff.Same {
				return exitStatus(exitFailed)
			}
			return nil
		},
	}
}

// asUsage tells a lock that cannot be read apart from one that differs.
func asUsage(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return &usageError{title: e.Title, details: e.Details}
	}
	return usage("%v", err)
}

func sayDiff(w io.Writer, changes []render.Change) {
	if len(changes) == 0 {
		fmt.Fprintln(w, "both make the same machines")
		return
	}
	var rows [][]string
	for _, c := range changes {
		from := c.Suite
		if c.Security {
			from += " (security)"
		}
		rows = append(rows, []string{dash(c.Appliance), c.Kind, c.Name, c.Change, dash(c.From), dash(c.To), from})
	}
	printTable(w, []string{"APPLIANCE", "WHAT", "NAME", "CHANGE", "FROM", "TO", "SUITE"}, rows)
}

func newRollSBOM(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "sbom LOCK",
		Short: "Write what a lock holds as a bill of materials (SPDX)",
		Long: withExit(`Write a software bill of materials in the format SPDX 2.3 (JSON): an image for
each appliance of the lock, the packages in it with their purl and SHA-256, the
files that rolls put into it, and the scripts that made it. "-" is standard
input. One lock always gives the same document.`),
		Example: "quarry roll sbom condor.lock >condor.spdx.json",
		Args:    args("LOCK"),
		RunE: func(_ *cobra.Command, args []string) error {
			lock, err := a.readLock(args[0])
			if err != nil {
				return err
			}
			if wrong := lock.Changed(); wrong != nil {
				return fault.New("", args[0]+" was changed after it was made", wrong...)
			}
			return spdxjson.Write(sbom.FromLock(lock, Version), a.out, spdxjson.Indent("  "), spdxjson.EscapeHTML(false))
		},
	}
}
