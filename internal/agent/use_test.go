package agent

import (
	"testing"
	"time"

	"quarry/internal/vnode"
)

func TestIdleSinceStays(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var u use
	for i, c := range []struct {
		after    time.Duration // since the first message
		idle     int64
		sessions int
		want     time.Duration // before the first message; negative for none
	}{
		{0, 60, 0, time.Minute},
		{10 * time.Second, 60, 0, time.Minute}, // repeated
		{31 * time.Second, 90, 0, time.Minute},
		{time.Hour, 3660, 0, time.Minute},
		{time.Hour, 0, 0, -1},
		{time.Hour, 30, 0, 30*time.Second - time.Hour},
		{time.Hour, 30, 1, -1},
	} {
		u = u.heard(vnode.FromGuest{Type: "health", IdleSeconds: c.idle, Sessions: c.sessions}, at.Add(c.after))
		switch {
		case c.want == -1 && u.idleSince != nil, c.want != -1 && (u.idleSince == nil || !u.idleSince.Equal(at.Add(-c.want))):
			t.Errorf("message %d: idle since %v, want %s before", i, u.idleSince, c.want)
		case u.sessions != c.sessions:
			t.Errorf("message %d: %d logins", i, u.sessions)
		}
	}
}
