package guest

import (
	"archive/tar"
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// xattrRecord is what archives call an extended attribute.
const xattrRecord = "SCHILY.xattr."

// writeTree writes everything on the filesystem of root as a tar. Sockets and
// what else only lives while a program does is left out.
func writeTree(to io.Writer, root string) error {
	var top unix.Stat_t
	if err := unix.Lstat(root, &top); err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(to, 1<<20)
	w := treeWriter{tar: tar.NewWriter(buffered), root: root, device: top.Dev, links: map[uint64]string{}}
	if err := filepath.WalkDir(root, w.visit); err != nil {
		return err
	}
	return errors.Join(w.tar.Close(), buffered.Flush())
}

type treeWriter struct {
	tar    *tar.Writer
	root   string
	device uint64
	links  map[uint64]string // first names of files that have several
}

func (w *treeWriter) visit(path string, _ fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(w.root, path)
	if err != nil || name == "." {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return err
	}
	if st.Dev != w.device { // something is mounted here: of it, the place is kept
		h := &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, Format: tar.FormatPAX}
		if err := w.tar.WriteHeader(h); err != nil {
			return err
		}
		return fs.SkipDir
	}
	return w.entry(path, name, st)
}

func (w *treeWriter) entry(path, name string, st unix.Stat_t) (err error) {
	h := &tar.Header{
		Name: name, Mode: int64(st.Mode & 0o7777), Uid: int(st.Uid), Gid: int(st.Gid),
		ModTime: time.Unix(st.Mtim.Sec, 0), Format: tar.FormatPAX,
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case unix.S_IFLNK:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = os.Readlink(path); err != nil {
			return err
		}
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
		if first, ok := w.links[st.Ino]; ok {
			h.Typeflag, h.Size, h.Linkname = tar.TypeLink, 0, first
		} else if st.Nlink > 1 {
			w.links[st.Ino] = name
		}
	case unix.S_IFBLK, unix.S_IFCHR:
		h.Typeflag = tar.TypeBlock // refused by its reader, which says so
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return nil
	}
	if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeDir {
		if h.PAXRecords, err = xattrs(path); err != nil {
			return err
		}
	}
	if err := w.tar.WriteHeader(h); err != nil || h.Typeflag != tar.TypeReg {
		return err
	}
	return w.content(path, st.Size)
}

func (w *treeWriter) content(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.CopyN(w.tar, f, size)
	return errors.Join(err, f.Close())
}

// xattrs are those that change what a file may do; nil when there are none.
func xattrs(path string) (map[string]string, error) {
	list := make([]byte, 4096)
	n, err := unix.Llistxattr(path, list)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		return nil, err
	}
	var records map[string]string
	for name := range strings.SplitSeq(string(list[:max(0, n)]), "\x00") {
		if name != "security.capability" && !strings.HasPrefix(name, "system.posix_acl_") {
			continue
		}
		value := make([]byte, 4096)
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, err
		}
		if strings.Contains(name, "=") {
			continue
		}
		if records == nil {
			records = map[string]string{}
		}
		records[xattrRecord+name] = string(value[:n])
	}
	return records, nil
}
