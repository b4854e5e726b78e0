package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/cluster"
)

func TestReadSpec(t *testing.T) {
	got, err := readSpec(strings.NewReader(`
name: farm
rolls: [condor]
nodes:
  - {appliance: compute, count: 2, cpus: 2, memory: 1G, disk: 4G, require: [ssd], prefer: [rack=r1], apart: true}
policy: pack
together: require
start: +8m
for: 1h
parameters: {condor.slots: 2, app.disks: [sda, sdb]}
racks: {left: [compute-0]}
attributes:
  - {name: app.swap, value: no}
  - {name: app.disks, rack: left, value: [sdc]}
users:
  - {name: ana, sudo: true}
`), "farm.yaml", noon)
	if err != nil {
		t.Fatal(err)
	}
	want := cluster.Spec{
		Name: "farm", Rolls: []string{"condor"},
		Nodes:     []cluster.Group{{Appliance: "compute", Count: 2, CPUs: 2, MemoryMiB: 1024, DiskMiB: 4096, Require: []string{"ssd"}, Prefer: []string{"rack=r1"}, Apart: true}},
		Policy:    "pack",
		Together:  "require",
		StartMode: cluster.StartAt, Start: noon.Add(8 * time.Minute), Duration: time.Hour,
		Parameters: map[string]string{"condor.slots": "2", "app.disks": "sda sdb"},
		Racks:      map[string][]string{"left": {"compute-0"}},
		Attributes: []cluster.Attribute{{Name: "app.swap", Value: "no"}, {Name: "app.disks", Value: "sdc", Rack: "left"}},
		Users:      []cluster.User{{Name: "ana", Sudo: true}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each wrong file must be refused as usage, naming the place and every mistake.
func TestReadSpecWrong(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []string
	}{
		{"name: [\n", []string{"f.yaml:2:1"}},
		{"name: farm\nnodes:\n - count: many\n   colour: red\n", []string{"f.yaml:3:11", "f.yaml:4:4", "colour"}},
		{"name: a\nname: b\n", []string{"f.yaml:2:1"}},
		{"\x00\x01", []string{"f.yaml"}},
		{"", []string{"f.yaml"}},
		{"- 1\n", []string{"f.yaml:1:1"}},
		{"start: soon\nfor: -1h\nnodes: [{memory: 12, disk: 0G}]", []string{"start", "for", "nodes[0].memory", "nodes[0].disk"}},
		{"parameters: {a.b: [c d]}", []string{"f.yaml", "one word"}},
		{"parameters: {a.b: {c: d}}", []string{"f.yaml", "list of words"}},
		{"end: 2026-03-01T14:00:00Z\nfor: 1h", []string{"either"}},
		{strings.Repeat("#", maxSpecFile+1), []string{"larger than 1 MiB"}},
	} {
		_, err := readSpec(strings.NewReader(c.in), "f.yaml", noon)
		if exitCode(err) != exitUsage {
			t.Errorf("%.20q: %v: exit code %d", c.in, err, exitCode(err))
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%.20q: %q does not name %q", c.in, err, part)
			}
		}
	}
}

func FuzzReadSpec(f *testing.F) {
	f.Add("name: farm\nrolls: [condor]\nnodes: [{appliance: compute, count: 2, memory: 512M}]\nstart: asap\nfor: 1h\n")
	f.Add("name: farm\nparameters: {a.b: [c, d], e.f: 3}\nattributes: [{name: a.b, value: [x], rack: l}]\nracks: {l: [compute-0]}\n")
	f.Add("name: [\n")
	f.Add("&a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := readSpec(strings.NewReader(text), "f.yaml", noon)
		if err != nil && exitCode(err) != exitUsage {
			t.Errorf("%q: %v is no usage error", text, err)
		}
	})
}
