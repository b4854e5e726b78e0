package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// FromFolder takes in the roll that fsys is, by the same rules as an archive.
// Folders of version control are left out.
func FromFolder(fsys fs.FS) (*Archive, error) {
	var c checker
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".":
			return nil
		case d.IsDir() && (d.Name() == ".git" || d.Name() == ".hg" || d.Name() == ".svn"):
			return fs.SkipDir
		}
		if c.entries++; c.entries > MaxFiles {
			c.add("", "it holds more than %d files and folders", MaxFiles)
			return errStop
		}
		return c.found(fsys, name, d)
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, fmt.Errorf("read the roll's folder: %w", err)
	}
	c.broken = err != nil
	return c.finish()
}

var errStop = errors.New("enough")

// found judges one file of a folder and takes it in.
func (c *checker) found(fsys fs.FS, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	good := true
	if !d.IsDir() && !info.Mode().IsRegular() {
		c.add(name, "is no plain file (%s): a roll holds plain files and folders only", info.Mode().Type())
		good = false
	}
	if !c.name(name, name, d.IsDir()) || !good || d.IsDir() {
		return nil
	}
	content, err := readSome(fsys, name)
	if err != nil {
		return err
	}
	if len(content) > MaxFile {
		c.add(name, "has more than %d bytes", MaxFile)
		return nil
	}
	if c.bytes += int64(len(content)); c.bytes > MaxUnpacked {
		c.add("", "the files have more than %d bytes together", MaxUnpacked)
		return errStop
	}
	c.files[name] = file{content: content, executable: info.Mode()&0o111 != 0}
	return nil
}

func readSome(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}
