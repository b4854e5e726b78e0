package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"

	"quarry/internal/fault"
)

const refusedTitle = "the archive of the roll is refused"

// maxStream bounds what is read of an unpacked stream: the files, and the
// headers and padding of as many entries as there may be.
const maxStream = MaxUnpacked + (MaxFiles+1)*4096

// Open reads an archive: tar, tar.gz or tar.zst, with the roll at its top or
// in one folder. What is wrong with it comes in one fault.Invalid.
func Open(packed []byte) (*Archive, error) {
	var c checker
	if len(packed) > MaxPacked {
		c.add("", "the archive has %d bytes, at most %d are allowed", len(packed), MaxPacked)
		return nil, c.err()
	}
	stream, done, err := unpacked(packed)
	if err != nil {
		c.add("", "%v", err)
		return nil, c.err()
	}
	defer done()
	c.read(tar.NewReader(&limited{from: stream, left: maxStream}))
	return c.finish()
}

// finish returns what was gathered, or all that is wrong with it.
func (c *checker) finish() (*Archive, error) {
	files, found := below(c.files)
	if !found && len(c.wrong.Details()) == 0 {
		c.add("", "there is no %s at the top of the archive, nor in the one folder that it holds", rollFile)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return newArchive(files)
}

// unpacked tells the kinds of archives apart by their first bytes.
func unpacked(packed []byte) (stream io.Reader, done func(), err error) {
	in := bytes.NewReader(packed)
	none := func() {}
	switch {
	case len(packed) == 0:
		return nil, none, errors.New("it is empty")
	case bytes.HasPrefix(packed, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, none, fmt.Errorf("its gzip stream is broken: %w", err)
		}
		return z, none, nil
	case bytes.HasPrefix(packed, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(2*maxStream))
		if err != nil {
			return nil, none, fmt.Errorf("its zstd stream is broken: %w", err)
		}
		return z, z.Close, nil
	case bytes.HasPrefix(packed, []byte("PK")):
		return nil, none, errors.New("it is a zip archive: pack the roll with tar, or with quarry roll push")
	}
	return in, none, nil
}

// errTooMuch ends the reading of an archive that grows without end.
var errTooMuch = fmt.Errorf("it unpacks to more than %d bytes", maxStream)

// limited is io.LimitReader with an error of its own at the limit.
type limited struct {
	from io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.from.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// read reads every entry that can be read.
func (c *checker) read(r *tar.Reader) {
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			c.stop(err)
			return
		}
		if c.entries++; c.entries > MaxFiles {
			c.add("", "it holds more than %d files and folders", MaxFiles)
			c.broken = true
			return
		}
		if err := c.entry(r, h); err != nil {
			c.stop(err)
			return
		}
	}
}

// stop notes why nothing more can be read.
func (c *checker) stop(err error) {
	c.broken = true
	if errors.Is(err, errTooMuch) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		c.add("", "%v", errTooMuch)
		return
	}
	c.add("", "it breaks off or is no tar archive, after %d entries: %v", c.entries, err)
}

// entry judges one entry and takes it in; an error is the stream's.
func (c *checker) entry(r *tar.Reader, h *tar.Header) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // a comment of the program that packed it
	}
	name := strings.TrimPrefix(h.Name, "./")
	folder := h.Typeflag == tar.TypeDir
	if folder {
		name = strings.TrimSuffix(name, "/")
	}
	if folder && (name == "" || name == ".") {
		c.mode(h)
		return nil
	}
	good := c.kind(h)
	good = c.mode(h) && good
	good = c.name(name, h.Name, folder) && good
	if folder || !good {
		return nil
	}
	if h.Size > MaxFile {
		c.add(h.Name, "has %d bytes, at most %d are allowed", h.Size, MaxFile)
		return nil
	}
	if c.bytes += h.Size; c.bytes > MaxUnpacked {
		if c.bytes-h.Size <= MaxUnpacked { // say it once
			c.add(h.Name, "with it the files have more than %d bytes together", MaxUnpacked)
		}
		return nil
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.files[name] = file{content: content, executable: h.Mode&0o111 != 0}
	return nil
}

// kind refuses everything that is neither a plain file nor a folder.
func (c *checker) kind(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			c.add(h.Name, "is a sparse file")
			return false
		}
	}
	what := ""
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir:
		return true
	case tar.TypeSymlink:
		what = fmt.Sprintf("is a symbolic link (to %q)", h.Linkname)
	case tar.TypeLink:
		what = fmt.Sprintf("is a hard link (to %q)", h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		what = "is a device"
	case tar.TypeFifo:
		what = "is a named pipe"
	case tar.TypeGNUSparse:
		what = "is a sparse file"
	default:
		what = fmt.Sprintf("is of the unknown kind %q", h.Typeflag)
	}
	c.add(h.Name, "%s: a roll holds plain files and folders only", what)
	return false
}

// mode refuses what would give a program more rights.
func (c *checker) mode(h *tar.Header) bool {
	var names []string
	for _, special := range []struct {
		bit  int64
		name string
	}{{0o4000, "set-uid"}, {0o2000, "set-gid"}, {0o1000, "sticky"}} {
		if h.Mode&special.bit != 0 {
			names = append(names, special.name)
		}
	}
	if len(names) > 0 {
		c.add(h.Name, "has the mode %04o, which is %s: write the mode of an installed file into the node instead",
			h.Mode&0o7777, strings.Join(names, ", "))
	}
	return len(names) == 0
}

// err is everything that was found.
func (c *checker) err() error {
	if c.more > 0 {
		c.wrong.Add("", fmt.Sprintf("and %d problems more", c.more))
	}
	return c.wrong.Err(fault.Invalid, refusedTitle)
}
