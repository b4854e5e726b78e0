// Package quota says how much of a site one tenant may hold: what is allowed,
// what is used by which of the tenant's own clusters, and when more would be
// allowed. Pure: no I/O, the time and everything held are arguments.
//
// The amounts are exact for every second of the future: they are those of the
// tenant's bookings and holds in the calendar. A booking counts over its window
// [start, end): preparing and wiping are the site's own affair, and how long
// they take changes as the site learns.
package quota

import (
	"encoding/json"
	"fmt"
	"time"

	"quarry/internal/fault"
)

// Limits are what one tenant may hold. Of each field 0 means what the site's
// defaults say, and None that there is no limit; in the defaults themselves 0
// is no limit either.
type Limits struct {
	// MaxCPUs, MaxMemoryMiB and MaxAddresses bound what all clusters of the
	// tenant hold together at any second: virtual CPUs, memory in MiB, and
	// addresses on the outside network.
	MaxCPUs      int64 `json:"maxCPUs,omitempty" yaml:"maxCPUs,omitempty"`
	MaxMemoryMiB int64 `json:"maxMemoryMiB,omitempty" yaml:"maxMemoryMiB,omitempty"`
	MaxAddresses int64 `json:"maxAddresses,omitempty" yaml:"maxAddresses,omitempty"`
	// MaxNodeHours bounds the vnodes times hours in each period of
	// NodeHoursSeconds. Periods follow each other without a gap from Monday
	// 1970-01-05 00:00 UTC on, so that weeks begin on Mondays.
	MaxNodeHours     int64 `json:"maxNodeHours,omitempty" yaml:"maxNodeHours,omitempty"`
	NodeHoursSeconds int64 `json:"nodeHoursSeconds,omitempty" yaml:"nodeHoursSeconds,omitempty"`
	// HorizonSeconds is how far ahead a cluster may start, LongestSeconds how
	// long its window may be, NoticeSeconds how far ahead it must start.
	HorizonSeconds int64 `json:"horizonSeconds,omitempty" yaml:"horizonSeconds,omitempty"`
	LongestSeconds int64 `json:"longestSeconds,omitempty" yaml:"longestSeconds,omitempty"`
	NoticeSeconds  int64 `json:"noticeSeconds,omitempty" yaml:"noticeSeconds,omitempty"`
	// Priority is the tenant's class, normal when nothing is said.
	Priority Priority `json:"priority,omitempty" yaml:"priority,omitempty"`
	// UnusedWarnSeconds is after how long without a login and without work a
	// running cluster is said to be unused, UnusedReclaimSeconds after how long
	// its window is ended. Without the first the second does nothing.
	UnusedWarnSeconds    int64 `json:"unusedWarnSeconds,omitempty" yaml:"unusedWarnSeconds,omitempty"`
	UnusedReclaimSeconds int64 `json:"unusedReclaimSeconds,omitempty" yaml:"unusedReclaimSeconds,omitempty"`
}

// None is the value of a field that limits nothing, whatever the defaults say.
const None = -1

// Bounds of what can be set.
const (
	leastPeriod = time.Hour
	mostSeconds = int64(5 * 366 * 24 * time.Hour / time.Second)
	mostAmount  = 1 << 40
)

// Priority is a tenant's class. It never takes a booked cluster's room: it
// orders who is planned anew first when a pnode is lost, and which best-effort
// clusters yield last.
type Priority string

// The classes.
const (
	High   Priority = "high"
	Normal Priority = "normal"
	Low    Priority = "low"
)

// Rank orders classes: the higher goes first.
func (p Priority) Rank() int {
	switch p {
	case High:
		return 1
	case Low:
		return -1
	}
	return 0
}

// LimitsChange sets some of a tenant's limits: what is nil stays.
type LimitsChange struct {
	MaxCPUs              *int64    `json:"maxCPUs,omitempty" doc:"virtual CPUs at any second; 0 as the site's default, -1 no limit"`
	MaxMemoryMiB         *int64    `json:"maxMemoryMiB,omitempty" doc:"MiB of memory at any second"`
	MaxAddresses         *int64    `json:"maxAddresses,omitempty" doc:"addresses on the outside network at any second"`
	MaxNodeHours         *int64    `json:"maxNodeHours,omitempty" doc:"vnodes times hours in each period"`
	NodeHoursSeconds     *int64    `json:"nodeHoursSeconds,omitempty" doc:"length of the period of maxNodeHours"`
	HorizonSeconds       *int64    `json:"horizonSeconds,omitempty" doc:"how far ahead a cluster may start"`
	LongestSeconds       *int64    `json:"longestSeconds,omitempty" doc:"how long a window may be"`
	NoticeSeconds        *int64    `json:"noticeSeconds,omitempty" doc:"how far ahead a cluster must start"`
	Priority             *Priority `json:"priority,omitempty" doc:"high, normal or low; empty as the site's default"`
	UnusedWarnSeconds    *int64    `json:"unusedWarnSeconds,omitempty" doc:"after how long without use a cluster is warned"`
	UnusedReclaimSeconds *int64    `json:"unusedReclaimSeconds,omitempty" doc:"after how long without use a cluster is ended"`
}

// Changed returns the limits with a change made to them.
func (l Limits) Changed(by LimitsChange) (Limits, error) {
	raw, err := json.Marshal(by)
	if err != nil {
		return l, fmt.Errorf("encode the change of limits: %w", err)
	}
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, fmt.Errorf("change the limits: %w", err)
	}
	return l, l.Check()
}

// Check lists everything wrong with limits.
func (l Limits) Check() error {
	var wrong fault.List
	for _, f := range []struct {
		name        string
		value, most int64
	}{
		{"maxCPUs", l.MaxCPUs, mostAmount},
		{"maxMemoryMiB", l.MaxMemoryMiB, mostAmount},
		{"maxAddresses", l.MaxAddresses, mostAmount},
		{"maxNodeHours", l.MaxNodeHours, mostAmount},
		{"nodeHoursSeconds", l.NodeHoursSeconds, mostSeconds},
		{"horizonSeconds", l.HorizonSeconds, mostSeconds},
		{"longestSeconds", l.LongestSeconds, mostSeconds},
		{"noticeSeconds", l.NoticeSeconds, mostSeconds},
		{"unusedWarnSeconds", l.UnusedWarnSeconds, mostSeconds},
		{"unusedReclaimSeconds", l.UnusedReclaimSeconds, mostSeconds},
	} {
		if f.value < None || f.value > f.most {
			wrong.Add(f.name, fmt.Sprintf("%d is not between 1 and %d (0 is the site's default, -1 no limit)", f.value, f.most))
		}
	}
	if l.MaxNodeHours > 0 && time.Duration(l.NodeHoursSeconds)*time.Second < leastPeriod {
		wrong.Add("nodeHoursSeconds", fmt.Sprintf("%d node-hours in %s: give a period of %s or more, as in 1000/168h",
			l.MaxNodeHours, span(l.NodeHoursSeconds), leastPeriod))
	}
	if l.HorizonSeconds > 0 && l.NoticeSeconds > l.HorizonSeconds {
		wrong.Add("noticeSeconds", fmt.Sprintf("a notice of %s with a horizon of %s: nothing could ever be booked",
			span(l.NoticeSeconds), span(l.HorizonSeconds)))
	}
	if l.UnusedReclaimSeconds > 0 && l.UnusedWarnSeconds > 0 && l.UnusedReclaimSeconds <= l.UnusedWarnSeconds {
		wrong.Add("unusedReclaimSeconds", fmt.Sprintf("an unused cluster is ended after %s, which leaves nobody time after the warning at %s",
			span(l.UnusedReclaimSeconds), span(l.UnusedWarnSeconds)))
	}
	switch l.Priority {
	case "", High, Normal, Low:
	default:
		wrong.Add("priority", fmt.Sprintf("%q is none of %s, %s, %s", l.Priority, High, Normal, Low))
	}
	return wrong.Err(fault.Invalid, "the limits cannot be set like this")
}

// Or returns the limits that hold for a tenant, with the site's defaults for
// what says nothing. In the result 0 is no limit.
func (l Limits) Or(defaults Limits) Limits {
	if l.MaxNodeHours == 0 {
		l.MaxNodeHours, l.NodeHoursSeconds = defaults.MaxNodeHours, defaults.NodeHoursSeconds
	}
	for _, f := range []struct{ own, site *int64 }{
		{&l.MaxCPUs, &defaults.MaxCPUs},
		{&l.MaxMemoryMiB, &defaults.MaxMemoryMiB},
		{&l.MaxAddresses, &defaults.MaxAddresses},
		{&l.MaxNodeHours, &defaults.MaxNodeHours},
		{&l.HorizonSeconds, &defaults.HorizonSeconds},
		{&l.LongestSeconds, &defaults.LongestSeconds},
		{&l.NoticeSeconds, &defaults.NoticeSeconds},
		{&l.UnusedWarnSeconds, &defaults.UnusedWarnSeconds},
		{&l.UnusedReclaimSeconds, &defaults.UnusedReclaimSeconds},
	} {
		if *f.own == 0 {
			*f.own = *f.site
		}
		*f.own = max(*f.own, 0)
	}
	if l.MaxNodeHours == 0 {
		l.NodeHoursSeconds = 0
	}
	if l.Priority == "" {
		l.Priority = defaults.Priority
	}
	if l.Priority == "" {
		l.Priority = Normal
	}
	return l
}

func span(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }
