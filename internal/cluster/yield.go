package cluster

import (
	"fmt"
	"slices"
	"time"
)

// Yield ends a best-effort cluster early, because a booking needs its room from
// shortly after end on. One that would end before it starts, or now, is given
// up. The caller sets Seq, and Version.
func Yield(c Cluster, end, now time.Time) (Cluster, Event) {
	c.Conditions = slices.Clone(c.Conditions)
	message := fmt.Sprintf("a booking needs the room: this best-effort cluster ends at %s instead of %s",
		end.UTC().Format(time.RFC3339), c.End.UTC().Format(time.RFC3339))
	kind := "warning"
	switch {
	case end.After(now) && end.After(c.Start):
		c.End = end
	case c.State == Active:
		c.End = now
	default:
		kind, message = "cancelled", "a booking needs the room: this best-effort cluster is given up"
		if c.State.waits() {
			c.EndedAt = &now // nothing of it was ever made
		}
		c.State, c.End = Cancelled, now
	}
	s := stepper{c: c, w: World{Now: now}}
	s.set(ConditionYielding, "True", "RoomNeeded", message)
	return s.c, Event{Time: now, Cluster: c.Name, Type: kind, Message: message, Detail: &EventDetail{Operation: "yield", End: s.c.End}}
}
