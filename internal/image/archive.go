package image

import (
	"bytes"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// archive gathers an initramfs in the kernel's "newc" format. Everything in it
// belongs to root and has no time, so that equal content gives equal bytes.
type archive struct {
	buf   bytes.Buffer
	inode int
}

func (a *archive) dir(name string)                         { a.entry(name, 0o040755, nil) }
func (a *archive) file(name string, mode int, data []byte) { a.entry(name, 0o100000|mode, data) }
func (a *archive) link(name, target string)                { a.entry(name, 0o120777, []byte(target)) }

func (a *archive) entry(name string, mode int, data []byte) {
	a.inode++
	fmt.Fprintf(&a.buf, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
	a.pad()
	a.buf.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// plain ends the archive and returns it as it is.
func (a *archive) plain() []byte {
	a.inode = -1
	a.entry("TRAILER!!!", 0, nil)
	return a.buf.Bytes()
}

// pack ends the archive and returns it compressed.
func (a *archive) pack() ([]byte, error) {
	a.plain()
	// The kernel's decoder wants a window of 8 MiB at most.
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return z.EncodeAll(a.buf.Bytes(), nil), nil
}
