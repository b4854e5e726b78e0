package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quarry/internal/roll/rocks"
	"quarry/internal/roll/rocks/native"
	"quarry/internal/roll/rocks/source"
)

type rollImportOptions struct {
	rocks      []string
	appliances []string
	mapping    string
	out        string
}

// rollImport is what an import says it did.
type rollImport struct {
	Roll     string          `json:"roll"`
	Folder   string          `json:"folder"`
	Files    []string        `json:"files"`
	Findings []rocks.Finding `json:"findings"`
}

func newRollImport(a *app) *cobra.Command {
	var o rollImportOptions
	cmd := &cobra.Command{
		Use:   "import NAME --rocks SOURCE --out DIR",
		Short: "Write a Rocks roll in Quarry's own form",
		Long: withExit(`Write the Rocks roll NAME as a roll of Quarry into DIR/NAME, without a manager.

SOURCE is a Rocks distribution tree, a roll's source tree, a roll ISO, a folder
with the content of one, or a kickstart RPM. Given more than once, later ones lie
over earlier ones, as "rocks create distro" lays them.

What the roll does that has no native meaning is left out and listed with its
file and line. A mapping (docs/rocks.md) says what Debian calls the packages and
services, where the roll hangs in Quarry's graph, and what attributes become.
Nothing of the roll is run.`),
		Example: `  quarry roll import hpc --rocks hpc-7.0-0.x86_64.disk1.iso --map hpc.map.yaml --out rolls
  quarry roll import hpc --rocks /export/rocks/install/rocks-dist/x86_64/build --out rolls`,
		Args: args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.importRoll(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.rocks, "rocks", nil, "where the roll is; may be given more than once")
	f.StringArrayVar(&o.appliances, "appliance", nil, "a node of the roll that becomes a kind of vnode; may be given more than once")
	f.StringVar(&o.mapping, "map", "", "file that says what things of the roll are called here")
	f.StringVar(&o.out, "out", "", "folder to write the roll's folder into")
	return cmd
}

func (a *app) importRoll(ctx context.Context, name string, o rollImportOptions) error {
	if len(o.rocks) == 0 || o.out == "" {
		return usage("say where the roll is with --rocks, and where to write it with --out")
	}
	if err := rocksSources(o.rocks); err != nil {
		return err
	}
	mapping, err := readMapping(o.mapping)
	if err != nil {
		return notByServer(err)
	}
	tree, err := source.Open(ctx, o.rocks...)
	if err != nil {
		return notByServer(err)
	}
	wanted := native.Roll{Name: name, Appliances: o.appliances}
	for _, r := range tree.Rolls {
		if r.Name == name {
			wanted.Version = r.Version
			wanted.Packages = append(wanted.Packages, r.Packages...)
		}
	}
	result, err := native.Import(tree, wanted, mapping)
	if err != nil {
		return notByServer(err)
	}
	folder := filepath.Join(o.out, result.Name)
	if err := writeRoll(folder, result.Files); err != nil {
		return err
	}
	done := rollImport{Roll: result.Name, Folder: folder, Files: slices.Sorted(maps.Keys(result.Files)), Findings: append(append([]rocks.Finding{}, tree.Findings...), result.Findings...)}
	return a.print(done, func(w io.Writer) { showImport(w, done) })
}

func readMapping(file string) (native.Mapping, error) {
	if file == "" {
		return native.Mapping{}, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return native.Mapping{}, usage("the mapping cannot be read: %v", err)
	}
	return native.ParseMapping(file, data)
}

// writeRoll writes a roll's folder at once: it is there whole or not at all.
func writeRoll(folder string, files map[string]string) error {
	if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return usage("%s is there already: remove it, or give another folder with --out", folder)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usage("%v", err)
	}
	parent := filepath.Dir(folder)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("write the roll: %w", err)
	}
	temporary, err := os.MkdirTemp(parent, ".import-")
	if err != nil {
		return fmt.Errorf("write the roll: %w", err)
	}
	defer os.RemoveAll(temporary)
	for name, content := range files {
		full := filepath.Join(temporary, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return fmt.Errorf("write the roll: %w", err)
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(name, "scripts/") {
			mode = 0o755
		}
		if err := os.WriteFile(full, []byte(content), mode); err != nil {
			return fmt.Errorf("write the roll: %w", err)
		}
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("write the roll: %w", err)
	}
	if err := os.Rename(temporary, folder); err != nil {
		return fmt.Errorf("write the roll: %w", err)
	}
	return nil
}

func showImport(w io.Writer, done rollImport) {
	warnings := 0
	for _, f := range done.Findings {
		where := f.File
		if f.Line > 0 {
			where = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(w, "%s%s: %s [%s]\n", where, f.Severity, f.Message, f.Rule)
		if f.Fix != "" && f.Severity == rocks.Warning {
			fmt.Fprintf(w, "    %s\n", f.Fix)
		}
		if f.Severity == rocks.Warning {
			warnings++
		}
	}
	fmt.Fprintf(w, "%s: %d files written, %d warnings, %d other findings\n", done.Folder, len(done.Files), warnings, len(done.Findings)-warnings)
}
