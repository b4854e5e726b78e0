package vnode

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrTooLong says that a line was, or would have been, longer than MaxMessage.
	ErrTooLong = errors.New("message is longer than the channel allows")
	// ErrGarbage says that a line was not the JSON object asked for.
	ErrGarbage = errors.New("message is not understood")
)

// Reader reads messages, one JSON object a line. It never holds more than one
// message, and after a bad line it goes on with the next one.
//
// Blank lines are skipped, so a side that connects writes a newline first: it
// ends what its predecessor may have left half written.
type Reader struct {
	in      *bufio.Reader
	line    []byte // what came of the current line so far
	tooLong bool   // the current line is being thrown away
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader) *Reader {
	return &Reader{in: bufio.NewReader(r)}
}

// Read reads the next message into v, a pointer to a zero value; fields v does
// not know are ignored. After ErrTooLong and ErrGarbage the next call reads the
// line after. Other errors are the underlying reader's: after a passed deadline
// the next call goes on where this one stopped. A line cut off by the end gives
// io.ErrUnexpectedEOF. Errors never quote the message, which may hold secrets.
func (r *Reader) Read(v any) error {
	for {
		line, err := r.readLine()
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		return decode(line, v)
	}
}

// readLine returns one line, valid until the next call.
func (r *Reader) readLine() ([]byte, error) {
	for {
		part, err := r.in.ReadSlice('\n')
		r.keep(part)
		switch {
		case err == nil:
			return r.endLine()
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && (len(r.line) > 0 || r.tooLong):
			r.line, r.tooLong = nil, false
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

func (r *Reader) keep(part []byte) {
	if r.tooLong {
		return
	}
	if len(r.line)+len(bytes.TrimRight(part, "\n")) > MaxMessage {
		r.line, r.tooLong = nil, true
		return
	}
	r.line = append(r.line, part...)
}

func (r *Reader) endLine() ([]byte, error) {
	line, tooLong := r.line, r.tooLong
	r.line, r.tooLong = r.line[:0], false
	if cap(r.line) > 64<<10 { // one long message must not be paid for ever
		r.line = nil
	}
	if tooLong {
		return nil, ErrTooLong
	}
	return line, nil
}

func decode(line []byte, v any) error {
	if line[0] != '{' {
		return fmt.Errorf("%w: %d bytes that are no JSON object", ErrGarbage, len(line))
	}
	err := json.Unmarshal(line, v)
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%w: field %q has the wrong type", ErrGarbage, e.Field)
	}
	return fmt.Errorf("%w: %d bytes of wrong JSON", ErrGarbage, len(line))
}

// Write writes v as one message with a single call of w.Write. After an error
// part of the line may be on its way: reconnect, or write a newline first.
func Write(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if len(raw) > MaxMessage {
		return fmt.Errorf("%w: %d bytes", ErrTooLong, len(raw))
	}
	if _, err := w.Write(append(raw, '\n')); err != nil {
		return fmt.Errorf("write message: %w", err)
	}
	return nil
}
