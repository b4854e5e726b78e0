package manager

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestLead(t *testing.T) {
	for _, c := range []struct {
		name    string
		h       history
		missing int
		want    time.Duration
	}{
		{"nothing known", history{}, 2, firstPrepare + margin + 2*firstBuild},
		{"images at hand", history{}, 0, firstPrepare + margin},
		{"the slowest and half of it", history{prepare: []time.Duration{time.Minute, 2 * time.Minute}}, 0, 3*time.Minute + margin},
		{"never less than a little", history{prepare: []time.Duration{time.Second}}, 0, leastPrepare + margin},
		{"builds one after the other", history{build: []time.Duration{10 * time.Second}, prepare: []time.Duration{2 * time.Minute}}, 3, 3*time.Minute + margin + 45*time.Second},
	} {
		if got := c.h.lead(c.missing); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// What was promised is never less than what is expected.
func TestLeadCoversWhatIsExpected(t *testing.T) {
	times := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(1, 600).Draw(t, "seconds")) * time.Second
	}), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		h := history{build: times.Draw(t, "builds"), prepare: times.Draw(t, "preparations")}
		missing := rapid.IntRange(0, 4).Draw(t, "missing")
		progress := rapid.IntRange(0, 100).Draw(t, "progress")
		if h.lead(missing) < h.remaining(missing, progress) {
			t.Fatalf("promised %s, expected %s", h.lead(missing), h.remaining(missing, progress))
		}
	})
}
