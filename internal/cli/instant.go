package cli

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the machine may have no time zones
)

// parseInstant reads an RFC 3339 instant, the seconds left out if wanted, or the
// time of a place with its time zone in brackets as in RFC 9557:
// 2026-01-31T09:00[Europe/Berlin]. A time that a clock there shows never, or
// twice, on a day on which it changes is refused with what can be written instead.
func parseInstant(text string) (time.Time, error) {
	wrong := fmt.Errorf("%q is not an instant: write it as in 2026-01-31T09:00:00Z or 2026-01-31T09:00[Europe/Berlin]", text)
	shown, zone, zoned := strings.Cut(text, "[")
	if !zoned {
		t, ok := parseLayouts(text, "Z07:00")
		if !ok {
			return time.Time{}, wrong
		}
		return t.UTC(), nil
	}
	zone, closed := strings.CutSuffix(zone, "]")
	if !closed || zone == "" {
		return time.Time{}, wrong
	}
	place, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return time.Time{}, fmt.Errorf("%q: there is no time zone %q: write one as in Europe/Berlin", text, zone)
	}
	if t, ok := parseLayouts(shown, "Z07:00"); ok {
		if _, there := t.In(place).Zone(); there != offsetOf(t) {
			return time.Time{}, fmt.Errorf("%q: a clock in %s shows %s then", text, zone, t.In(place).Format(time.RFC3339))
		}
		return t.UTC(), nil
	}
	civil, ok := parseLayouts(shown, "")
	if !ok {
		return time.Time{}, wrong
	}
	return atPlace(civil, place)
}

// parseLayouts reads a time with and without seconds.
func parseLayouts(text, offset string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout+offset, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func offsetOf(t time.Time) int {
	_, offset := t.Zone()
	return offset
}

// atPlace is when the clocks of a place show what civil is in UTC.
func atPlace(civil time.Time, place *time.Location) (time.Time, error) {
	var found []time.Time
	for _, side := range []time.Duration{-24 * time.Hour, 24 * time.Hour} { // what holds before and after a change
		offset := offsetOf(civil.Add(side).In(place))
		t := civil.Add(-time.Duration(offset) * time.Second)
		if offsetOf(t.In(place)) == offset && (len(found) == 0 || !found[0].Equal(t)) {
			found = append(found, t)
		}
	}
	shown := civil.Format("2006-01-02T15:04:05")
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return time.Time{}, fmt.Errorf("clocks in %s never show %s: they are put forward over it", place, shown)
	}
	return time.Time{}, fmt.Errorf("clocks in %s show %s twice: write %s or %s", place, shown,
		found[0].In(place).Format(time.RFC3339), found[1].In(place).Format(time.RFC3339))
}
