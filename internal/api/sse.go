package api

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxEvent bounds one server-sent event that a client accepts, in bytes.
const maxEvent = 64 << 20

// errEventTooLong is returned for an event longer than the limit.
var errEventTooLong = errors.New("server-sent event is too long")

// sseEvent is one server-sent event.
type sseEvent struct {
	ID, Type string
	Data     []byte
}

// sseWriter sends server-sent events on an answer.
type sseWriter struct{ w http.ResponseWriter }

// startSSE begins an answer that is a stream of events.
func startSSE(w http.ResponseWriter) (sseWriter, error) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	s := sseWriter{w}
	return s, s.comment("begin") // so that the client sees at once that it is connected
}

// send sends one event. Type and data must not hold line breaks, and data
// that is JSON from encoding/json never does.
func (s sseWriter) send(e sseEvent) error {
	if _, err := fmt.Fprintf(s.w, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Type, e.Data); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// comment sends a line that clients ignore: a sign of life.
func (s sseWriter) comment(text string) error {
	if _, err := fmt.Fprintf(s.w, ": %s\n\n", text); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// sseReader reads server-sent events as the WHATWG's HTML standard says,
// save that a lone carriage return ends no line.
type sseReader struct {
	r     *bufio.Reader
	limit int
	// alive is called for every line, comments too.
	alive func()
	first bool
}

func newSSEReader(r io.Reader, limit int, alive func()) *sseReader {
	return &sseReader{r: bufio.NewReader(r), limit: limit, alive: alive, first: true}
}

// next returns the next event that has data. An event that the stream's end
// cuts off is not returned.
func (s *sseReader) next() (sseEvent, error) {
	var e sseEvent
	var data bytes.Buffer
	has := false
	for {
		line, err := s.line(s.limit - data.Len())
		if err != nil {
			return sseEvent{}, err
		}
		s.alive()
		if len(line) == 0 {
			if !has {
				e = sseEvent{ID: e.ID}
				continue
			}
			e.Data = bytes.TrimSuffix(data.Bytes(), []byte("\n"))
			return e, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "data":
			has = true
			data.Write(value)
			data.WriteByte('\n')
		case "event":
			e.Type = string(value)
		case "id":
			if !bytes.ContainsRune(value, 0) {
				e.ID = string(value)
			}
		}
	}
}

// line returns the next line without its end.
func (s *sseReader) line(limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := s.r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errEventTooLong
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, err
		}
		break
	}
	if s.first {
		s.first = false
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), nil
}
