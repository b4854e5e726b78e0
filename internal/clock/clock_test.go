package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func at(d time.Duration) time.Time { return time.Unix(1e9, 0).Add(d) }

func all(list ...time.Duration) (clocks []time.Time) {
	for _, d := range list {
		clocks = append(clocks, at(d))
	}
	return clocks
}

func TestJudge(t *testing.T) {
	const h = time.Hour
	for name, c := range map[string]struct {
		held, own time.Duration
		witnesses []time.Duration
		want      time.Duration
	}{
		"nobody else: the own clock":                   {0, h, nil, h},
		"one other holds it":                           {0, h, []time.Duration{0}, 0},
		"one other agrees":                             {0, h, []time.Duration{h}, h},
		"most others hold it":                          {0, -h, []time.Duration{0, -h, 0, 0}, 0},
		"most others agree":                            {0, -h, []time.Duration{0, -h, -h, -h}, -h},
		"set right with all others":                    {0, h, []time.Duration{h, h, h}, h},
		"started wrong":                                {h, h, []time.Duration{0, 2 * time.Second, 0}, 2 * time.Second},
		"started wrong, set right":                     {0, 0, []time.Duration{0, 0, 0}, 0},
		"one other is wrong":                           {0, 0, []time.Duration{h}, 0},
		"everybody says something else":                {0, h, []time.Duration{2 * h, 3 * h, 4 * h}, 0},
		"half against half":                            {0, h, []time.Duration{0, h, 0}, 0},
		"a small step is followed":                     {0, 30 * time.Second, []time.Duration{0, 0, 0}, 30 * time.Second},
		"own among the majority":                       {h, 20 * time.Second, []time.Duration{0, 0, h}, 20 * time.Second},
		"a leader, who is two":                         {0, h, []time.Duration{0, 0}, 0},
		"a leader, at the start":                       {h, h, []time.Duration{0, 0}, 0},
		"a leader that was set right and the own also": {0, h, []time.Duration{h, h}, h},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Judge(at(c.held), at(c.own), all(c.witnesses...)); !got.Equal(at(c.want)) {
				t.Errorf("the base is %s, want %s", got.Sub(at(0)), c.want)
			}
		})
	}
}

// With two clocks that stay true a third one may show anything: the site's time
// moves by no more than clocks differ that agree.
func TestOneClockAloneMovesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(-int64(1e7*time.Second), int64(1e7*time.Second)).Draw(t, "d"))
		})
		true0 := func(i int) []time.Duration { return make([]time.Duration, i) }
		honest := rapid.IntRange(2, 6).Draw(t, "honest")
		wrong := any.Draw(t, "wrong")
		var got time.Time
		if rapid.Bool().Draw(t, "own is wrong") {
			got = Judge(at(0), at(wrong), all(true0(honest)...))
		} else {
			got = Judge(at(0), at(0), all(append(true0(honest-1), wrong)...))
		}
		if !agree(got, at(0)) {
			t.Fatalf("the base moved by %s, one clock shows %s", got.Sub(at(0)), wrong)
		}
	})
}

// What more than half of all clocks show is the site's time, whatever was held
// and in whatever order they are heard.
func TestTheMajorityIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.Int64Range(-int64(1e7*time.Second), int64(1e7*time.Second))
		wrong := rapid.SliceOfN(any, 0, 5).Draw(t, "wrong")
		var clocks []time.Duration
		for _, d := range wrong {
			clocks = append(clocks, time.Duration(d))
		}
		clocks = append(clocks, make([]time.Duration, len(wrong)+1)...)
		clocks = rapid.Permutation(clocks).Draw(t, "order")
		held := time.Duration(any.Draw(t, "held"))
		if got := Judge(at(held), at(clocks[0]), all(clocks[1:]...)); got.Sub(at(0)).Abs() > 2*Tolerance {
			t.Fatalf("the base is %s off", got.Sub(at(0)))
		}
	})
}
