package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	cpioMagic    = "070701"
	cpioSums     = "070702"
	cpioHeader   = 110
	cpioEnd      = "TRAILER!!!"
	cpioAlign    = 4
	cpioMode     = 1
	cpioLinks    = 4
	cpioSize     = 6
	cpioNameSize = 11
	cpioNumbers  = 13
)

// cpio reads an archive in the "newc" form and adds those of its files that
// belong into a distribution tree.
func (b *builder) cpio(ctx context.Context, origin string, r io.Reader) error {
	for {
		if err := b.look(ctx, origin); err != nil {
			return err
		}
		e, err := cpioNext(r)
		if err != nil {
			return err
		}
		if e.name == cpioEnd {
			return nil
		}
		body := &io.LimitedReader{R: r, N: e.size}
		if err := b.cpioFile(origin, e, body); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, r, body.N+padding(e.size)); err != nil {
			return err
		}
	}
}

type cpioEntry struct {
	name  string
	mode  int64
	links int64
	size  int64
}

// cpioFile adds one file if it is one that counts.
func (b *builder) cpioFile(origin string, e cpioEntry, body io.Reader) error {
	clean := strings.TrimPrefix(strings.TrimPrefix(e.name, "."), "/")
	if e.mode&modeType == modeFolder {
		return nil
	}
	if err := plainPath(clean); err != nil {
		return err
	}
	name := below(clean)
	if name == "" || !wanted(name) {
		return nil
	}
	if e.mode&modeType != modeRegular {
		return fmt.Errorf("%s is a link or a device and should be a plain file", e.name)
	}
	if e.links > 1 && e.size == 0 {
		return fmt.Errorf("%s is a second name of another file, which cannot be read", e.name)
	}
	return b.add(name, origin+":"+e.name, body)
}

func cpioNext(r io.Reader) (cpioEntry, error) {
	head := make([]byte, cpioHeader)
	if _, err := io.ReadFull(r, head); err != nil {
		return cpioEntry{}, err
	}
	if magic := string(head[:6]); magic != cpioMagic && magic != cpioSums {
		return cpioEntry{}, errors.New("the payload is damaged, or no cpio archive of the form newc")
	}
	var numbers [cpioNumbers]int64
	for i := range numbers {
		n, err := strconv.ParseUint(string(head[6+8*i:14+8*i]), 16, 32)
		if err != nil {
			return cpioEntry{}, fmt.Errorf("the payload is damaged: %w", err)
		}
		numbers[i] = int64(n)
	}
	e := cpioEntry{mode: numbers[cpioMode], links: numbers[cpioLinks], size: numbers[cpioSize]}
	length := numbers[cpioNameSize]
	if length < 1 || length > maxName {
		return e, fmt.Errorf("a file's name has %d bytes, 1 to %d are allowed", length, maxName)
	}
	name := make([]byte, length+padding(cpioHeader+length))
	if _, err := io.ReadFull(r, name); err != nil {
		return e, err
	}
	e.name = strings.TrimRight(string(name[:length]), "\x00")
	return e, nil
}

// padding is what is missing to a multiple of four.
func padding(n int64) int64 { return (cpioAlign - n%cpioAlign) % cpioAlign }
