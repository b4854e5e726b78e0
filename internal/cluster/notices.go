package cluster

import (
	"fmt"
	"slices"
	"time"

	"quarry/internal/vnode"
)

// Topics of notices.
const (
	topicEnd    = "end"
	topicUnused = "unused"
)

// An end is told of again when so much time is left, if the window is longer
// than the rest.
var endWarnings = []struct{ left, ifLonger time.Duration }{
	{15 * time.Minute, time.Hour},
	{5 * time.Minute, 20 * time.Minute},
}

// Notices are what the people on a cluster's vnodes are to know: when it ends
// and why, and that nobody seems to use it. Times are told in UTC and in the
// vnodes' own time zone. They hold nothing that a person wrote but the
// cluster's name. Nil before its preparation and once it is over.
func Notices(c Cluster, local *time.Location) []vnode.Notice {
	if !c.State.Begun() || c.State.over() {
		return nil
	}
	what := fmt.Sprintf("Cluster %s ends at %s; its disks are wiped then.", c.Name, clock(c.End, local))
	then := fmt.Sprintf("For more time: quarry cluster extend %s --by 1h", c.Name)
	yields := c.holds(ConditionYielding)
	if yields {
		what = fmt.Sprintf("Cluster %s has to end at %s; its disks are wiped then.\nIt is best-effort, and a booking needs its room.", c.Name, clock(c.End, local))
		then = "Take with you what you need."
	}
	list := []vnode.Notice{{Topic: topicEnd, Text: what + "\n" + then, Quiet: !yields}}
	for _, w := range endWarnings {
		if c.End.Sub(c.Start) <= w.ifLonger {
			continue
		}
		list = append(list, vnode.Notice{
			Topic: topicEnd, From: c.End.Add(-w.left),
			Text: fmt.Sprintf("Less than %d minutes are left. %s\n%s", int(w.left.Minutes()), what, then),
		})
	}
	if c.holds(ConditionUnused) {
		i := slices.IndexFunc(c.Conditions, func(o Condition) bool { return o.Type == ConditionUnused })
		list = append(list, vnode.Notice{Topic: topicUnused, Text: fmt.Sprintf(
			"Cluster %s seems unused: %s.\nWhoever stays logged in, or lets it work, keeps it. To give it back: quarry cluster end %s",
			c.Name, c.Conditions[i].Message, c.Name)})
	}
	return list
}

// holds reports whether a condition is true.
func (c Cluster) holds(kind string) bool {
	return slices.ContainsFunc(c.Conditions, func(o Condition) bool { return o.Type == kind && o.Status == "True" })
}

// clock is an instant in UTC and, where that differs, as local clocks show it.
func clock(t time.Time, local *time.Location) string {
	utc := t.UTC().Format("2006-01-02 15:04:05 MST")
	if _, offset := t.In(local).Zone(); offset == 0 {
		return utc
	}
	return utc + " (" + t.In(local).Format("15:04:05 MST") + ")"
}
