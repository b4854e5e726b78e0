package ics

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"quarry/internal/calendar"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// read is a strict reader of what RFC 5545 calls an iCalendar stream: the
// properties of each event, unfolded and unescaped.
func read(raw string) ([]map[string]string, error) {
	if !strings.HasSuffix(raw, "\r\n") {
		return nil, fmt.Errorf("the last line has no end")
	}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(raw, "\r\n"), "\r\n") {
		switch {
		case len(line) > 75 || len(line) == 0:
			return nil, fmt.Errorf("a line of %d octets", len(line))
		case !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n"):
			return nil, fmt.Errorf("a character is cut in two, or a line has an end within: %q", line)
		case line[0] == ' ':
			if len(lines) == 0 {
				return nil, fmt.Errorf("the first line goes on")
			}
			lines[len(lines)-1] += line[1:]
		default:
			lines = append(lines, line)
		}
	}
	var events []map[string]string
	var open []string
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
			return nil, fmt.Errorf("%q is no property", line)
		}
		switch name {
		case "BEGIN":
			open = append(open, value)
			if value == "VEVENT" {
				events = append(events, map[string]string{})
			}
		case "END":
			if len(open) == 0 || open[len(open)-1] != value {
				return nil, fmt.Errorf("%q ends and %v is open", value, open)
			}
			open = open[:len(open)-1]
		default:
			if len(open) < 2 {
				continue
			}
			if _, twice := events[len(events)-1][name]; twice {
				return nil, fmt.Errorf("%s twice", name)
			}
			events[len(events)-1][name] = unescape(value)
		}
	}
	if len(open) > 0 || lines[0] != "BEGIN:VCALENDAR" {
		return nil, fmt.Errorf("%v is open", open)
	}
	for _, e := range events {
		for _, name := range []string{"UID", "DTSTAMP", "DTSTART", "SUMMARY"} {
			if e[name] == "" {
				return nil, fmt.Errorf("no %s in %v", name, e)
			}
		}
	}
	return events, nil
}

func unescape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		if text[i] == 'n' || text[i] == 'N' {
			b.WriteByte('\n')
		} else {
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// Whatever a booking is called, a strict reader gets it back as it was.
func TestAStrictReaderReadsIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []calendar.BookingOverview
		for i := range rapid.IntRange(0, 4).Draw(t, "bookings") {
			b := calendar.BookingOverview{
				Booking: "x" + rapid.StringMatching(`[ -~äß€😀\n]{0,120}`).Draw(t, "name"), ID: fmt.Sprint(i), Own: rapid.Bool().Draw(t, "own"),
				State: rapid.SampledFrom([]string{"", "booked", "failed"}).Draw(t, "state"), Vnodes: 3,
			}
			b.Start = t0.Add(time.Duration(rapid.IntRange(-9, 9).Draw(t, "start")) * time.Second)
			b.End = t0.Add(time.Duration(rapid.IntRange(-9, 9).Draw(t, "end")) * time.Second)
			want = append(want, b)
		}
		raw := string(Write("Quarry; a, b", t0, want))
		events, err := read(raw)
		if err != nil {
			t.Fatalf("%v in\n%s", err, raw)
		}
		for _, b := range want {
			if !b.Own {
				continue
			}
			if len(events) == 0 {
				t.Fatalf("%q is missing", b.Booking)
			}
			e := events[0]
			events = events[1:]
			start, err := time.Parse("20060102T150405Z", e["DTSTART"])
			if err != nil || !start.Equal(b.Start) || e["SUMMARY"] != b.Booking || e["UID"] != b.ID+"@quarry" {
				t.Fatalf("%v from %+v", e, b)
			}
			if end, there := e["DTEND"]; there != b.End.After(b.Start) || there && end != b.End.Format("20060102T150405Z") {
				t.Fatalf("ends at %q, not %s", end, b.End)
			}
			if (e["STATUS"] == "CANCELLED") != (b.State == "failed") {
				t.Fatalf("%s is %s", b.State, e["STATUS"])
			}
		}
		if len(events) > 0 {
			t.Fatalf("more than was to be seen: %v", events)
		}
	})
}

func TestAHoldIsTentative(t *testing.T) {
	b := calendar.BookingOverview{Booking: "demo/farm", ID: "1", Own: true, Expires: t0, Phases: calendar.Phases{From: t0, Start: t0.Add(time.Hour), End: t0.Add(2 * time.Hour)}}
	events, err := read(string(Write("x", t0, []calendar.BookingOverview{b})))
	if err != nil || events[0]["STATUS"] != "TENTATIVE" || !strings.Contains(events[0]["DESCRIPTION"], "Preparation begins at 2026-03-01T12:00:00Z\nHeld until") {
		t.Errorf("%v, %v", events, err)
	}
}
