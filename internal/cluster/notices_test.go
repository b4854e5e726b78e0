package cluster

import (
	"strings"
	"testing"
	"time"

	"quarry/internal/vnode"
)

func TestNotices(t *testing.T) {
	helsinki := time.FixedZone("EET", 2*60*60)
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	farm := Cluster{Name: "farm", State: Active, Start: start, End: start.Add(2 * time.Hour)}
	yields, _ := Yield(farm, start.Add(90*time.Minute), start)
	unused := farm
	unused.Conditions = []Condition{{Type: ConditionUnused, Status: "True", Message: "nobody is logged in"}}
	used := farm
	used.Conditions = []Condition{{Type: ConditionUnused, Status: "False", Message: "the cluster is in use again"}}
	short := farm
	short.End = start.Add(30 * time.Minute)
	over, waits := farm, farm
	over.State, waits.State = Ending, Booked
	for name, c := range map[string]struct {
		c      Cluster
		minute int
		want   []string // of each notice that counts, parted by "…"
	}{
		"at first":       {farm, 0, []string{"quiet Cluster farm ends at 2026-03-01 14:00:00 UTC (16:00:00 EET)…cluster extend farm"}},
		"15 minutes":     {farm, 105, []string{"Less than 15 minutes are left. …14:00:00 UTC…cluster extend farm"}},
		"5 minutes":      {farm, 115, []string{"Less than 5 minutes are left. "}},
		"a short one":    {short, 20, []string{"quiet Cluster farm ends at"}},
		"at its end":     {short, 25, []string{"Less than 5 minutes are left. "}},
		"it yields":      {yields, 0, []string{"Cluster farm has to end at 2026-03-01 13:30:00 UTC…a booking needs its room"}},
		"nobody uses it": {unused, 0, []string{"quiet ", "Cluster farm seems unused: nobody is logged in…cluster end farm"}},
		"used again":     {used, 0, []string{"quiet "}},
		"over":           {over, 0, nil},
		"not begun":      {waits, 0, nil},
	} {
		due, _ := vnode.Due(Notices(c.c, helsinki), start.Add(time.Duration(c.minute)*time.Minute))
		if len(due) != len(c.want) {
			t.Errorf("%s: %d notices, want %d: %+v", name, len(due), len(c.want), due)
			continue
		}
		for i, n := range due {
			text := n.Text
			if n.Quiet {
				text = "quiet " + text
			}
			parts := strings.Split(c.want[i], "…")
			if !strings.HasPrefix(text, parts[0]) {
				t.Errorf("%s: %q does not begin with %q", name, text, parts[0])
			}
			for _, part := range parts[1:] {
				if !strings.Contains(text, part) {
					t.Errorf("%s: %q is not in %q", name, part, text)
				}
			}
			if n.Printable() != n.Text {
				t.Errorf("%s: shown as %q and not as %q", name, n.Printable(), n.Text)
			}
		}
	}
}
