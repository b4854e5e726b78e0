package quota

import (
	"slices"
	"time"

	"quarry/internal/calendar"
)

// First returns the first start in [notBefore, until] at which a request would
// be allowed for its own length; ok is false when there is none. It is exact to
// the second: between notBefore and the answer no start is allowed.
func (u *Use) First(req calendar.Request, notBefore, until time.Time) (start time.Time, ok bool) {
	c, l := ClaimOf(req), u.limits
	length := c.to() - c.from()
	if l.LongestSeconds > 0 && length > l.LongestSeconds || u.neverAt(c) {
		return time.Time{}, false
	}
	if soonest := u.now.Add(span(l.NoticeSeconds)); !c.BestEffort && l.NoticeSeconds > 0 && notBefore.Before(soonest) {
		notBefore = soonest
	}
	if l.HorizonSeconds > 0 {
		until = earlier(until, u.now.Add(span(l.HorizonSeconds)))
	}
	at := (Claim{End: notBefore}).to()
	for {
		next := u.afterPeriods(c, u.afterPeaks(c, at, length), length)
		if next > (Claim{End: until}).to() {
			return time.Time{}, false
		}
		if next == at {
			return instant(at), true
		}
		at = next
	}
}

// neverAt reports whether a claim is too much even for who holds nothing.
func (u *Use) neverAt(c Claim) bool {
	for r, asked := range c.amounts() {
		if most := u.limits.bound(r); most > 0 && asked > most {
			return true
		}
	}
	return false
}

// afterPeaks is the first start from at on with no second within the window at
// which too much would be held: behind the last such second, and so on.
func (u *Use) afterPeaks(c Claim, at, length int64) int64 {
	i := max(u.first(at), 0)
	for ; i < len(u.steps) && u.steps[i].at < at+length; i++ {
		if i+1 < len(u.steps) && u.steps[i+1].at > at && u.tooMuch(i, c) {
			at = u.steps[i+1].at
		}
	}
	return at
}

func (u *Use) tooMuch(i int, c Claim) bool {
	for r, asked := range c.amounts() {
		if most := u.limits.bound(r); most > 0 && asked > 0 && u.steps[i].used[r]+asked > most {
			return true
		}
	}
	return false
}

// afterPeriods is the first start from at on with which no period that the
// window lies in is overspent. Where a period leaves less than the window takes
// of it, no start will do before so late that only the rest is taken.
func (u *Use) afterPeriods(c Claim, at, length int64) int64 {
	l := u.limits
	if l.MaxNodeHours == 0 || c.BestEffort || c.Nodes == 0 {
		return at
	}
	for n := l.period(at); n <= l.period(at+length-1); n++ {
		from, to := l.periodFrom(n), l.periodFrom(n+1)
		takes := min(at+length, to) - max(at, from)
		if left := max(0, l.MaxNodeHours*3600-u.spentIn(n)) / c.Nodes; takes > left {
			return to - left
		}
	}
	return at
}

// With is the use once a request is booked as well.
func (u *Use) With(req calendar.Request) calendar.Limit {
	return NewUse(u.limits, u.now, append(slices.Clone(u.own), ClaimOf(req)), u.past)
}

// Longest is how long a window may be, 0 for no limit.
func (u *Use) Longest() time.Duration { return span(u.limits.LongestSeconds) }

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
