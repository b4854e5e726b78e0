package vnode

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestDueNotices(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	list := []Notice{
		{Topic: "end", Text: "at 13:00", Quiet: true},
		{Topic: "unused", Text: "nobody is here"},
		{Topic: "end", Text: "soon", From: noon},
		{Topic: "end", Text: "very soon", From: noon.Add(10 * time.Minute)},
	}
	for _, c := range []struct {
		at   time.Time
		want []string
		next time.Time
	}{
		{noon.Add(-time.Second), []string{"at 13:00", "nobody is here"}, noon},
		{noon, []string{"soon", "nobody is here"}, noon.Add(10 * time.Minute)},
		{noon.Add(time.Hour), []string{"very soon", "nobody is here"}, time.Time{}},
	} {
		due, next := Due(list, c.at)
		var got []string
		for _, n := range due {
			got = append(got, n.Text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" || !next.Equal(c.next) {
			t.Errorf("at %s: next %s, want %s; %s", c.at, next, c.next, diff)
		}
	}
}

func FuzzNotices(f *testing.F) {
	f.Add([]byte(`{"type":"identity","notices":[{"topic":"end","text":"a\u001b[2Jb\u009b1m\u202ec\n"},{"topic":"end","from":"2026-01-01T00:00:00Z"}]}`), int64(0))
	f.Add([]byte(`{"notices":[{"text":"`+strings.Repeat("ä", MaxNotice)+`"}]}`), int64(1)<<40)
	f.Fuzz(func(t *testing.T, raw []byte, unix int64) {
		var m ToGuest
		if json.Unmarshal(raw, &m) != nil {
			return
		}
		now := time.Unix(unix, 0)
		due, next := Due(m.Notices, now)
		if !next.IsZero() && !next.After(now) {
			t.Errorf("changes next at %s, which has passed", next)
		}
		topics := map[string]bool{}
		for _, n := range due {
			if topics[n.Topic] || n.From.After(now) {
				t.Errorf("topic %q twice, or before its time", n.Topic)
			}
			topics[n.Topic] = true
			text := n.Printable()
			bad := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsPrint(c) })
			if bad >= 0 || len(text) > MaxNotice {
				t.Errorf("%d bytes for a terminal: %q", len(text), text)
			}
		}
	})
}
