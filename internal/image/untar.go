package image

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

// Limits of a tree that a tenant's scripts made.
const (
	maxTreeEntries = 1 << 20
	maxTreePath    = 2048 // bytes
	maxTreeValue   = 4096 // bytes of an extended attribute
)

// readTree makes the folder to of the tar at the beginning of a file. A tenant
// may have written every byte of it: nothing leads out of the folder, devices
// and pipes are refused, and the size of the file bounds what is made of it.
func readTree(file, to string) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(to, 0o755); err != nil { // whatever the umask
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	u := untar{root: root, tar: tar.NewReader(bufio.NewReaderSize(in, 1<<20))}
	if err := u.all(); err != nil {
		if fault.KindOf(err) != "" {
			return err
		}
		return fmt.Errorf("what the throwaway machine wrote cannot be read: %w", err)
	}
	return nil
}

type untar struct {
	root    *os.Root
	tar     *tar.Reader
	folders []*tar.Header // their times are set last
	wrong   fault.List
}

func (u *untar) all() error {
	for n := 0; ; n++ {
		h, err := u.tar.Next()
		if errors.Is(err, io.EOF) && n == 0 {
			return errors.New("it wrote nothing")
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n >= maxTreeEntries {
			return fmt.Errorf("more than %d files", maxTreeEntries)
		}
		if err := u.entry(h); err != nil {
			return fmt.Errorf("%.200q: %w", h.Name, err)
		}
	}
	for _, h := range u.folders {
		if err := u.root.Chtimes(strings.TrimSuffix(h.Name, "/"), h.ModTime, h.ModTime); err != nil {
			return fmt.Errorf("%.200q: %w", h.Name, err)
		}
	}
	return u.wrong.Err(fault.Invalid, "install scripts left what cannot be in an image")
}

func (u *untar) entry(h *tar.Header) error {
	name := strings.TrimSuffix(h.Name, "/")
	if name == "" || len(name) > maxTreePath || path.Clean(name) != name || path.IsAbs(name) || name == "." || name == ".." || strings.HasPrefix(name, "../") {
		return errors.New("no clean relative name")
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return errors.New("a sparse file")
		}
	}
	var err error
	switch h.Typeflag {
	case tar.TypeDir:
		u.folders = append(u.folders, h)
		err = u.root.Mkdir(name, 0o700)
	case tar.TypeReg:
		err = u.file(name)
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		return u.root.Lchown(name, h.Uid, h.Gid)
	case tar.TypeLink:
		return u.root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		if len(u.wrong.Details()) < commandTail {
			u.wrong.Add("/"+printable(name, 200), "is a device or a pipe: make it with a boot script")
		}
		return nil
	default:
		return fmt.Errorf("of the unknown kind %q", h.Typeflag)
	}
	if err != nil {
		return err
	}
	return u.attributes(name, h)
}

func (u *untar) file(name string) error {
	f, err := u.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, u.tar)
	return errors.Join(err, f.Close())
}

// attributes sets owner, mode, extended attributes and time, in this order: a
// change of the owner takes away what the others give.
func (u *untar) attributes(name string, h *tar.Header) error {
	if err := u.root.Lchown(name, h.Uid, h.Gid); err != nil {
		return err
	}
	if err := u.root.Chmod(name, fileMode(uint32(h.Mode&0o7777))); err != nil {
		return err
	}
	for key, value := range h.PAXRecords {
		attribute, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok || len(value) > maxTreeValue {
			continue
		}
		if attribute != "security.capability" && !strings.HasPrefix(attribute, "system.posix_acl_") {
			continue
		}
		if err := u.setAttribute(name, attribute, value); err != nil {
			return err
		}
	}
	if h.Typeflag == tar.TypeDir {
		return nil
	}
	return u.root.Chtimes(name, h.ModTime, h.ModTime)
}

func (u *untar) setAttribute(name, attribute, value string) error {
	f, err := u.root.Open(name)
	if err != nil {
		return err
	}
	err = unix.Fsetxattr(int(f.Fd()), attribute, []byte(value), 0)
	if errors.Is(err, unix.ENOTSUP) { // ACLs, on some filesystems
		err = nil
	}
	return errors.Join(err, f.Close())
}
