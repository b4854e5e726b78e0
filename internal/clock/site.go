package clock

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// lapse is after how long without a word a witness counts no more.
	lapse = time.Hour
	// sureWithin is after how long a process that hears nobody relies on its own
	// clock for what cannot be taken back.
	sureWithin = 30 * time.Second
	// jitter is by how much a base seems to move because a message took longer,
	// or time went by between two readings.
	jitter = time.Second
)

// Site is the time of the site, as one process of it knows it. Its methods may
// be called at the same time.
type Site struct {
	wall    func() time.Time
	elapsed func() time.Duration
	log     *slog.Logger

	mu        sync.Mutex
	base      time.Time
	judged    time.Time // the base of the own clock when base was decided
	witnesses map[string]statement
}

// statement is what one witness said last.
type statement struct {
	base   time.Time
	weight int
	heard  time.Duration
}

// New begins with what the machine's own clock says. Elapsed is how long the
// process has run, by a clock that nobody can set; nil: by the monotonic
// reading of wall, which time.Now has.
func New(wall func() time.Time, elapsed func() time.Duration, log *slog.Logger) *Site {
	if elapsed == nil {
		began := wall()
		elapsed = func() time.Duration { return wall().Sub(began) }
	}
	s := &Site{wall: wall, elapsed: elapsed, log: log, witnesses: map[string]statement{}}
	s.base, _ = s.own()
	s.judged = s.base
	return s
}

// own is the base of the machine's own clock, and how long the process has run.
func (s *Site) own() (time.Time, time.Duration) {
	elapsed := s.elapsed()
	return s.wall().Round(0).Add(-elapsed), elapsed
}

// Elapsed is how long the process has run: what lasts is measured with it.
func (s *Site) Elapsed() time.Duration { return s.elapsed() }

// Now is the site's time. It has no monotonic reading.
func (s *Site) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, elapsed := s.own()
	switch {
	case !near(own, s.judged, jitter):
		s.judge(own, elapsed)
	case agree(own, s.base):
		s.base = own
	}
	return s.base.Add(elapsed)
}

// Hear takes what the clock of another machine shows. It counts as weight
// clocks: one that speaks for a whole site is heard as two, more than the own.
func (s *Site) Hear(witness string, shows time.Time, weight int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, elapsed := s.own()
	base := shows.Round(0).Add(-elapsed)
	before, known := s.witnesses[witness]
	s.witnesses[witness] = statement{base, weight, elapsed}
	switch { // a large site is heard a thousand times a second
	case known && near(base, before.base, jitter):
	case agree(base, s.base) && agree(own, s.base):
	default:
		s.judge(own, elapsed)
	}
}

// judge decides the site's time anew. s.mu is held.
func (s *Site) judge(own time.Time, elapsed time.Duration) {
	var clocks []time.Time
	for name, said := range s.witnesses {
		if elapsed-said.heard > lapse {
			delete(s.witnesses, name)
			continue
		}
		for range said.weight {
			clocks = append(clocks, said.base)
		}
	}
	before := s.base
	s.base, s.judged = Judge(s.base, own, clocks), own
	if !agree(before, s.base) {
		s.log.Warn("the site's time was set: most of its clocks agree on it", "by", s.base.Sub(before), "own_clock_ahead", own.Sub(s.base))
	} else if !agree(own, s.base) {
		s.log.Warn("the clock of this machine is not the site's and is not followed: set it right", "ahead", own.Sub(s.base))
	}
}

// Ahead is how far the machine's own clock is ahead of the site's time.
func (s *Site) Ahead() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, _ := s.own()
	return own.Sub(s.base)
}

// WitnessAhead is how far a witness's clock is ahead of the site's time; not ok
// if it never said.
func (s *Site) WitnessAhead(witness string) (ahead time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	said, ok := s.witnesses[witness]
	return said.base.Sub(s.base), ok
}

// Sure reports whether what cannot be taken back may be done by this time. A
// machine may start with any time on its clock: a process that has just begun
// waits until more than half of the others were heard, or for half a minute.
func (s *Site) Sure(others int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return others == 0 || 2*len(s.witnesses) > others || s.elapsed() >= sureWithin
}
