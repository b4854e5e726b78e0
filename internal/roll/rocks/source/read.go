package source

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing/fstest"

	"quarry/internal/roll/rocks"
)

// inner is where the tree lies when there are nodes in the folder above it.
const inner = "tree"

// Read opens all paths as Open does and reads the tree that they make. What
// the sources were found to do is returned beside.
func Read(ctx context.Context, paths ...string) (*rocks.Tree, []rocks.Finding, error) {
	t, err := Open(ctx, paths...)
	if err != nil {
		return nil, nil, err
	}
	fsys, base := fs.FS(t), "."
	if len(paths) == 1 && t.distribution {
		// Rocks looks for nodes in the folder above as well.
		above, err := readAbove(ctx, paths[0])
		if err != nil {
			return nil, nil, err
		}
		if len(above) > 0 {
			for name, f := range t.files {
				above[inner+"/"+name] = f
			}
			fsys, base = above, inner
		}
	}
	tree, err := rocks.Read(fsys, base)
	if err != nil {
		return nil, nil, invalid(strings.Join(paths, ", "), "%v", err)
	}
	return tree, t.Findings, nil
}

// readAbove reads nodes and site-nodes of the folder above a distribution tree.
func readAbove(ctx context.Context, dir string) (fstest.MapFS, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(full))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	b := newBuilder()
	b.parts = nil
	for _, part := range []string{"nodes", "site-nodes"} {
		if info, err := root.Lstat(part); err == nil && info.IsDir() {
			b.parts = append(b.parts, part)
		}
	}
	if err := b.distribution(ctx, filepath.Dir(full), root); err != nil {
		return nil, err
	}
	return b.out.files, nil
}
