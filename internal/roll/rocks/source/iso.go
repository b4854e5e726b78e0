package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
)

// ISO 9660 with Rock Ridge names, as far as rolls need it: sectors of 2048
// bytes, files in one piece. Every length is checked before anything is
// allocated for it. See docs/decisions for why this is not a library.

const (
	isoMagic   = "CD001"
	isoMagicAt = 16*sector + 1

	sector        = 2048
	maxDirectory  = 16 << 20 // bytes of one directory
	maxDirBytes   = 64 << 20 // bytes of all directories
	maxDescriptor = 32       // volume descriptors
)

type volume struct {
	r    io.ReaderAt
	size int64
	skip int   // bytes before the system use of each record
	left int64 // bytes of directories that may still be read
	seen map[uint32]bool
}

// extent is where a file or directory lies.
type extent struct{ at, size uint32 }

// iso reads a roll's ISO image.
func (b *builder) iso(ctx context.Context, name string, r io.ReaderAt, size int64) error {
	v := &volume{r: r, size: size, left: maxDirBytes, seen: map[uint32]bool{}}
	root, err := v.root()
	if err != nil {
		return readFault(name, err)
	}
	d := disc{name: name}
	if err := b.isoFolder(ctx, v, &d, "", root); err != nil {
		return readFault(name, err)
	}
	return b.disc(ctx, d)
}

// isoFolder adds the files of a folder and of those below.
func (b *builder) isoFolder(ctx context.Context, v *volume, d *disc, folder string, at extent) error {
	entries, err := v.list(at)
	if err != nil {
		return fmt.Errorf("folder /%s: %w", folder, err)
	}
	for _, e := range entries {
		if err := b.look(ctx, d.name); err != nil {
			return err
		}
		name := path.Join(folder, e.name)
		if e.name == "." || e.name == ".." {
			return fmt.Errorf("folder /%s holds a file called %q", folder, e.name)
		}
		if err := plainPath(name); err != nil {
			return err
		}
		switch {
		case e.dir && bytes.Count([]byte(name), []byte("/")) < discDepth:
			err = b.isoFolder(ctx, v, d, name, e.extent)
		case !e.dir:
			d.files = append(d.files, discFile{name: name, size: int64(e.size), open: func() (io.ReadCloser, error) { return v.open(e) }})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// root finds the root folder in the primary volume descriptor.
func (v *volume) root() (extent, error) {
	for i := range int64(maxDescriptor) {
		var d [sector]byte
		if _, err := v.r.ReadAt(d[:], (16+i)*sector); err != nil {
			return extent{}, fmt.Errorf("is cut off in its volume descriptors: %w", err)
		}
		if string(d[1:6]) != isoMagic || d[0] == 255 {
			break
		}
		if d[0] != 1 {
			continue
		}
		if block := binary.LittleEndian.Uint16(d[128:]); block != sector {
			return extent{}, fmt.Errorf("has blocks of %d bytes, not %d", block, sector)
		}
		at := extentOf(d[156:190])
		return at, v.rockRidge(at)
	}
	return extent{}, errors.New("is no ISO 9660 image: it has no primary volume descriptor")
}

// rockRidge wants the long names of Rock Ridge, which the first record of the
// root folder announces.
func (v *volume) rockRidge(root extent) error {
	data, err := v.directory(extent{root.at, min(root.size, sector)})
	if err != nil {
		return err
	}
	rec, err := record(data)
	if err != nil {
		return err
	}
	if use := systemUse(rec); len(use) >= 7 && string(use[:2]) == "SP" && use[4] == 0xbe && use[5] == 0xef {
		v.skip = int(use[6])
		v.seen = map[uint32]bool{}
		return nil
	}
	return errors.New("has no Rock Ridge names (mkisofs -r), which every roll's ISO has")
}

func extentOf(rec []byte) extent {
	// A record of extended attributes may lie before the file.
	return extent{at: binary.LittleEndian.Uint32(rec[2:]) + uint32(rec[1]), size: binary.LittleEndian.Uint32(rec[10:])}
}

// directory reads the records of a folder, once: folders that hold themselves
// are refused.
func (v *volume) directory(at extent) ([]byte, error) {
	if v.seen[at.at] {
		return nil, errors.New("holds itself or is there twice")
	}
	v.seen[at.at] = true
	if at.size > maxDirectory {
		return nil, fmt.Errorf("its list has %d bytes, at most %d are allowed", at.size, maxDirectory)
	}
	if v.left -= int64(at.size); v.left < 0 {
		return nil, fmt.Errorf("all folders together have lists of more than %d bytes", maxDirBytes)
	}
	return v.bytes(int64(at.at)*sector, int64(at.size))
}

// bytes reads a part of the image, bounded by the caller.
func (v *volume) bytes(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at+n > v.size {
		return nil, fmt.Errorf("lies at %d to %d, the image has %d bytes: it is cut off or damaged", at, at+n, v.size)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(v.r, at, n), data); err != nil {
		return nil, err
	}
	return data, nil
}

// open reads a plain file.
func (v *volume) open(e isoEntry) (io.ReadCloser, error) {
	at, n := int64(e.at)*sector, int64(e.size)
	switch {
	case e.link:
		return nil, errors.New("is a link or a device and should be a plain file")
	case e.pieces:
		return nil, errors.New("is stored in several pieces, which no file of a roll is")
	case at+n > v.size:
		return nil, fmt.Errorf("lies at %d to %d, the image has %d bytes: it is cut off or damaged", at, at+n, v.size)
	}
	return io.NopCloser(io.NewSectionReader(v.r, at, n)), nil
}
