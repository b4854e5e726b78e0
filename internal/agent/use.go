package agent

import (
	"time"

	"quarry/internal/vnode"
)

const (
	// maxIdle bounds how long a guest may say that it was idle.
	maxIdle = 366 * 24 * time.Hour
	// idleJitter is how much later the beginning of being idle may seem to be
	// because a guest repeats what it said.
	idleJitter = 2 * time.Minute
)

// use is what a guest said of being used.
type use struct {
	sessions  int
	idleSince *time.Time
}

// hearUse takes what a health message says of being used. The instant stays
// the same while the guest is idle, so that reports do not change.
func (r *runner) hearUse(m vnode.FromGuest, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.use = r.use.heard(m, now)
}

func (u use) heard(m vnode.FromGuest, now time.Time) use {
	next := use{sessions: m.Sessions}
	if m.Sessions > 0 || m.IdleSeconds <= 0 {
		return next
	}
	since := now.Add(-time.Duration(m.IdleSeconds) * time.Second).UTC().Truncate(time.Second)
	if old := u.idleSince; old != nil && !since.Before(old.Add(-idleJitter)) && since.Before(old.Add(idleJitter)) {
		since = *old
	}
	next.idleSince = &since
	return next
}
