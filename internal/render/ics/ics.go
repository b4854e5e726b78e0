// Package ics writes bookings as iCalendar (RFC 5545), for the calendars of
// people. Pure.
package ics

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"quarry/internal/calendar"
)

// Write returns the bookings that are seen by name as one iCalendar object:
// each an event over its window. The same booking always has the same UID, so
// that a newer file replaces what an older one brought.
func Write(name string, now time.Time, bookings []calendar.BookingOverview) []byte {
	var w writer
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", "-//Quarry//Quarry//EN")
	w.line("CALSCALE", "GREGORIAN")
	w.line("X-WR-CALNAME", escape(name))
	for _, b := range bookings {
		if b.Own {
			w.event(now, b)
		}
	}
	w.line("END", "VCALENDAR")
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) event(now time.Time, b calendar.BookingOverview) {
	w.line("BEGIN", "VEVENT")
	w.line("UID", escape(b.ID+"@quarry"))
	w.line("DTSTAMP", stamp(now))
	w.line("DTSTART", stamp(b.Start))
	if b.End.After(b.Start) { // an end that is not later is no valid one
		w.line("DTEND", stamp(b.End))
	}
	w.line("SUMMARY", escape(b.Booking))
	w.line("DESCRIPTION", escape(describe(b)))
	w.line("STATUS", status(b))
	w.line("CATEGORIES", "CLUSTER")
	w.line("END", "VEVENT")
}

func describe(b calendar.BookingOverview) string {
	lines := []string{fmt.Sprintf("%d vnodes on %d pnodes: %s", b.Vnodes, b.Pnodes, b.Size)}
	if b.From.Before(b.Start) {
		lines = append(lines, "Preparation begins at "+b.From.UTC().Format(time.RFC3339))
	}
	if b.State != "" {
		lines = append(lines, "State: "+b.State)
	}
	if !b.Expires.IsZero() {
		lines = append(lines, "Held until "+b.Expires.UTC().Format(time.RFC3339)+", not confirmed")
	}
	return strings.Join(lines, "\n")
}

func status(b calendar.BookingOverview) string {
	switch {
	case !b.Expires.IsZero():
		return "TENTATIVE"
	case b.State == "cancelled" || b.State == "failed":
		return "CANCELLED"
	}
	return "CONFIRMED"
}

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// escape makes any text a value of type TEXT.
func escape(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(text)
}

// longest is how many octets a line has at most, without its end.
const longest = 75

// line writes a property, folded into lines that are not too long and cut no
// character in two.
func (w *writer) line(name, value string) {
	rest, room := name+":"+value, longest
	for len(rest) > room {
		at := room
		for !utf8.RuneStart(rest[at]) {
			at--
		}
		w.WriteString(rest[:at] + "\r\n ")
		rest, room = rest[at:], longest-1 // the blank counts
	}
	w.WriteString(rest + "\r\n")
}
