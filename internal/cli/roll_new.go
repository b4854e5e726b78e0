package cli

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/cluster"
	"quarry/internal/roll"
)

// scaffold is a roll that works, with a word on everything in it.
//
//go:embed all:scaffold
var scaffold embed.FS

func newRollNew(a *app) *cobra.Command {
	var on, dir string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Begin a roll of your own",
		Long: withExit(`Write a folder NAME with a small roll that works: parameters, an attribute,
templates, scripts of each kind and a check, with a word on everything. Change
it into what you need. A folder that is there already is left alone.`),
		Example: "quarry roll new hello\nquarry roll new proxy --on gateway",
		Args:    args("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.newRoll(args[0], on, dir)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&on, "on", cluster.Compute, "appliance that the roll is hung onto: compute or gateway")
	cmd.Flags().StringVar(&dir, "dir", ".", "folder in which to write the roll's")
	return cmd
}

func (a *app) newRoll(name, on, dir string) error {
	hooks := map[string]string{cluster.Compute: "base/compute", cluster.Gateway: "gateway/gateway"}
	switch {
	case !roll.ValidName(name):
		return usage("%q cannot be the name of a roll: 1 to 63 of a-z, 0-9 and _, a letter first", name)
	case hooks[on] == "":
		return usage("--on %q: a roll is hung onto compute or gateway; more in its edges", on)
	}
	target := filepath.Join(dir, name)
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: choose another name, or remove it", target)
	}
	words := strings.NewReplacer("ROLLNAME", name, "UPPERNAME", strings.ToUpper(name), "HANGON", hooks[on])
	var written []string
	err := fs.WalkDir(scaffold, "scaffold", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file := filepath.Join(target, words.Replace(strings.TrimPrefix(path, "scaffold/")))
		written = append(written, file)
		raw, err := scaffold.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(string(raw), "#!") {
			mode = 0o755
		}
		return os.WriteFile(file, []byte(words.Replace(string(raw))), mode)
	})
	if err != nil {
		return fmt.Errorf("write the roll: %w", err)
	}
	slices.Sort(written)
	return a.print(written, func(w io.Writer) {
		for _, file := range written {
			fmt.Fprintln(w, file)
		}
		fmt.Fprintf(w, "\nNext: quarry roll check %[1]s; sudo quarry roll try %[1]s\n", target)
	})
}
