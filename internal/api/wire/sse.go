package wire

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

// Event is one server-sent event.
type Event struct {
	ID, Type string
	Data     []byte
}

// Writer sends server-sent events on an answer.
type Writer struct{ w http.ResponseWriter }

// StartEvents begins an answer that is a stream of events.
func StartEvents(w http.ResponseWriter) (Writer, error) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	s := Writer{w}
	return s, s.Comment("begin") // so that the client sees at once that it is connected
}

// Send sends one event. Type and data must not hold line breaks, and data
// that is JSON from encoding/json never does.
func (s Writer) Send(e Event) error {
	if _, err := fmt.Fprintf(s.w, "id: %s\nevent: %s\ndata: %s\n\n", e.ID, e.Type, e.Data); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// Comment sends a line that clients ignore: a sign of life.
func (s Writer) Comment(text string) error {
	if _, err := fmt.Fprintf(s.w, ": %s\n\n", text); err != nil {
		return err
	}
	return http.NewResponseController(s.w).Flush()
}

// reader reads server-sent events as the WHATWG's HTML standard says,
// save that a lone carriage return ends no line.
type reader struct {
	r     *bufio.Reader
	limit int
	// alive is called for every line, comments too.
	alive func()
	first bool
}

func newReader(r io.Reader, limit int, alive func()) *reader {
	return &reader{r: bufio.NewReader(r), limit: limit, alive: alive, first: true}
}

// next returns the next event that has data. An event that the stream's end
// cuts off is not returned.
func (s *reader) next() (Event, error) {
	var e Event
	var data bytes.Buffer
	has := false
	for {
		line, err := s.line(s.limit - data.Len())
		if err != nil {
			return Event{}, err
		}
		s.alive()
		if len(line) == 0 {
			if !has {
				e = Event{ID: e.ID}
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
func (s *reader) line(limit int) ([]byte, error) {
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
