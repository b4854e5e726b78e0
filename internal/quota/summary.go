package quota

import "time"

// Summary is what a tenant holds now and at most from now on.
type Summary struct {
	CPUs      Level `json:"cpus"`
	MemoryMiB Level `json:"memoryMiB"`
	Addresses Level `json:"addresses"`
	// NodeHours are those booked in the period that began at Period; only
	// where they are limited.
	NodeHours float64   `json:"nodeHours,omitempty"`
	Period    time.Time `json:"period,omitzero"`
	Clusters  int       `json:"clusters"`
}

// Level is an amount now, and the most from now on and when that is.
type Level struct {
	Now    int64     `json:"now"`
	Peak   int64     `json:"peak"`
	PeakAt time.Time `json:"peakAt,omitzero"`
}

// Summary tells what is held.
func (u *Use) Summary() Summary {
	s := Summary{CPUs: u.level(cpus), MemoryMiB: u.level(memory), Addresses: u.level(addresses), Clusters: len(u.own)}
	if u.limits.MaxNodeHours > 0 {
		s.Period = u.limits.PeriodAt(u.now)
		s.NodeHours = hours(u.spentIn(u.limits.period(u.now.Unix())))
	}
	return s
}

func (u *Use) level(resource int) Level {
	const ever = 1 << 40
	now := u.now.Unix()
	var l Level
	if i := u.first(now); i >= 0 {
		l.Now = u.steps[i].used[resource]
	}
	most, since := u.peak(resource, now, ever)
	if l.Peak = most; most > 0 {
		l.PeakAt = instant(since)
	}
	return l
}

// PeriodAt is when the period of node-hours begins that an instant lies in.
func (l Limits) PeriodAt(at time.Time) time.Time {
	if l.NodeHoursSeconds == 0 {
		return time.Time{}
	}
	return instant(l.periodFrom(l.period(at.Unix())))
}
