package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// The parser does not fail on any bytes, gives the same events whatever the
// pieces they come in, and never an event beyond its limit.
func FuzzSSE(f *testing.F) {
	f.Add([]byte("id: 1\nevent: ready\ndata: {}\n\n"))
	f.Add([]byte("\ufeff: hi\r\ndata: a\r\ndata:b\r\n\r\nid\n\ndata"))
	f.Add(bytes.Repeat([]byte("data: long\n"), 200))
	read := func(r io.Reader) (string, error) {
		var out strings.Builder
		s := newReader(r, 512, func() {})
		for {
			e, err := s.next()
			if err != nil {
				return out.String(), err
			}
			if len(e.Data) > 512 {
				return "", fmt.Errorf("an event of %d bytes", len(e.Data))
			}
			fmt.Fprintf(&out, "%q %q %q\n", e.ID, e.Type, e.Data)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, err := read(bytes.NewReader(raw))
		bytewise, err2 := read(iotest.OneByteReader(bytes.NewReader(raw)))
		if whole != bytewise || !errors.Is(err2, err) {
			t.Errorf("whole: %s, %v\nby bytes: %s, %v", whole, err, bytewise, err2)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, errEventTooLong) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestSSE(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		"data: a":                              "", // cut off
		"data: a\n\n":                          `"" "" "a";`,
		"data:a\ndata: b\n\n":                  `"" "" "a\nb";`,
		"id: 7\nevent: x\ndata: a\n\n":         `"7" "x" "a";`,
		"event: x\n\ndata: a\n\n":              `"" "" "a";`, // no data, no event
		"\ufeffdata: a\r\n\r\n":                `"" "" "a";`,
		": comment\ndata: a\nretry: 5\nx\n\n":  `"" "" "a";`,
		"data\n\n":                             `"" "" "";`,
		"data: a\n\ndata: b\n\n":               `"" "" "a";"" "" "b";`,
		"data: " + strings.Repeat("a", 99):     "too long",
		strings.Repeat("data: aaaaaaaa\n", 99): "too long",
	} {
		var got strings.Builder
		alive := 0
		s := newReader(strings.NewReader(in), 64, func() { alive++ })
		for {
			e, err := s.next()
			if errors.Is(err, errEventTooLong) {
				got.WriteString("too long")
			}
			if err != nil {
				break
			}
			fmt.Fprintf(&got, "%q %q %q;", e.ID, e.Type, e.Data)
		}
		if got.String() != want {
			t.Errorf("%q: got %s, want %s", in, got.String(), want)
		}
		if lines := strings.Count(in, "\n"); want != "too long" && alive != lines {
			t.Errorf("%q: %d signs of life in %d lines", in, alive, lines)
		}
	}
}

func FuzzProblem(f *testing.F) {
	f.Add(409, `{"type":"urn:quarry:problem:refused","title":"t","errors":[{"location":"a","message":"b"},null]}`)
	f.Add(500, `[]`)
	f.Add(313, `{"type":"urn:quarry:problem:refused"}`) // no text anywhere
	f.Fuzz(func(t *testing.T, status int, body string) {
		r := &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {ProblemMedia}}, Body: io.NopCloser(strings.NewReader(body))}
		if err := FaultOf(r); err == nil || err.Error() == "" {
			t.Errorf("no error of %d %s", status, body)
		}
	})
}
