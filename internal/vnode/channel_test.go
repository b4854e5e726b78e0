package vnode

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestReadGoesOnAfterBadLines(t *testing.T) {
	long := `{"type":"` + strings.Repeat("x", MaxMessage) + `"}`
	in := strings.Join([]string{
		`{"type":"hello"}`, "", "  \t", "rubbish", `{"type":7}`, `{"type":"ping"`, "null",
		long, `{"type":"step","fromTheFuture":{"a":[1]}}`, `{"type":"cut`,
	}, "\n")
	want := []struct {
		kind string
		err  error
	}{
		{"hello", nil},
		{"", ErrGarbage},
		{"", ErrGarbage},
		{"", ErrGarbage},
		{"", ErrGarbage},
		{"", ErrTooLong},
		{"step", nil},
		{"", io.ErrUnexpectedEOF},
		{"", io.EOF},
	}
	r := NewReader(strings.NewReader(in))
	for i, w := range want {
		var m FromGuest
		err := r.Read(&m)
		if !errors.Is(err, w.err) || (w.err == nil && m.Type != w.kind) {
			t.Fatalf("read %d: got %q, %v; want %q, %v", i, m.Type, err, w.kind, w.err)
		}
	}
}

func TestReadTakesALineOfExactlyTheLimit(t *testing.T) {
	for extra, want := range map[int]error{0: nil, 1: ErrTooLong} {
		frame := `{"type":""}`
		line := `{"type":"` + strings.Repeat("x", MaxMessage-len(frame)+extra) + `"}`
		var m FromGuest
		if err := NewReader(strings.NewReader(line + "\n")).Read(&m); !errors.Is(err, want) {
			t.Errorf("%d bytes: got %v, want %v", len(line), err, want)
		}
	}
}

func TestReadKeepsAHalfLineOverADeadline(t *testing.T) {
	in := io.MultiReader(strings.NewReader(`{"type":`), iotest.ErrReader(os.ErrDeadlineExceeded))
	r := NewReader(in)
	var m FromGuest
	if err := r.Read(&m); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %v, want the deadline", err)
	}
	r.in.Reset(strings.NewReader("\"hello\"}\n"))
	if err := r.Read(&m); err != nil || m.Type != "hello" {
		t.Fatalf("got %q, %v; want hello", m.Type, err)
	}
}

func TestErrorsQuoteNothing(t *testing.T) {
	for _, line := range []string{`secret`, `{"identity":{"hostname":secret}}`, `{"identity":"secret"}`, `{"time":"secret"}`} {
		var m ToGuest
		err := NewReader(strings.NewReader(line + "\n")).Read(&m)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got error %v", line, err)
		}
	}
}

func TestWriteRefusesALongMessage(t *testing.T) {
	var out bytes.Buffer
	err := Write(&out, FromGuest{Message: strings.Repeat("x", MaxMessage)})
	if !errors.Is(err, ErrTooLong) || out.Len() != 0 {
		t.Fatalf("got %v after %d bytes; want ErrTooLong after none", err, out.Len())
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOf(rapid.String()).Draw(t, "texts")
		var wire bytes.Buffer
		for _, text := range texts {
			if err := Write(&wire, FromGuest{Type: "step", Message: text}); err != nil {
				t.Fatal(err)
			}
		}
		r := NewReader(iotest.OneByteReader(&wire))
		for _, text := range texts {
			var m FromGuest
			if err := r.Read(&m); err != nil {
				t.Fatal(err)
			}
			if want := strings.ToValidUTF8(text, "\uFFFD"); m.Message != want {
				t.Fatalf("got %q, want %q", m.Message, want)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("{\"type\":\"hello\"}\n"))
	f.Add([]byte("\n\x00{\"type\":1}\nnull\n[]\n{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := NewReader(bytes.NewReader(raw))
		for range bytes.Count(raw, []byte("\n")) + 2 {
			var m ToGuest
			err := r.Read(&m)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
		}
		t.Fatal("more messages than lines")
	})
}
