package estimate

import (
	"fmt"
	"math"
	"time"

	"quarry/internal/fault"
)

// Policy is what the provider decides about estimates.
type Policy struct {
	// Percentile and Confidence are in per cent: this share of preparations
	// takes no longer than the estimate, as sure as that.
	Percentile float64 `json:"percentile"`
	Confidence float64 `json:"confidence"`
	// A cluster whose images are there is given no less than the floor and no
	// more than the ceiling to prepare in. The same for wiping it.
	PrepareFloor   time.Duration `json:"prepareFloor"` // nanoseconds in JSON
	PrepareCeiling time.Duration `json:"prepareCeiling"`
	WipeFloor      time.Duration `json:"wipeFloor"`
	WipeCeiling    time.Duration `json:"wipeCeiling"`
}

// DefaultPolicy is what holds until the provider decides.
var DefaultPolicy = Policy{
	Percentile: 95, Confidence: 90,
	PrepareFloor: time.Minute, PrepareCeiling: 30 * time.Minute,
	WipeFloor: 30 * time.Second, WipeCeiling: 10 * time.Minute,
}

// Validate lists everything wrong with the policy.
func (p Policy) Validate() error {
	var l fault.List
	for _, f := range []struct {
		field string
		value float64
	}{{"estimate-percentile", p.Percentile}, {"estimate-confidence", p.Confidence}} {
		if !(f.value >= 50 && f.value <= 99.9) {
			l.Add(f.field, fmt.Sprintf("%v is not between 50 and 99.9 per cent", f.value))
		}
	}
	for _, f := range []struct {
		field          string
		floor, ceiling time.Duration
	}{{"prepare", p.PrepareFloor, p.PrepareCeiling}, {"wipe", p.WipeFloor, p.WipeCeiling}} {
		if f.floor < time.Second {
			l.Add(f.field+"-floor", fmt.Sprintf("%s is less than a second", f.floor))
		}
		if f.ceiling > 24*time.Hour {
			l.Add(f.field+"-ceiling", fmt.Sprintf("%s is more than a day", f.ceiling))
		}
		if f.floor > f.ceiling {
			l.Add(f.field+"-floor", fmt.Sprintf("%s is more than the ceiling, %s", f.floor, f.ceiling))
		}
	}
	return l.Err(fault.Invalid, "estimates cannot be made like this")
}

// needed is how many measurements the bound takes.
func (p Policy) needed() int {
	return max(1, int(math.Ceil(math.Log(1-p.Confidence/100)/math.Log(p.Percentile/100)-1e-9)))
}

// rank is the place, from 1, of the measurement among n in order that is the
// bound; 0 if n are too few.
func (p Policy) rank(n int) int {
	q, rest := p.Percentile/100, 1-p.Confidence/100
	// P(B ≥ k), summed from the upper tail, where the terms are small.
	tail, term, k := 0.0, math.Pow(q, float64(n)), n+1
	for k > 1 && tail+term <= rest+1e-12 {
		tail += term
		k--
		term *= float64(k) / float64(n-k+1) * (1 - q) / q
	}
	if k > n {
		return 0
	}
	return k
}
