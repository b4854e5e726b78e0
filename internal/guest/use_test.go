package guest

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"
)

func proc(busy, idle int, lines ...string) fstest.MapFS {
	fs := fstest.MapFS{"stat": {Data: fmt.Appendf(nil, "cpu  %d 0 0 %d 0 0 0 0 0 0\ncpu0 1 2 3 4\n", busy, idle)}}
	for i, l := range lines {
		fs[fmt.Sprintf("%d/cmdline", 100+i)] = &fstest.MapFile{Data: []byte(l + "\x00")}
	}
	return fs
}

func TestSessionsAreCounted(t *testing.T) {
	for line, want := range map[string]int{
		"sshd: admin@pts/0":         1,
		"sshd-session: alice@notty": 1,
		"sshd-session: alice":       1,
		"sshd: admin [priv]":        0,
		"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups": 0,
		"sshd-session: [accepted]":                                0,
		"/usr/sbin/sshd\x00-D":                                    0,
		"-bash":                                                   0,
	} {
		if got := sessionsIn(proc(0, 0, line)); got != want {
			t.Errorf("%q is %d logins, want %d", line, got, want)
		}
	}
}

func TestIdleTime(t *testing.T) {
	var u usage
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, c := range []struct {
		busy, idle int // ticks in the last 30 s
		login      bool
		want       time.Duration
	}{
		{0, 100, false, 0}, // the first look measures nothing
		{5, 95, false, 30 * time.Second},
		{15, 85, false, time.Minute},
		{16, 84, false, 0},
		{0, 100, false, 30 * time.Second},
		{0, 100, true, 0},
		{0, 100, false, 30 * time.Second},
		{0, 100, false, time.Minute},
	} {
		at = at.Add(30 * time.Second)
		var lines []string
		if c.login {
			lines = []string{"sshd: admin@pts/0"}
		}
		busy, idle := int(u.total-u.idle)+c.busy, int(u.idle)+c.idle
		sessions, got := u.note(proc(busy, idle, lines...), at)
		if got != c.want || (sessions == 1) != c.login {
			t.Errorf("look %d: idle for %s with %d logins, want %s", i, got, sessions, c.want)
		}
	}
	if _, idle := u.note(fstest.MapFS{}, at.Add(time.Minute)); idle != 0 {
		t.Errorf("idle for %s, and nothing was measured", idle)
	}
}
