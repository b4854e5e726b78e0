package simulate

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/quota"
)

// maxEntries bounds how many entries a trace has.
const maxEntries = 20_000_000

// head is the first line of a trace, or the rest of its one document.
type head struct {
	Version int     `json:"version"`
	Entries []entry `json:"entries"`
	Site    *Site   `json:"site"`
}

// entry is an Entry that knows where it ended.
type entry struct{ Entry }

// readJSON reads lines of JSON, the first of which says the version, or one
// document with all entries.
func readJSON(name string, in *bufio.Reader) (*Trace, error) {
	lines := &lineCounter{from: in}
	dec := json.NewDecoder(lines)
	dec.DisallowUnknownFields()
	t := &Trace{}
	var h head
	if err := dec.Decode(&h); err != nil {
		return nil, unread(name, lines.at(dec, err), "%v", plain(err))
	}
	if h.Version != Version {
		return nil, unread(name, 1, "version %d: this program reads version %d, which the first line has to say: {\"version\":%d}", h.Version, Version, Version)
	}
	t.Site = h.Site
	if t.Site != nil {
		if err := t.Site.complete(); err != nil {
			return nil, err
		}
	}
	for i, e := range h.Entries {
		if err := e.check(); err != nil {
			return nil, unread(name, 0, "entries[%d]: %v", i, err)
		}
		t.Entries = append(t.Entries, e.Entry)
	}
	for {
		var e Entry
		err := dec.Decode(&e)
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		line := lines.at(dec, err)
		if err != nil {
			return nil, unread(name, line, "%v", plain(err))
		}
		if err := e.check(); err != nil {
			return nil, unread(name, line, "%v", err)
		}
		if t.Entries = append(t.Entries, e); len(t.Entries) > maxEntries {
			return nil, unread(name, line, "more than %d entries", maxEntries)
		}
	}
}

// plain makes the decoder's words less of Go's.
func plain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends in the middle of an entry")
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s: a %s is not what belongs there", wrong.Field, wrong.Value)
	}
	return err
}

// check says what is wrong with an entry, and settles its spec.
func (e *Entry) check() error {
	if e.At.Before(earliest) || e.At.After(latest) {
		return fmt.Errorf("at: %s is not an instant like 2026-03-01T12:00:00Z between the years 1970 and 2200", e.At.Format(time.RFC3339))
	}
	e.At = e.At.UTC().Truncate(time.Millisecond)
	switch e.Do {
	case Book:
		return e.checkBook()
	case Cancel, End, Confirm, Release, Extend, Shorten, Move, Grow, Shrink, Idle, Use:
		return e.checkChange()
	case Lose, Recover, Drain, Undrain:
		return e.only("pnode", e.Pnode != "", Entry{Pnode: e.Pnode})
	case Maintain:
		return e.only("pnode, start, end", e.Pnode != "" && !e.Start.IsZero() && e.End.After(e.Start), Entry{Pnode: e.Pnode, Start: e.Start, End: e.End})
	case Limit:
		return e.checkLimit()
	}
	return fmt.Errorf("do: %q is none of book, cancel, end, extend, shorten, move, grow, shrink, confirm, release, idle, use, limit, lose, recover, drain, undrain, maintain", e.Do)
}

// checkChange finds fields that do not belong to what is asked; whether it can
// be is for the manager to say.
func (e *Entry) checkChange() error {
	named := e.Tenant != "" && e.Cluster != ""
	has := Entry{Tenant: e.Tenant, Cluster: e.Cluster}
	switch e.Do {
	case Extend, Shorten:
		has.End, has.By = e.End, e.By
		return e.only("tenant, cluster, and end or by", named && (e.End.IsZero() != (e.By == 0)), has)
	case Move:
		has.Start, has.End, has.By = e.Start, e.End, e.By
		return e.only("tenant, cluster, start, and may have end or by", named && !e.Start.IsZero(), has)
	case Grow:
		has.Appliance, has.Count = e.Appliance, e.Count
		return e.only("tenant, cluster, count, and may have appliance", named && e.Count > 0, has)
	case Shrink:
		has.Appliance, has.Count, has.Nodes = e.Appliance, e.Count, e.Nodes
		return e.only("tenant, cluster, and nodes, or count and may have appliance", named && (e.Count > 0) != (len(e.Nodes) > 0), has)
	}
	return e.only("tenant and cluster", named, has)
}

func (e *Entry) checkLimit() error {
	if err := e.only("limits, and may have tenant", e.Limits != nil, Entry{Tenant: e.Tenant, Limits: e.Limits}); err != nil {
		return err
	}
	if _, err := (quota.Limits{}).Changed(*e.Limits); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	return nil
}

// only refuses an entry that is not complete, or has more than may be in it.
func (e *Entry) only(what string, complete bool, has Entry) error {
	has.At, has.Do = e.At, e.Do
	if !complete || !reflect.DeepEqual(*e, has) {
		return fmt.Errorf("%q has at, do, %s and nothing else", e.Do, what)
	}
	return nil
}

func (e *Entry) checkBook() error {
	switch {
	case e.Spec == nil:
		return errors.New("spec: there is none to book")
	case !cluster.ValidName(e.Tenant):
		return fmt.Errorf("tenant: %q is not a DNS label", e.Tenant)
	case !reflect.DeepEqual(*e, Entry{At: e.At, Do: Book, Tenant: e.Tenant, Spec: e.Spec, For: e.For, Runs: e.Runs, Took: e.Took, Hold: e.Hold, Made: e.Made}):
		return errors.New("book has at, do, tenant, spec, for, runs, took, hold, made and nothing else")
	case e.For != 0 && (e.Spec.Duration != 0 || !e.Spec.End.IsZero()):
		return errors.New("for: the spec has an end or a duration already")
	}
	if e.For != 0 {
		spec := *e.Spec
		spec.Duration = time.Duration(e.For)
		e.Spec, e.For = &spec, 0
	}
	return nil
}

// lineCounter counts lines as a decoder reads ahead.
type lineCounter struct {
	from  io.Reader
	read  int64
	ends  []int64 // offsets of line ends that are not behind what was decoded
	lines int     // line ends before these
}

func (l *lineCounter) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	for i, b := range p[:n] {
		if b == '\n' {
			l.ends = append(l.ends, l.read+int64(i))
		}
	}
	l.read += int64(n)
	return n, err
}

// at is the line in which the decoder's last value ended, or its error is.
func (l *lineCounter) at(dec *json.Decoder, err error) int {
	offset := dec.InputOffset()
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = max(offset, wrong.Offset-1)
	} else if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = max(offset, wrong.Offset-1)
	}
	for len(l.ends) > 0 && l.ends[0] < offset {
		l.ends = l.ends[1:]
		l.lines++
	}
	return l.lines + 1
}
