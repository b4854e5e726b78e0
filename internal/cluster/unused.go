package cluster

import (
	"fmt"
	"slices"
	"time"
)

// unused warns of a running cluster that nobody uses, and ends its window when
// the provider says so: never sooner than the time between the two after the
// warning.
func (s *stepper) unused() {
	c, w := &s.c, s.w
	i := slices.IndexFunc(c.Conditions, func(o Condition) bool { return o.Type == ConditionUnused })
	warned := i >= 0 && c.Conditions[i].Status == "True"
	since, idle := s.idleSince()
	if c.State != Active || w.UnusedWarn <= 0 || !idle || w.Now.Sub(since) < w.UnusedWarn {
		if warned && c.State == Active {
			s.set(ConditionUnused, "False", "InUse", "the cluster is in use again")
		}
		return
	}
	message := fmt.Sprintf("nobody is logged in and next to nothing is done since %s", since.UTC().Format(time.RFC3339))
	if !warned {
		if w.UnusedReclaim > w.UnusedWarn {
			message += fmt.Sprintf(": it is ended at %s unless somebody uses it", w.Now.Add(w.UnusedReclaim-w.UnusedWarn).UTC().Format(time.RFC3339))
		}
		s.set(ConditionUnused, "True", "Idle", message)
		s.tell("warning", "", "%s", message)
		return
	}
	notice := w.UnusedReclaim - w.UnusedWarn
	if notice > 0 && !w.Unsure && w.Now.Sub(since) >= w.UnusedReclaim && w.Now.Sub(c.Conditions[i].Since) >= notice && w.Now.Before(c.End) {
		c.End = w.Now
		s.tell("changed", "", "%s: its window is ended", message)
		s.detail(EventDetail{Operation: "reclaim", End: c.End})
	}
}

// idleSince is since when no vnode of the cluster is used; idle is false when
// one is, or when it is not known of one.
func (s *stepper) idleSince() (since time.Time, idle bool) {
	if s.c.ActiveAt == nil {
		return since, false
	}
	since = *s.c.ActiveAt
	for _, n := range s.c.Nodes {
		seen := s.w.Nodes[n.Name]
		if seen.IdleSince == nil {
			return since, false
		}
		if seen.IdleSince.After(since) {
			since = *seen.IdleSince
		}
	}
	return since, len(s.c.Nodes) > 0
}
