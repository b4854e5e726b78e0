// Package archive opens the archive of a roll that a stranger sent, packs the
// folder of a roll into one, and names what is in it by a digest. Pure: an
// archive is bytes, and what is in it is an fs.FS in memory.
//
// Guarantees: memory and time are bounded by the limits below, whatever the
// bytes are; what comes out holds plain files and folders only, with clean
// relative names that differ also where case does not count; every problem of
// an archive is told at once; equal content has equal digests, however it was
// packed.
package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing/fstest"
)

// Limits of a roll's archive. A roll is text: the largest that ships has 20 KiB.
const (
	MaxPacked   = 4 << 20  // bytes of the archive as it is sent
	MaxUnpacked = 16 << 20 // bytes of all files
	MaxFile     = 2 << 20  // bytes of one file
	MaxFiles    = 2000     // files and folders
	MaxPath     = 200      // bytes of a file's path
	MaxDepth    = 10       // folders above a file
)

// rollFile makes a folder a roll.
const rollFile = "roll.yaml"

// Media is the media type of what Pack returns.
const Media = "application/gzip"

// Archive is what an archive holds: clean and within all limits. It is never
// changed.
type Archive struct {
	files  map[string]file // by path within the roll
	digest string
}

type file struct {
	content    []byte
	executable bool
}

// newArchive takes checked files.
func newArchive(files map[string]file) (*Archive, error) {
	a := &Archive{files: files}
	h := sha256.New()
	if err := a.write(h); err != nil {
		return nil, err
	}
	a.digest = hex.EncodeToString(h.Sum(nil))
	return a, nil
}

// Digest is the SHA-256, in hex, of all names, contents and executable flags.
func (a *Archive) Digest() string { return a.digest }

// Size is how many bytes all files have together.
func (a *Archive) Size() int64 {
	var n int64
	for _, f := range a.files {
		n += int64(len(f.content))
	}
	return n
}

// FS is the roll's folder.
func (a *Archive) FS() fs.FS { return a.below("") }

// Folder is a file system that holds the roll's folder under that name.
func (a *Archive) Folder(name string) fs.FS { return a.below(name + "/") }

func (a *Archive) below(prefix string) fs.FS {
	// The standard library's file system in memory is made for tests and is
	// well tested itself; it imports nothing of package testing.
	fsys := fstest.MapFS{}
	for name, f := range a.files {
		fsys[prefix+name] = &fstest.MapFile{Data: f.content, Mode: f.mode()}
	}
	return fsys
}

func (f file) mode() fs.FileMode {
	if f.executable {
		return 0o755
	}
	return 0o644
}

// Pack returns the archive as it is kept and handed out: a tar.gz of plain
// files, without owners and times.
func (a *Archive) Pack() ([]byte, error) {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("pack a roll: %w", err)
	}
	if err := a.write(z); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack a roll: %w", err)
	}
	return out.Bytes(), nil
}

// write writes the one tar that stands for the content.
func (a *Archive) write(to io.Writer) error {
	w := tar.NewWriter(to)
	for _, name := range slices.Sorted(maps.Keys(a.files)) {
		f := a.files[name]
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(f.content)), Mode: int64(f.mode()), Format: tar.FormatPAX}
		if err := w.WriteHeader(h); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		if _, err := w.Write(f.content); err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("pack a roll: %w", err)
	}
	return nil
}

// below takes the folder off that holds everything, if the roll is not at the
// top: "tar czf roll.tar.gz roll/" makes such archives.
func below(files map[string]file) (map[string]file, bool) {
	if _, ok := files[rollFile]; ok {
		return files, true
	}
	top := ""
	for name := range files {
		first, _, found := strings.Cut(name, "/")
		if !found || top != "" && top != first {
			return files, false
		}
		top = first
	}
	if _, ok := files[top+"/"+rollFile]; !ok {
		return files, false
	}
	out := make(map[string]file, len(files))
	for name, f := range files {
		out[strings.TrimPrefix(name, top+"/")] = f
	}
	return out, true
}
