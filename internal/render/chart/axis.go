package chart

import (
	"fmt"
	"time"
)

// tick is a mark on the time axis.
type tick struct {
	at    time.Time
	label string // "18:00", "23" or "Nov"
	// date is what is written over it where a day, or a month, begins.
	date string
}

// steps are the distances that marks may have, in wall-clock minutes, days or
// months.
var steps = []struct{ minutes, days, months int }{
	{1, 0, 0},
	{5, 0, 0},
	{10, 0, 0},
	{15, 0, 0},
	{30, 0, 0},
	{60, 0, 0},
	{120, 0, 0},
	{180, 0, 0},
	{360, 0, 0},
	{720, 0, 0},
	{0, 1, 0},
	{0, 2, 0},
	{0, 7, 0},
	{0, 14, 0},
	{0, 0, 1},
	{0, 0, 2},
	{0, 0, 3},
}

// ticks marks [from, to) at round times of the wall clock of a zone, at most
// so many. The first mark has a date, and each that begins a day or a month.
func ticks(from, to time.Time, zone *time.Location, atMost int) []tick {
	length := to.Sub(from)
	for _, s := range steps {
		each := time.Duration(s.minutes)*time.Minute + time.Duration(s.days)*24*time.Hour + time.Duration(s.months)*30*24*time.Hour
		if length <= each*time.Duration(max(1, atMost)) {
			return dated(marks(from.In(zone), to, s.minutes, s.days, s.months), s.minutes > 0)
		}
	}
	return dated(marks(from.In(zone), to, 0, 0, 6), false)
}

// marks walks the wall clock, so that the hours after a change of daylight
// saving are round too; an hour that is missing has no mark.
func marks(from, to time.Time, minutes, days, months int) []time.Time {
	y, m, d := from.Date()
	if months > 0 {
		d = 1
		m -= (m - 1) % time.Month(months)
	} else if days > 1 {
		d -= int(from.Weekday()+6) % 7 // weeks begin on a Monday
	}
	var list []time.Time
	for i := 0; ; i++ {
		at := time.Date(y, m+time.Month(i*months), d+i*days, 0, i*minutes, 0, 0, from.Location())
		if !at.Before(to) {
			return list
		}
		if at.Before(from) || len(list) > 0 && !at.After(list[len(list)-1]) {
			continue
		}
		list = append(list, at)
	}
}

func dated(marks []time.Time, clock bool) []tick {
	var list []tick
	for i, at := range marks {
		t := tick{at: at, label: at.Format("15:04")}
		first := at.Hour() == 0 && at.Minute() == 0
		if !clock {
			t.label = at.Format("2")
			first = at.Day() <= 1 || i > 0 && marks[i-1].Month() != at.Month()
		}
		switch {
		case i > 0 && !first:
		case clock:
			t.date = at.Format("Mon 2 Jan")
		default:
			t.date = at.Format("Jan 2006")
		}
		list = append(list, t)
	}
	return list
}

// about is a length of time, to two digits or so.
func about(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d < 2*unit.length && unit.length > time.Second {
			continue
		}
		n := d.Round(unit.length) / unit.length
		if n*unit.length == d {
			return fmt.Sprintf("%d%s", n, unit.name)
		}
		return fmt.Sprintf("about %d%s", n, unit.name)
	}
	return d.String()
}

// between says which window is shown.
func between(from, to time.Time, zone *time.Location) string {
	from, to = from.In(zone), to.In(zone)
	clock := "15:04"
	if to.Sub(from) < 10*time.Minute {
		clock = time.TimeOnly
	}
	layout := "Mon 2 Jan 2006 " + clock
	end := layout
	switch {
	case from.YearDay() == to.YearDay() && from.Year() == to.Year():
		end = clock
	case from.Year() == to.Year():
		end = "Mon 2 Jan " + clock
	}
	name := to.Format("MST")
	if was := from.Format("MST"); was != name {
		name = was + "/" + name
	}
	return from.Format(layout) + " to " + to.Format(end) + " " + name
}

// count is a number of others.
func count(n, of int) string { return fmt.Sprintf("%d/%d", n, of) }

// amount writes MiB with the unit that suits it.
func amount(mib int) string {
	v, unit := float64(mib), "M"
	for _, next := range []string{"G", "T", "P"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	if v >= 100 || v == float64(int(v)) {
		return fmt.Sprintf("%.0f%s", v, unit)
	}
	return fmt.Sprintf("%.1f%s", v, unit)
}
