package clock

import (
	"log/slog"
	"testing"
	"time"
)

// machine is one whose clock and run time the test sets.
type machine struct {
	*Site
	ran, set time.Duration
}

func newMachine(t *testing.T) *machine {
	m := &machine{}
	m.Site = New(func() time.Time { return at(m.ran + m.set) }, func() time.Duration { return m.ran }, slog.New(slog.NewTextHandler(t.Output(), nil)))
	return m
}

func (m *machine) want(t *testing.T, what string, off time.Duration) {
	t.Helper()
	if got := m.Now().Sub(at(m.ran)); got != off {
		t.Fatalf("%s: the site's time is %s off, want %s", what, got, off)
	}
}

func TestSiteTime(t *testing.T) {
	m := newMachine(t)
	for _, p := range []string{"p1", "p2", "p3"} {
		m.Hear(p, at(0), 1)
	}
	m.want(t, "true", 0)
	m.set, m.ran = time.Hour, 10*time.Second
	m.want(t, "the own clock is set", 0)
	if m.Ahead() != time.Hour {
		t.Errorf("it is %s ahead", m.Ahead())
	}
	m.ran = time.Minute
	m.want(t, "and runs on", 0)
	m.set = 0
	m.want(t, "it is set right", 0)

	m.Hear("p1", at(m.ran+time.Hour), 1)
	m.want(t, "one other is set", 0)
	if ahead, ok := m.WitnessAhead("p1"); !ok || ahead != time.Hour {
		t.Errorf("p1 is %s ahead", ahead)
	}
	m.Hear("p2", at(m.ran+time.Hour), 1)
	m.want(t, "half of them", 0)
	m.Hear("p3", at(m.ran+time.Hour), 1)
	m.want(t, "most", time.Hour)
	m.set = time.Hour
	m.want(t, "all", time.Hour)

	m.ran += lapse + time.Second
	m.set = 0
	m.want(t, "nobody was heard for long", 0)
}

func TestLeaderIsFollowed(t *testing.T) {
	m := newMachine(t)
	m.set = time.Hour
	m.want(t, "alone", time.Hour)
	m.Hear("manager", at(0), 2)
	m.want(t, "the leader says other", 0)
	m.set = 10 * time.Second
	m.want(t, "about what it says", 10*time.Second)
	m.set = -time.Hour
	m.want(t, "set away from it", 10*time.Second)
}

func TestSure(t *testing.T) {
	m := newMachine(t)
	if m.Sure(4) {
		t.Error("sure without a word")
	}
	m.Hear("p1", at(0), 1)
	m.Hear("p2", at(0), 1)
	if m.Sure(4) {
		t.Error("sure with half of them")
	}
	m.Hear("p3", at(0), 1)
	if !m.Sure(4) {
		t.Error("not sure with most of them")
	}
	m = newMachine(t)
	m.ran = sureWithin
	if !m.Sure(4) {
		t.Error("waits for those who are not there")
	}
	if !newMachine(t).Sure(0) {
		t.Error("waits for nobody")
	}
}
