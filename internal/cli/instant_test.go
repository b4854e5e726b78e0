package cli

import (
	"strings"
	"testing"
	"time"
)

func TestParseInstant(t *testing.T) {
	for in, want := range map[string]string{
		"2026-03-01T14:00:00+01:00":                "2026-03-01T13:00:00Z",
		"2026-03-01T14:00Z":                        "2026-03-01T14:00:00Z",
		"2028-02-29T23:59:59Z":                     "2028-02-29T23:59:59Z",
		"2038-01-19T03:14:07Z":                     "2038-01-19T03:14:07Z",
		"2038-01-19T04:14:08[Europe/Berlin]":       "2038-01-19T03:14:08Z",
		"2027-01-01T00:00[Europe/Berlin]":          "2026-12-31T23:00:00Z",
		"2026-03-29T01:59:59[Europe/Berlin]":       "2026-03-29T00:59:59Z",
		"2026-03-29T03:00[Europe/Berlin]":          "2026-03-29T01:00:00Z",
		"2026-10-25T01:59[Europe/Berlin]":          "2026-10-24T23:59:00Z",
		"2026-10-25T03:00[Europe/Berlin]":          "2026-10-25T02:00:00Z",
		"2026-10-25T02:30+02:00[Europe/Berlin]":    "2026-10-25T00:30:00Z",
		"2026-10-25T02:30+01:00[Europe/Berlin]":    "2026-10-25T01:30:00Z",
		"2026-03-08T03:00[America/New_York]":       "2026-03-08T07:00:00Z",
		"2026-11-01T00:59[America/New_York]":       "2026-11-01T04:59:00Z",
		"2026-11-01T01:30-05:00[America/New_York]": "2026-11-01T06:30:00Z",
		"2028-02-29T12:00[Asia/Kathmandu]":         "2028-02-29T06:15:00Z",
		"2026-06-01T12:00[UTC]":                    "2026-06-01T12:00:00Z",
	} {
		got, err := parseInstant(in)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("parseInstant(%q) = %s, %v; want %s", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"":                                      "is not an instant",
		"2026-03-01":                            "is not an instant",
		"2027-02-29T12:00Z":                     "is not an instant",
		"2026-03-01T14:00":                      "is not an instant",
		"2026-03-01T14:00[]":                    "is not an instant",
		"2026-03-01T14:00[UTC":                  "is not an instant",
		"14:00[UTC]":                            "is not an instant",
		"2026-03-01T14:00[Mars]":                `no time zone "Mars"`,
		"2026-03-01T14:00[Local]":               `no time zone "Local"`,
		"2026-03-01T14:00[../../x]":             "no time zone",
		"2026-03-29T02:30[Europe/Berlin]":       "never show 2026-03-29T02:30:00",
		"2026-03-08T02:00[America/New_York]":    "never show",
		"2026-10-25T02:30[Europe/Berlin]":       "twice: write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00",
		"2026-11-01T01:00[America/New_York]":    "twice: write 2026-11-01T01:00:00-04:00 or 2026-11-01T01:00:00-05:00",
		"2026-10-25T02:30+03:00[Europe/Berlin]": "a clock in Europe/Berlin shows 2026-10-25T01:30:00+02:00 then",
	} {
		if got, err := parseInstant(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseInstant(%q) = %s, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestParseWindowOfAZone(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"2026-10-24T12:00[Europe/Berlin]/2026-10-25T12:00[Europe/Berlin]": 25 * time.Hour,
		"2026-03-28T12:00[Europe/Berlin]/2026-03-29T12:00[Europe/Berlin]": 23 * time.Hour,
		"2026-03-28T12:00[Europe/Berlin]/1d":                              24 * time.Hour,
		"2028-02-28T12:00Z/2028-03-01T12:00Z":                             48 * time.Hour,
		"2038-01-19T03:14:07Z/1s":                                         time.Second,
	} {
		if w, err := parseWindow(in); err != nil || w.To.Sub(w.From) != want {
			t.Errorf("parseWindow(%q) = %v, %v; want %s", in, w, err, want)
		}
	}
}
