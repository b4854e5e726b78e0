package cli

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const referenceDir = "../../docs/reference"

// docs/reference is what the commands and the API say of themselves.
func TestReferenceIsUpToDate(t *testing.T) {
	files, err := reference(newRoot(&app{}))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("QUARRY_UPDATE") != "" {
		if err := os.RemoveAll(referenceDir); err != nil {
			t.Fatal(err)
		}
		for name, file := range files {
			write(t, filepath.Join(referenceDir, name), string(file))
		}
	}
	for name, file := range files {
		on, err := os.ReadFile(filepath.Join(referenceDir, name))
		if err != nil || !bytes.Equal(on, file) {
			t.Errorf("%s is out of date (%v): run QUARRY_UPDATE=1 go test ./internal/cli", name, err)
		}
	}
	err = filepath.WalkDir(referenceDir, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(referenceDir, path)
		if err == nil && !e.IsDir() && files[name] == nil {
			t.Errorf("%s belongs to no command: remove it", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every command tells what it does, with an example and its exit codes.
func TestEveryCommandIsExplained(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if !documented(cmd) && cmd.HasParent() {
			return
		}
		for _, child := range cmd.Commands() {
			walk(child)
		}
		if cmd.Short == "" {
			t.Errorf("%s says nothing", cmd.CommandPath())
		}
		if cmd.HasSubCommands() {
			return
		}
		if !strings.Contains(cmd.Long, "Exit status") || !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s lacks an example or its exit status", cmd.CommandPath())
		}
	}
	walk(newRoot(&app{}))
}
