package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const referenceDir = "../../docs/reference/cli"

// The reference pages in docs are what the commands say of themselves.
func TestReferenceIsUpToDate(t *testing.T) {
	pages := ReferencePages()
	if os.Getenv("QUARRY_UPDATE") != "" {
		if err := os.RemoveAll(referenceDir); err != nil {
			t.Fatal(err)
		}
		for name, page := range pages {
			write(t, filepath.Join(referenceDir, name), string(page))
		}
	}
	for name, page := range pages {
		on, err := os.ReadFile(filepath.Join(referenceDir, name))
		if err != nil || !bytes.Equal(on, page) {
			t.Errorf("%s is out of date (%v): run QUARRY_UPDATE=1 go test ./internal/cli", name, err)
		}
	}
	entries, err := os.ReadDir(referenceDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if pages[e.Name()] == nil {
			t.Errorf("%s belongs to no command: remove it", e.Name())
		}
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
