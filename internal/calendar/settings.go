package calendar

import (
	"fmt"
	"slices"
	"time"

	"quarry/internal/fault"
)

// Settings are what the provider decides about a pnode, beside what it has.
type Settings struct {
	// Rack is where it stands; Tags are labels of the provider's own.
	Rack string   `json:"rack,omitempty"`
	Tags []string `json:"tags,omitempty"`
	// Maintenance are windows in which it holds nothing.
	Maintenance []Window `json:"maintenance,omitempty"`
	// Overcommit counts for this pnode instead of the site's, resource by
	// resource.
	Overcommit Overcommit `json:"overcommit,omitzero"`
	// Note is a remark for people.
	Note string `json:"note,omitempty"`
}

// Bounds of what a provider may set.
const (
	maxTags        = 64
	maxMaintenance = 100
	maxNote        = 500
)

// Check lists everything wrong with the settings.
func (s Settings) Check() []fault.Detail {
	var l fault.List
	if s.Rack != "" {
		if wrong := CheckRack(s.Rack); wrong != "" {
			l.Add("rack", wrong)
		}
	}
	if len(s.Tags) > maxTags {
		l.Add("tags", fmt.Sprintf("%d tags: at most %d", len(s.Tags), maxTags))
	}
	for i, tag := range s.Tags[:min(len(s.Tags), maxTags)] {
		if wrong := CheckTag(tag); wrong != "" {
			l.Add(fmt.Sprintf("tags[%d]", i), wrong)
		}
		if slices.Contains(s.Tags[:i], tag) {
			l.Add(fmt.Sprintf("tags[%d]", i), fmt.Sprintf("%q is named twice", tag))
		}
	}
	if len(s.Maintenance) > maxMaintenance {
		l.Add("maintenance", fmt.Sprintf("%d windows: at most %d", len(s.Maintenance), maxMaintenance))
	}
	for i, w := range s.Maintenance[:min(len(s.Maintenance), maxMaintenance)] {
		w.check(&l, fmt.Sprintf("maintenance[%d]", i))
	}
	l.AddAll(s.Overcommit.Check())
	if len(s.Note) > maxNote {
		l.Add("note", fmt.Sprintf("%d bytes: at most %d", len(s.Note), maxNote))
	}
	return l.Details()
}

func (w Window) check(l *fault.List, field string) {
	switch {
	case !w.To.After(w.From):
		l.Add(field, fmt.Sprintf("it ends at %s, which is not after its beginning", w.To.Format(time.RFC3339)))
	case w.To.Sub(w.From) > longest:
		l.Add(field, "it is longer than 5 years: drain the pnode instead")
	case w.From.Year() < 1970 || w.To.Year() > 9000:
		l.Add(field, fmt.Sprintf("a window from %d to %d is out of range", w.From.Year(), w.To.Year()))
	}
}

func (w Window) String() string { return stamp(w.From) + " to " + stamp(w.To) }

// Check says which ratios are out of range.
func (o Overcommit) Check() error {
	var l fault.List
	for r, percent := range o.percents() {
		if percent < 0 || percent > maxOvercommit {
			l.Add("overcommit."+resourceNames[r], fmt.Sprintf("%d is not between 1 and %d per cent, nor 0 for the usual", percent, maxOvercommit))
		}
	}
	return l.Err(fault.Invalid, "the ratios of overcommitment are out of range")
}

const maxOvercommit = 10_000

func (o Overcommit) percents() [3]int { return [3]int{o.CPUs, o.Memory, o.Disk} }

// With is o, but for what other says.
func (o Overcommit) With(other Overcommit) Overcommit {
	pick := func(usual, own int) int {
		if own != 0 {
			return own
		}
		return usual
	}
	return Overcommit{CPUs: pick(o.CPUs, other.CPUs), Memory: pick(o.Memory, other.Memory), Disk: pick(o.Disk, other.Disk)}
}

// Of is what a size comes to.
func (o Overcommit) Of(s Size) Size { return o.of(s).size() }

// room is what a pnode has to give away.
func (s Site) room(p Pnode) vec { return s.Overcommit.With(p.Overcommit).of(p.Capacity) }
