package source

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// isoEntry is a file of a folder of an ISO image.
type isoEntry struct {
	extent
	name   string
	dir    bool
	link   bool // a symbolic link, a device, or moved elsewhere
	pieces bool
}

const (
	flagDirectory = 0x02
	flagPieces    = 0x80

	maxContinuations = 8
	maxContinuation  = 64 << 10 // bytes

	modeType    = 0o170000
	modeFolder  = 0o040000
	modeRegular = 0o100000
)

// list reads a folder.
func (v *volume) list(at extent) ([]isoEntry, error) {
	data, err := v.directory(at)
	if err != nil {
		return nil, err
	}
	var entries []isoEntry
	for i := 0; i < len(data); {
		if data[i] == 0 { // records do not cross sectors
			i += sector - i%sector
			continue
		}
		rec, err := record(data[i:])
		if err != nil {
			return nil, err
		}
		i += len(rec)
		if rec[32] == 1 && rec[33] <= 1 { // itself and the one above
			continue
		}
		e, err := v.entry(rec)
		if err != nil {
			return nil, err
		}
		if e.name != "" {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// record cuts the first record off, whole.
func record(data []byte) ([]byte, error) {
	if len(data) < 34 || int(data[0]) < 34 || int(data[0]) > len(data) || 33+int(data[32]) > int(data[0]) || data[32] == 0 {
		return nil, errors.New("holds a damaged record")
	}
	return data[:data[0]], nil
}

// systemUse is what a record holds after the name.
func systemUse(rec []byte) []byte {
	n := 33 + int(rec[32])
	return rec[min(n+n%2, len(rec)):] // the name is padded to an even place
}

// entry reads one record with its Rock Ridge fields. The name is empty for
// what Rock Ridge moved to elsewhere.
func (v *volume) entry(rec []byte) (isoEntry, error) {
	e := isoEntry{extent: extentOf(rec), dir: rec[25]&flagDirectory != 0, pieces: rec[25]&flagPieces != 0}
	if rec[26] != 0 || rec[27] != 0 {
		return e, errors.New("holds an interleaved file")
	}
	use := systemUse(rec)
	use = use[min(v.skip, len(use)):]
	named, moved := false, false
	for range maxContinuations {
		var next []byte
		for len(use) >= 4 {
			n := int(use[2])
			if n < 4 || n > len(use) {
				break // padding
			}
			field := use[:n]
			use = use[n:]
			switch sig := string(field[:2]); {
			case sig == "NM" && n >= 5:
				e.name, named = e.name+string(field[5:]), true
			case sig == "PX" && n >= 8:
				kind := binary.LittleEndian.Uint32(field[4:]) & modeType
				e.link = e.link || kind != modeFolder && kind != modeRegular
			case sig == "SL" || sig == "CL":
				e.link = true
			case sig == "RE":
				moved = true
			case sig == "CE" && n >= 28:
				next = field
			case sig == "ST":
				use = nil
			}
		}
		if next == nil {
			if moved {
				return isoEntry{}, nil
			}
			if !named || e.name == "" {
				return e, fmt.Errorf("the file %q has no Rock Ridge name", rec[33:33+int(rec[32])])
			}
			return e, nil
		}
		var err error
		if use, err = v.continuation(next); err != nil {
			return e, err
		}
	}
	return e, fmt.Errorf("a file's fields go on in more than %d places", maxContinuations)
}

// continuation reads the area where the fields of a record go on.
func (v *volume) continuation(ce []byte) ([]byte, error) {
	at, offset, n := binary.LittleEndian.Uint32(ce[4:]), binary.LittleEndian.Uint32(ce[12:]), binary.LittleEndian.Uint32(ce[20:])
	if n > maxContinuation {
		return nil, fmt.Errorf("a file's fields go on for %d bytes, at most %d are allowed", n, maxContinuation)
	}
	return v.bytes(int64(at)*sector+int64(offset), int64(n))
}
