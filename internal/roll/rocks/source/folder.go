package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// parts are the folders of a distribution tree.
var parts = []string{"graphs", "nodes", "site-nodes", "include"}

// folder reads a folder of any of the kinds there are.
func (b *builder) folder(ctx context.Context, dir string) error {
	dir = filepath.Clean(dir)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the Rocks source: %w", err)
	}
	defer root.Close()
	has := func(names ...string) bool {
		for _, name := range names {
			if _, err := root.Stat(name); err == nil {
				return true
			}
		}
		return false
	}
	switch {
	case !has(parts...):
		return b.unpacked(ctx, dir, root)
	case has("version.mk", "Makefile"):
		return b.sources(ctx, dir, root)
	}
	b.out.distribution = true
	return b.distribution(ctx, dir, root)
}

// distribution reads a tree as "rocks create distro" leaves it.
func (b *builder) distribution(ctx context.Context, dir string, root *os.Root) error {
	return b.walk(ctx, dir, root, func(name, origin string) error {
		f, err := openPlain(root, name)
		if err != nil {
			return readFault(origin, err)
		}
		defer f.Close()
		return b.add(name, origin, f)
	})
}

// walk visits every file of the tree's folders that belongs into a
// distribution, with its origin. Links are not followed into folders.
func (b *builder) walk(ctx context.Context, dir string, root *os.Root, visit func(name, origin string) error) error {
	for _, part := range b.parts {
		info, err := root.Lstat(part)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !info.IsDir() {
			err = errors.New("is a link or a file and should be a folder")
		}
		if err != nil {
			return readFault(filepath.Join(dir, part), err)
		}
		err = fs.WalkDir(root.FS(), part, func(name string, d fs.DirEntry, err error) error {
			origin := filepath.Join(dir, filepath.FromSlash(name))
			if err != nil {
				return readFault(origin, err)
			}
			if err := b.look(ctx, origin); err != nil {
				return err
			}
			if err := plainPath(name); err != nil {
				return invalid(origin, "%v", err)
			}
			if d.IsDir() {
				return nil
			}
			if !wanted(name) {
				return nil
			}
			return visit(name, origin)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// openPlain opens a plain file of root. A link may lead to another file of
// root; what it is, is looked at before anything could block.
func openPlain(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		if info, statErr := root.Lstat(name); statErr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil, errors.New("is a link that leads out of the tree or nowhere: put the file itself here")
		}
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is not a plain file")
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// unpacked reads the content of a roll ISO that was mounted or copied:
// ROLL/VERSION/ARCH below dir, or any of the last of these.
func (b *builder) unpacked(ctx context.Context, dir string, root *os.Root) error {
	d := disc{name: dir}
	err := fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return readFault(filepath.Join(dir, name), err)
		}
		if err := b.look(ctx, dir); err != nil {
			return err
		}
		if e.IsDir() {
			if strings.Count(name, "/") >= discDepth {
				return fs.SkipDir
			}
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return readFault(filepath.Join(dir, name), err)
		}
		d.files = append(d.files, discFile{name: path.Clean(name), size: info.Size(), open: func() (io.ReadCloser, error) { return openPlain(root, name) }})
		return nil
	})
	if err != nil {
		return err
	}
	return b.disc(ctx, d)
}
