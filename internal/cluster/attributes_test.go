package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestRacksAndAttributesAreChecked(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	spec := Spec{
		Name: "farm", StartMode: StartNow, Nodes: []Group{{Appliance: "compute", Count: 2}},
		Racks: map[string][]string{"a": {"gateway", "compute-0"}, "b": {"compute-1"}},
		Attributes: []Attribute{
			{Name: "x.y", Value: "1"},
			{Name: "x.y", Value: "2", Rack: "a"},
			{Name: "x.y", Value: "3", Host: "compute-1"},
		},
	}.Complete(now)
	if wrong := spec.Validate(now); len(wrong) > 0 {
		t.Fatalf("refused: %v", wrong)
	}
	if of := spec.RackOf(); len(of) != 3 || of["compute-0"] != "a" || of["compute-1"] != "b" {
		t.Errorf("nodes are in the wrong racks: %v", of)
	}
	spec.Racks = map[string][]string{"a": {"compute-2"}, "b": {"compute-1"}, "c": {"compute-1"}, "D": nil}
	spec.Attributes = append(spec.Attributes,
		Attribute{Name: "x.y", Value: "7"}, Attribute{Name: "x.y", Rack: "z"}, Attribute{Name: "x.y", Host: "web-0"}, Attribute{Name: "x.y", Host: "gateway", OS: "debian"})
	var got []string
	for _, d := range spec.Validate(now) {
		got = append(got, d.String())
	}
	want := []string{
		`spec.racks.D: "D" is not a DNS label`, `spec.racks.a[0]: the cluster has no node "compute-2"`,
		`spec.racks.c[0]: compute-1 is in rack b already`,
		`spec.attributes[3]: x.y is set twice for the same scope`, `spec.attributes[4].rack: spec.racks names no rack "z"`,
		`spec.attributes[5].host: the cluster has no node "web-0"`, `spec.attributes[6]: x.y: give one scope at most`,
	}
	if len(got) != len(want) {
		t.Fatalf("%s", strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
