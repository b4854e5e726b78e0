package roll

import (
	"reflect"
	"testing"
)

func TestOwn(t *testing.T) {
	catalog := site(t, "app", map[string]string{
		"roll.yaml": "name: app\nversion: \"1\"\nsummary: x\nedges: [{from: base/base, to: app}]\n",
		"nodes/app.yaml": `
files: [{path: /etc/app, content: x}]
scripts:
  install: [{name: make, body: "#!/bin/sh"}]
  boot: [{name: start, body: "#!/bin/sh"}]
checks: [{name: up, body: "#!/bin/sh"}]
`,
	})
	published := catalog["app"][0]
	catalog = catalog.With(published.Own("chem"))
	p, err := choose(t, catalog, "app").Walk("compute", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range [][]Script{p.Install, p.Boot, p.Checks} {
		if len(list) != 1 || list[0].Tenant != "chem" {
			t.Errorf("got %+v", list)
		}
	}
	if len(p.Files) != 1 || p.Files[0].Tenant != "chem" {
		t.Errorf("got %+v", p.Files)
	}
	if published.Tenant != "" || published.Nodes["app"].Files[0].Tenant != "" {
		t.Error("the published roll was changed")
	}
}

// A new kind of script or file must be marked, too: it would run where the
// provider's may.
func TestOwnMarksEveryKind(t *testing.T) {
	node := &Node{Name: "app/n"}
	kinds := 0
	for _, field := range reflect.ValueOf(node).Elem().Fields() {
		switch field.Interface().(type) {
		case []Script:
			field.Set(reflect.ValueOf([]Script{{Name: "s"}}))
			kinds++
		case []File:
			field.Set(reflect.ValueOf([]File{{Path: "/f"}}))
			kinds++
		}
	}
	if kinds < 4 {
		t.Fatalf("only %d kinds were found", kinds)
	}
	own := (&Roll{Nodes: map[string]*Node{"n": node}}).Own("chem")
	for of, field := range reflect.ValueOf(own.Nodes["n"]).Elem().Fields() {
		switch list := field.Interface().(type) {
		case []Script:
			if list[0].Tenant != "chem" {
				t.Errorf("%s is not marked", of.Name)
			}
		case []File:
			if list[0].Tenant != "chem" {
				t.Errorf("%s is not marked", of.Name)
			}
		}
	}
}
