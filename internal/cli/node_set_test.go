package cli

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/calendar"
	"quarry/internal/fault"
)

func TestSetChangesWhatIsNamed(t *testing.T) {
	window := func(hour int) calendar.Window {
		return calendar.Window{From: noon.Add(time.Duration(hour) * time.Hour), To: noon.Add(time.Duration(hour+2) * time.Hour)}
	}
	was := calendar.Settings{Rack: "r9", Tags: []string{"old", "ssd"}, Maintenance: []calendar.Window{window(1), window(5)}, Overcommit: calendar.Overcommit{CPUs: 200}}
	o := setOptions{
		tags: []string{"ssd", "fast"}, untags: []string{"old"}, overcommit: "memory=150,disk=0",
		maintenance: []string{"2026-03-02T12:00Z/2h", "2026-03-03T12:00:00Z/2026-03-03T14:00Z"}, noMaintain: []string{"2026-03-01T13:00Z"},
		changed: func(flag string) bool { return flag == "overcommit" },
	}
	var wrong fault.List
	add, begins := o.windows(&wrong)
	ch, err := o.change(was, add, begins, o.ratios(&wrong))
	if err != nil || len(wrong.Details()) > 0 {
		t.Fatal(err, wrong.Details())
	}
	if ch.Rack != nil || ch.Note != nil || !slices.Equal(*ch.Tags, []string{"fast", "ssd"}) || *ch.Overcommit != (calendar.Overcommit{CPUs: 200, Memory: 150}) {
		t.Errorf("%+v", ch)
	}
	if diff := cmp.Diff([]calendar.Window{window(5), window(24), window(48)}, *ch.Maintenance); diff != "" {
		t.Error(diff)
	}
	if _, err := o.change(calendar.Settings{}, add, begins, nil); exitCode(err) != exitUsage {
		t.Errorf("took away a window that is not there: %v", err)
	}
	o = setOptions{
		maintenance: []string{"tomorrow/2h", "2026-03-02T12:00Z", "2026-03-02T12:00Z/-2h"}, noMaintain: []string{"x"},
		overcommit: "cpus=1,cpus=2", changed: func(string) bool { return true },
	}
	wrong = fault.List{}
	o.windows(&wrong)
	o.ratios(&wrong)
	for _, text := range []string{"cpu=3", "cpus", "cpus=x", "cpus=-1", ""} {
		if _, err := parseRatios(text); err == nil || !strings.Contains(err.Error(), "cpus=400") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if len(wrong.Details()) != 5 {
		t.Errorf("%v", wrong.Details())
	}
}
