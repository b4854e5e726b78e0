package roll

import (
	"strings"
	"testing"
)

func TestAdvise(t *testing.T) {
	got, err := Advise(files(map[string]string{
		"app/roll.yaml": head + `parameters: [{name: used, type: int, default: 1, help: h}, {name: unused, type: secret, help: h}]
attributes: [{name: seen, type: int, default: 1, help: h}, {name: unseen, type: int, default: 1, help: h}]
edges: [{from: base/compute, to: n, if: app.seen > 1}, {from: alone, to: alone}]
`,
		"app/nodes/n.yaml":     "scripts: {boot: [{name: a, source: scripts/a}]}\nfiles: [{path: /x, content: '{{.Hostname}}'}, {path: /y, content: '{{x}}'}]\n",
		"app/nodes/alone.yaml": "",
		"app/scripts/a":        "#!/bin/sh\necho $QUARRY_PARAM_APP_USED\n",
		"app/files/x":          "",
	}), "app")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"app/nodes/alone.yaml: no edge and no appliance", `app/roll.yaml:4: nothing in the roll uses the parameter "unused"`,
		`app/roll.yaml:5: nothing in the roll uses the attribute "unseen"`, "app/nodes/n.yaml:2: /x looks like a template",
		"app/files/x: no node names this file",
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i].String(), want[i]) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestLongListsAreRefused(t *testing.T) {
	_, err := Load(files(map[string]string{
		"app/roll.yaml": head + "requires: [" + strings.Repeat("base, ", 101) + "]\nset: [" + strings.Repeat("{}, ", 201) + "]\n",
	}), "app")
	got := strings.Join(details(t, err), "\n")
	for _, want := range []string{"app/roll.yaml: requires has 101 entries, at most 100", "app/roll.yaml: set has 201 entries, at most 200"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
}
