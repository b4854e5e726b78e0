package simulate

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// chance draws what happens in the world. What is drawn for a thing depends on
// the seed and the thing's name alone, never on what was drawn before: so that
// policies are compared in the same world.
type chance struct{ seed uint64 }

func (c chance) of(what, name string, attempt int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(what + "\x00" + name + "\x00" + strconv.Itoa(attempt)))
	return rand.New(rand.NewPCG(c.seed, h.Sum64()))
}

// draw is one of the times.
func (t Times) draw(r *rand.Rand) time.Duration {
	d := float64(t.Median)
	if t.Spread > 1 {
		d *= math.Pow(t.Spread, r.NormFloat64())
	}
	d = max(d, float64(t.Least))
	if t.Most > 0 {
		d = min(d, float64(t.Most))
	}
	return time.Duration(min(d, float64(365*24*time.Hour))).Round(time.Second)
}

// exponential is a time with a mean, at least a second.
func exponential(r *rand.Rand, mean Duration) time.Duration {
	return max(time.Second, time.Duration(min(r.ExpFloat64()*float64(mean), float64(200*365*24*time.Hour))).Round(time.Second))
}
