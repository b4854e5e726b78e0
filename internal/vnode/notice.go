package vnode

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// MaxNotice bounds the text of a notice that is shown, in bytes.
const MaxNotice = 2000

// Notice is what people on a vnode are to know. Which notices there are is a
// state: whoever holds them shows each once, when its time has come.
type Notice struct {
	// Topic is what it is about: of the notices of a topic the one whose time
	// came last counts.
	Topic string `json:"topic"`
	// From is when its time comes; zero for at once.
	From time.Time `json:"from,omitzero"`
	// Text is one or more lines.
	Text string `json:"text"`
	// Quiet is set when nobody need be interrupted for it, unless it replaces
	// another one of its topic.
	Quiet bool `json:"quiet,omitempty"`
}

// Due returns those notices that count at an instant, at most one a topic, in
// the order of the list, and when that changes by itself; zero for never.
func Due(list []Notice, now time.Time) (due []Notice, next time.Time) {
	for _, n := range list {
		if n.From.After(now) {
			if next.IsZero() || n.From.Before(next) {
				next = n.From
			}
			continue
		}
		i := slices.IndexFunc(due, func(d Notice) bool { return d.Topic == n.Topic })
		switch {
		case i < 0:
			due = append(due, n)
		case !n.From.Before(due[i].From):
			due[i] = n
		}
	}
	return due, next
}

// Printable is the notice's text as a terminal may get it: without control
// characters, and no longer than MaxNotice.
func (n Notice) Printable() string {
	text := n.Text[:min(len(n.Text), MaxNotice)]
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		switch {
		case c == '\n', unicode.IsPrint(c) && c != unicode.ReplacementChar:
			return c
		case c == '\t':
			return ' '
		}
		return -1
	}, text))
}
