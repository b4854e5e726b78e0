package source

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/xi2/xz"
)

const (
	rpmMagic     = "\xed\xab\xee\xdb"
	headerMagic  = "\x8e\xad\xe8\x01"
	leadSize     = 96
	maxHeader    = 32 << 20 // bytes of a header's data
	maxTags      = 64 << 10
	maxWindow    = 64 << 20 // bytes that a decompressor may look back
	tagFormat    = 1124
	tagCompress  = 1125
	typeString   = 6
	indexEntry   = 16
	headerFields = 8
)

// rpm reads a kickstart package: what its payload holds below a folder graphs,
// nodes, site-nodes or include. Where the package would be installed does not
// matter, Rocks moves it with rpm --relocate.
func (b *builder) rpm(ctx context.Context, origin string, r io.Reader) error {
	err := b.payload(ctx, origin, bufio.NewReader(b.limit(r)))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return invalid(origin, "the package is cut off")
	}
	if err != nil {
		return readFault(origin, err)
	}
	return nil
}

func (b *builder) payload(ctx context.Context, origin string, r *bufio.Reader) error {
	lead := make([]byte, leadSize)
	if _, err := io.ReadFull(r, lead); err != nil {
		return err
	}
	if string(lead[:4]) != rpmMagic {
		return errors.New("is no RPM package")
	}
	if _, err := readHeader(r, true); err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	tags, err := readHeader(r, false)
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if format := tags[tagFormat]; format != "" && format != "cpio" {
		return fmt.Errorf("its payload is of format %q, only cpio can be read", format)
	}
	unpacked, done, err := decompress(r, tags[tagCompress])
	if err != nil {
		return err
	}
	defer done()
	return b.cpio(ctx, origin, b.limit(bufio.NewReader(unpacked)))
}

// readHeader reads a header's texts, by tag.
func readHeader(r io.Reader, padded bool) (map[uint32]string, error) {
	intro := make([]byte, headerFields+8)
	if _, err := io.ReadFull(r, intro); err != nil {
		return nil, err
	}
	if string(intro[:4]) != headerMagic {
		return nil, errors.New("does not start as a header does")
	}
	count, size := binary.BigEndian.Uint32(intro[8:]), binary.BigEndian.Uint32(intro[12:])
	if count > maxTags || size > maxHeader {
		return nil, fmt.Errorf("has %d tags and %d bytes, at most %d and %d are allowed", count, size, maxTags, maxHeader)
	}
	if padded {
		size = (size + 7) / 8 * 8
	}
	// Both grow only as far as there is input.
	index, err := readN(r, int64(count)*indexEntry)
	if err != nil {
		return nil, err
	}
	data, err := readN(r, int64(size))
	if err != nil {
		return nil, err
	}
	texts := map[uint32]string{}
	for e := range slices.Chunk(index, indexEntry) {
		tag, kind, offset := binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:]), binary.BigEndian.Uint32(e[8:])
		if kind != typeString {
			continue
		}
		if uint64(offset) >= uint64(len(data)) {
			return nil, fmt.Errorf("the text of tag %d lies outside", tag)
		}
		text, _, ended := bytes.Cut(data[offset:], []byte{0})
		if !ended {
			return nil, fmt.Errorf("the text of tag %d has no end", tag)
		}
		if tag == tagFormat || tag == tagCompress {
			texts[tag] = string(text)
		}
	}
	return texts, nil
}

func readN(r io.Reader, n int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, n))
	if err == nil && int64(len(data)) < n {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// decompress finds out by the header, or by the first bytes where it says
// nothing, how the payload is packed.
func decompress(r *bufio.Reader, how string) (unpacked io.Reader, done func(), err error) {
	done = func() {}
	if how == "" {
		how = "uncompressed"
		if start, err := r.Peek(2); err == nil && string(start) == "\x1f\x8b" {
			how = "gzip"
		}
	}
	switch how {
	case "gzip":
		unpacked, err = gzip.NewReader(r)
	case "bzip2":
		unpacked = bzip2.NewReader(r)
	case "xz":
		unpacked, err = xz.NewReader(r, maxWindow)
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err == nil {
			unpacked, done = d, d.Close
		}
	case "uncompressed":
		unpacked = r
	default:
		return nil, done, fmt.Errorf("its payload is packed with %q; gzip, bzip2, xz and zstd can be read", how)
	}
	if err != nil {
		return nil, done, fmt.Errorf("unpack the %s payload: %w", how, err)
	}
	return unpacked, done, nil
}

// below is the path from the first folder of a distribution tree on; "" if
// there is none.
func below(name string) string {
	all := strings.Split(path.Clean("/" + name)[1:], "/")
	i := slices.IndexFunc(all, func(part string) bool { return slices.Contains(parts, part) })
	if i < 0 {
		return ""
	}
	return strings.Join(all[i:], "/")
}
