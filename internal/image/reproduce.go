package image

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"quarry/internal/render"
)

// Reproduce builds the image of a lock once more, from nothing but the
// packages, and compares it with the one in the store, which it makes if it is
// not there. It returns what differs, a line for each path with both sides
// below; nothing if the images are the same to the bit.
func (b *Builder) Reproduce(ctx context.Context, lock render.Lock) ([]string, error) {
	first, err := b.Build(ctx, lock, nil)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.cfg.Dir, stagePrefix)
	if err != nil {
		return nil, fmt.Errorf("build again: %w", err)
	}
	defer os.RemoveAll(dir)
	other, err := b.beside(dir)
	if err != nil {
		return nil, fmt.Errorf("build again: %w", err)
	}
	second, err := other.Build(ctx, lock, nil)
	if err != nil {
		return nil, fmt.Errorf("build again: %w", err)
	}
	if first.Digest() == second.Digest() {
		return nil, nil
	}
	return differences(ctx, b.cfg.Store, other.cfg.Store, first, second, dir)
}

// beside is a builder that shares nothing with b but the packages, which are
// named by their digests.
func (b *Builder) beside(dir string) (*Builder, error) {
	cfg := b.cfg
	cfg.Dir, cfg.CacheDir = filepath.Join(dir, "work"), filepath.Join(dir, "cache")
	if err := os.MkdirAll(cfg.CacheDir, 0o700); err != nil {
		return nil, err
	}
	if err := os.Symlink(b.poolDir(), filepath.Join(cfg.CacheDir, "pool")); err != nil {
		return nil, err
	}
	var err error
	if cfg.Store, err = OpenStore(filepath.Join(dir, "images"), 0); err != nil {
		return nil, err
	}
	return NewBuilder(cfg)
}

// differences tells what is not the same in two images of one address.
func differences(ctx context.Context, a, b *Store, first, second Manifest, dir string) ([]string, error) {
	var lines []string
	for _, f := range first.Files {
		if g, _ := second.File(f.Name); f.Name != DiskFile && f.SHA256 != g.SHA256 {
			lines = append(lines, fmt.Sprintf("%s\n  - sha256 %s\n  + sha256 %s", f.Name, f.SHA256, g.SHA256))
		}
	}
	var trees [2]map[string]string
	for i, store := range []*Store{a, b} {
		disk, err := store.Path(first.Address, DiskFile)
		if err == nil {
			trees[i], err = readDisk(ctx, disk, filepath.Join(dir, fmt.Sprintf("tree%d", i)))
		}
		if err != nil {
			return nil, fmt.Errorf("compare images: %w", err)
		}
	}
	lines = append(lines, compareTrees(trees[0], trees[1])...)
	if len(lines) == 0 {
		lines = []string{DiskFile + ": the same files are laid out otherwise"}
	}
	return lines, nil
}

// readDisk describes every file of an image's filesystem, which it unpacks to dir.
func readDisk(ctx context.Context, disk, dir string) (map[string]string, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := run(command(ctx, nil, "debugfs", "-R", "rdump / "+dir, disk)); err != nil {
		return nil, err
	}
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		files["/"+strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")], err = describe(path)
		return err
	})
	return files, err
}

// describe says in one line all of a file that two images must agree on.
func describe(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("mode %o owner %d:%d", st.Mode, st.Uid, st.Gid)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK: // debugfs gives links no time
		target, err := os.Readlink(path)
		return line + " to " + target, err
	case unix.S_IFREG:
		size, sum, err := digestFile(path)
		return fmt.Sprintf("%s time %d size %d sha256 %s", line, st.Mtim.Sec, size, sum), err
	}
	return fmt.Sprintf("%s time %d", line, st.Mtim.Sec), nil
}

// compareTrees returns each path that is not the same in both, with both sides.
func compareTrees(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if a[path] != b[path] {
			lines = append(lines, fmt.Sprintf("%s\n  - %s\n  + %s", path, a[path], b[path]))
		}
	}
	return lines
}
