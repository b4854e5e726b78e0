package cluster

import (
	"testing"
	"time"
)

func TestUnused(t *testing.T) {
	t0 := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ready := func(since *time.Time) Seen { return Seen{Stage: "ready", Progress: 100, Ready: true, IdleSince: since} }
	at := func(minute int) *time.Time { v := t0.Add(time.Duration(minute) * time.Minute); return &v }
	base := Cluster{
		Name: "farm", State: Active, ActiveAt: &t0, ReadyAt: &t0, Start: t0, End: t0.Add(24 * time.Hour),
		Nodes: []Node{{Name: "gateway", State: NodeReady, Stage: "ready", Progress: 100}, {Name: "compute-0", State: NodeReady, Stage: "ready", Progress: 100}},
	}
	for _, steps := range [][]struct {
		minute        int
		gateway, node *time.Time
		reclaim       time.Duration
		state         State
		status        string // of the condition
	}{
		{ // warned, then ended
			{29, at(-60), at(-60), 2 * time.Hour, Active, ""}, // it counts from the hand-over
			{30, at(-60), at(-60), 2 * time.Hour, Active, "True"},
			{119, at(-60), at(-60), 2 * time.Hour, Active, "True"},
			{120, at(-60), at(-60), 2 * time.Hour, Ending, "True"},
		},
		{ // used in between
			{45, at(0), at(10), time.Hour, Active, "True"},
			{46, nil, at(10), time.Hour, Active, "False"},
			{80, at(50), at(10), time.Hour, Active, "True"},
			{109, at(50), at(10), time.Hour, Active, "True"},
			{110, at(50), at(10), time.Hour, Ending, "True"},
		},
		{ // warned late, because nobody looked: the notice stays as long
			{300, at(0), at(0), time.Hour, Active, "True"},
			{329, at(0), at(0), time.Hour, Active, "True"},
			{330, at(0), at(0), time.Hour, Ending, "True"},
		},
		{ // warned only
			{30, at(0), at(0), 0, Active, "True"},
			{1400, at(0), at(0), 0, Active, "True"},
		},
	} {
		c := base
		for _, s := range steps {
			w := World{
				Now: *at(s.minute), Nodes: map[string]Seen{"gateway": ready(s.gateway), "compute-0": ready(s.node)},
				UnusedWarn: 30 * time.Minute, UnusedReclaim: s.reclaim,
			}
			var events []Event
			c, events = Step(c, w)
			status := ""
			for _, o := range c.Conditions {
				if o.Type == ConditionUnused {
					status = o.Status
				}
			}
			if c.State != s.state || status != s.status {
				t.Fatalf("at %d: %s, unused %q, want %s, %q: %+v", s.minute, c.State, status, s.state, s.status, events)
			}
			if _, again := Step(c, w); len(again) > 0 {
				t.Fatalf("at %d it is told twice: %+v", s.minute, again)
			}
		}
	}
	if c, events := Step(base, World{Now: *at(600), Nodes: map[string]Seen{"gateway": ready(at(0)), "compute-0": ready(at(0))}}); c.State != Active || len(events) > 0 {
		t.Errorf("unasked: %s %+v", c.State, events)
	}
}
