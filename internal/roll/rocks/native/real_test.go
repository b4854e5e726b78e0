package native

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"quarry/internal/needs"
	"quarry/internal/roll"
	"quarry/internal/roll/rocks"
	"quarry/rolls"
)

// Every roll there comes out as a native roll, without a mapping too.
func TestEveryRealRoll(t *testing.T) {
	fsys := os.DirFS(needs.Rocks(t, "real", "distro", "r7-all"))
	im := &importer{tree: fsys, roll: Roll{Name: "none"}}
	names := map[string]bool{}
	if _, err := im.elements("graphs/default", names); err != nil {
		t.Fatal(err)
	}
	if len(names) < 15 {
		t.Fatalf("only the rolls %v were found", names)
	}
	for name := range names {
		result, err := Import(fsys, Roll{Name: name}, Mapping{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for file, content := range result.Files {
			if !strings.HasPrefix(content, "#!/bin/bash\n") {
				continue
			}
			c := exec.CommandContext(t.Context(), "bash", "-n")
			c.Stdin = strings.NewReader(content)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: bash cannot read %s: %s", name, file, out)
			}
		}
		for _, f := range result.Findings {
			if f.File != "" && f.Line == 0 || f.Message == "" {
				t.Errorf("%s: a finding without a place: %+v", name, f)
			}
		}
	}
}

// An unmodified real roll, with our mapping, goes with the rolls that ship.
func TestHPCGoesWithOurRolls(t *testing.T) {
	data, err := os.ReadFile("../../../../docs/examples/hpc.map.yaml")
	if err != nil {
		t.Fatal(err)
	}
	result, err := Import(os.DirFS(needs.Rocks(t, "real", "distro", "r7-all")), Roll{Name: "hpc"}, mapping(t, string(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Findings {
		if f.Severity == rocks.Warning {
			t.Errorf("the mapping leaves a warning: %+v", f)
		}
	}
	catalog, err := roll.LoadAll(rolls.FS())
	if err != nil {
		t.Fatal(err)
	}
	fsys := fstest.MapFS{}
	for name, content := range result.Files {
		fsys["hpc/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	hpc, err := roll.Load(fsys, "hpc")
	if err != nil {
		t.Fatal(err)
	}
	selection, err := catalog.With(hpc).Select([]string{"hpc"})
	if err != nil {
		t.Fatal(err)
	}
	profile, err := selection.Walk("compute", roll.Attributes{"os": "debian", "release": "trixie", "architecture": "amd64", "nodes": map[string]int{"compute": 2}})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", profile)
	for _, want := range []string{"openmpi-bin", "91-infiniband.conf", "MaxStartups $maxstartups", "iperf3"} {
		if !strings.Contains(text, want) {
			t.Errorf("a compute node's profile lacks %q", want)
		}
	}
}
