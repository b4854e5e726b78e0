package roll

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"quarry/internal/fault"
)

// files makes a file system of "path" → text; texts may start with a newline.
func files(m map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range m {
		fsys[name] = &fstest.MapFile{Data: []byte(strings.TrimPrefix(text, "\n"))}
	}
	return fsys
}

// site is a catalog of base, gateway and one roll more.
func site(t testing.TB, name string, more map[string]string) Catalog {
	t.Helper()
	m := map[string]string{
		"base/roll.yaml": `
name: base
version: "1"
summary: everything
appliances: [{name: compute, node: compute}]
edges: [{from: compute, to: base}]
order: [{node: base, before: "*"}]
`,
		"base/nodes/base.yaml":    "packages: [openssh-server]\n",
		"base/nodes/compute.yaml": "",
		"gateway/roll.yaml": `
name: gateway
version: "2"
summary: the way in
appliances: [{name: gateway, node: gateway, count: 1, min: 1}]
edges: [{from: gateway, to: base/base}]
parameters: [{name: ports, type: ports, default: "", help: open}]
`,
		"gateway/nodes/gateway.yaml": "services: [{unit: dnsmasq.service, state: started}]\n",
		"README":                     "not a roll",
	}
	for k, v := range more {
		m[name+"/"+k] = v
	}
	catalog, err := LoadAll(files(m))
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

func choose(t testing.TB, c Catalog, names ...string) *Selection {
	t.Helper()
	s, err := c.Select(names)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// details returns the details of an Invalid error as "field: message".
func details(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("%v is not a fault", err)
	}
	if f.Kind != fault.Invalid {
		t.Fatalf("kind %s, want invalid: %v", f.Kind, err)
	}
	var all []string
	for _, d := range f.Details {
		all = append(all, d.String())
	}
	return all
}

// wantDetails compares what was found with the starts of the lines wanted.
func wantDetails(t *testing.T, err error, want ...string) {
	t.Helper()
	got := details(t, err)
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("missing: %s", want[i])
		case i >= len(want):
			t.Errorf("one too many: %s", got[i])
		case !strings.HasPrefix(got[i], want[i]):
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
}
