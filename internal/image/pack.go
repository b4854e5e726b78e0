package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

const (
	packedSuffix = ".zst"
	sparseBlock  = 64 << 10 // bytes; the grain of holes
)

// pack writes the zstd stream of src to dst and returns the entry of src with
// its packed copy. Both are read or written once.
func pack(name, src, dst string) (File, error) {
	in, err := os.Open(src)
	if err != nil {
		return File{}, err
	}
	defer in.Close()
	out, err := os.Create(dst)
	if err != nil {
		return File{}, err
	}
	defer out.Close()

	plain, packed := sha256.New(), sha256.New()
	z, err := zstd.NewWriter(io.MultiWriter(out, packed), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return File{}, err
	}
	n, err := io.Copy(z, io.TeeReader(in, plain))
	if err != nil {
		return File{}, err
	}
	if err := z.Close(); err != nil {
		return File{}, err
	}
	size, err := out.Seek(0, io.SeekCurrent)
	if err != nil {
		return File{}, err
	}
	return File{Name: name, Size: n, SHA256: hex.EncodeToString(plain.Sum(nil)), Packed: &Packed{
		Name: name + packedSuffix, Size: size, SHA256: hex.EncodeToString(packed.Sum(nil)),
	}}, out.Close()
}

// unpack writes the content of a zstd stream to dst, leaving holes for zeros,
// and checks what landed there. It writes no byte beyond the wanted size.
func unpack(f File, src, dst string) error {
	in, err := os.Open(src)
	if err != nil {
		return err
	}
	defer in.Close()
	z, err := zstd.NewReader(in, zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return err
	}
	defer z.Close()
	out, err := os.Create(dst)
	if err != nil {
		return err
	}
	defer out.Close()

	h := sha256.New()
	n, err := copySparse(out, io.TeeReader(io.LimitReader(z, f.Size+1), h))
	if err != nil {
		return fmt.Errorf("file %q: %w", f.Packed.Name, err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); n != f.Size || sum != f.SHA256 {
		return &DigestError{File: f.Name, Size: n, SHA256: sum, WantSize: f.Size, WantSHA256: f.SHA256}
	}
	return out.Close()
}

// copySparse copies all of src into the empty file dst; blocks of zeros become holes.
func copySparse(dst *os.File, src io.Reader) (int64, error) {
	block, zeros := make([]byte, sparseBlock), make([]byte, sparseBlock)
	var at int64
	for {
		n, err := io.ReadFull(src, block)
		if n > 0 && !bytes.Equal(block[:n], zeros[:n]) {
			if _, err := dst.WriteAt(block[:n], at); err != nil {
				return at, err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return at, dst.Truncate(at)
		}
		if err != nil {
			return at, err
		}
	}
}
