package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"quarry/internal/cluster"
)

// maxMiB keeps sizes far from overflow: 1 EiB in MiB.
const maxMiB = 1 << 40

// parseSize reads a size of memory or disk ("512M", "4G", "1T", also "512MiB")
// and returns it in MiB. A size always has a unit: whoever writes 512 may mean
// bytes or MiB, and guessing wrong costs a booking.
func parseSize(text string) (int, error) {
	number := strings.TrimRight(text, "KMGTIBkmgtib")
	unit := strings.ToUpper(text[len(number):])
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")
	factor, ok := map[string]int{"M": 1, "G": 1 << 10, "T": 1 << 20}[unit]
	if !ok {
		return 0, fmt.Errorf("%q is not a size: write a whole number with M, G or T, as in 512M or 4G", text)
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: write a whole number with M, G or T, as in 512M or 4G", text)
	}
	if n <= 0 {
		return 0, fmt.Errorf("%q is not a size: it must be more than zero", text)
	}
	if n > maxMiB/factor {
		return 0, fmt.Errorf("%q is more than any machine has", text)
	}
	return n * factor, nil
}

// parseDuration reads a positive duration: Go's form ("90m", "1h30m") with
// days in front if wanted ("30d", "1d12h").
func parseDuration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is not a duration: write it as in 90m, 1h30m or 30d", text)
	rest := text
	var days time.Duration
	if before, after, found := strings.Cut(text, "d"); found {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, wrong
		}
		days, rest = time.Duration(n)*24*time.Hour, after
	}
	if rest == "" && rest != text {
		return positive(days, text)
	}
	d, err := time.ParseDuration(rest)
	if err != nil || strings.HasPrefix(rest, "-") {
		return 0, wrong
	}
	return positive(days+d, text)
}

func positive(d time.Duration, text string) (time.Duration, error) {
	if d <= 0 {
		return 0, fmt.Errorf("%q is not a duration: it must be more than zero", text)
	}
	return d, nil
}

// start is the wish for the start of a window.
type start struct {
	mode cluster.StartMode
	at   time.Time // for cluster.StartAt only
}

// parseStart reads "asap", "now", "+8m" (from now on) or an instant.
// A start in the past is well formed: the server refuses it.
func parseStart(text string, now time.Time) (start, error) {
	switch text {
	case string(cluster.StartASAP):
		return start{mode: cluster.StartASAP}, nil
	case string(cluster.StartNow):
		return start{mode: cluster.StartNow}, nil
	}
	if rest, found := strings.CutPrefix(text, "+"); found {
		d, err := parseDuration(rest)
		if err != nil {
			return start{}, fmt.Errorf("%q is not a start: %w", text, err)
		}
		return start{mode: cluster.StartAt, at: now.Add(d).UTC()}, nil
	}
	t, err := parseInstant(text)
	if err != nil {
		return start{}, fmt.Errorf("that is not a start: write asap, now, +8m or an instant: %w", err)
	}
	return start{mode: cluster.StartAt, at: t}, nil
}

// parseCount reads "NAME=N" with N of one or more.
func parseCount(text string) (cluster.Group, error) {
	name, number, found := strings.Cut(text, "=")
	n, err := strconv.Atoi(number)
	if !found || name == "" || err != nil {
		return cluster.Group{}, fmt.Errorf("%q is not NAME=N, as in web=2", text)
	}
	if n <= 0 {
		return cluster.Group{}, fmt.Errorf("%q asks for no node: N must be 1 or more", text)
	}
	return cluster.Group{Appliance: name, Count: n}, nil
}

// parseParameter reads "roll.key=value".
func parseParameter(text string) (key, value string, err error) {
	key, value, found := strings.Cut(text, "=")
	roll, name, dotted := strings.Cut(key, ".")
	if !found || !dotted || roll == "" || name == "" {
		return "", "", fmt.Errorf("%q is not roll.key=value, as in condor.slots=partitionable", text)
	}
	return key, value, nil
}

// parseAttribute reads "roll.key=value" with the scope in front if it is not
// the whole cluster: "host/compute-0:roll.key=value".
func parseAttribute(text string) (cluster.Attribute, error) {
	wrong := fmt.Errorf("%q is not [SCOPE/NAME:]ROLL.KEY=VALUE, as in host/compute-0:condor.priority=3; a scope is os, appliance or host", text)
	var a cluster.Attribute
	scope, rest, scoped := strings.Cut(text, ":")
	if at := strings.Index(text, "="); !scoped || at >= 0 && at < len(scope) { // the colon is the value's
		scope, rest = "", text
	}
	key, value, err := parseParameter(rest)
	if err != nil {
		return a, wrong
	}
	a.Name, a.Value = key, value
	kind, name, _ := strings.Cut(scope, "/")
	switch {
	case scope == "":
		return a, nil
	case name == "":
		return a, wrong
	case kind == "os":
		a.OS = name
	case kind == "appliance":
		a.Appliance = name
	case kind == "host":
		a.Host = name
	default:
		return a, wrong
	}
	return a, nil
}
