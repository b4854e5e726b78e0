// Package source reads Rocks rolls from where they are: a distribution tree, a
// roll's source tree, a roll ISO or its unpacked content, a kickstart RPM. It
// makes of any number of them the one distribution tree that Rocks would make
// (graphs, nodes, site-nodes, include), in memory. Everything read is taken for
// hostile: it is bounded in number, size and depth, links lead nowhere outside,
// and a malformed input is an error. The package opens files; it runs nothing.
package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing/fstest"

	"quarry/internal/roll/rocks"

	"quarry/internal/fault"
)

// Tree is a Rocks distribution tree: graphs/NAME/*.xml, nodes/*.xml,
// site-nodes/*.xml and include/. It is an fs.FS and is never changed.
type Tree struct {
	// Rolls are the rolls that say what they are: those of ISOs and source trees.
	Rolls []Roll
	// Findings are what a person should know of how the tree came about.
	Findings []rocks.Finding

	files  fstest.MapFS
	origin map[string]string
	// distribution says that one of the sources was a distribution tree.
	distribution bool
}

// Open implements fs.FS.
func (t *Tree) Open(name string) (fs.File, error) { return t.files.Open(name) }

// ReadFile implements fs.ReadFileFS.
func (t *Tree) ReadFile(name string) ([]byte, error) { return t.files.ReadFile(name) }

// Origin says where a file of the tree was read from, as a person would find
// it: a path, or an ISO or RPM and the path inside.
func (t *Tree) Origin(name string) string { return t.origin[name] }

// Open reads every path and lays one over the other in the order given, as
// "rocks create distro" does: a later file replaces an earlier one of the same
// name. Each replacement is a finding. A path that cannot be read as rolls is a
// *fault.Error of kind Invalid.
func Open(ctx context.Context, paths ...string) (*Tree, error) {
	b := newBuilder()
	for _, p := range paths {
		if err := b.path(ctx, p); err != nil {
			return nil, err
		}
	}
	return b.tree()
}

func (b *builder) path(ctx context.Context, name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return invalid(name, "there is no such file or folder")
	}
	if err != nil {
		return fmt.Errorf("find the Rocks source: %w", err)
	}
	switch {
	case info.IsDir():
		return b.folder(ctx, name)
	case info.Mode().IsRegular():
		return b.file(ctx, name, info.Size())
	}
	return invalid(name, "is neither a folder nor a plain file")
}

// file tells an ISO from an RPM by what it holds.
func (b *builder) file(ctx context.Context, name string, size int64) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("open the Rocks source: %w", err)
	}
	defer f.Close()
	switch {
	case holds(f, 0, rpmMagic):
		if size > maxPackage {
			return invalid(name, "has %d bytes; a kickstart package has at most %d", size, maxPackage)
		}
		return b.rpm(ctx, filepath.Clean(name), f)
	case holds(f, isoMagicAt, isoMagic):
		return b.iso(ctx, filepath.Clean(name), f, size)
	}
	return invalid(name, "is neither an ISO image nor an RPM package: give a roll's ISO, its kickstart RPM, its source tree, or a distribution tree")
}

func invalid(where, format string, args ...any) error {
	return fault.New(fault.Invalid, "Rocks rolls cannot be read", fault.Detail{Field: where, Message: fmt.Sprintf(format, args...)})
}
