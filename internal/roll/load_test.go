package roll

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoad(t *testing.T) {
	r, err := Load(files(map[string]string{
		"app/roll.yaml": `
name: app
version: 1.2
summary: an application
requires: [base]
parameters:
  - {name: threads, type: int, default: 4, min: 1, max: 64, help: how many}
  - {name: password, type: secret, help: for the database}
  - {name: extra, type: packages, default: "", help: more}
appliances:
  - {name: database, summary: keeps data, node: db, count: 1}
edges:
  - {from: db, to: base/base}
  - {from: base/compute, to: db, if: 'app.threads > 8 and nodes["compute"] > 1'}
order:
  - {node: db, after: base/base}
`,
		"app/nodes/db.yaml": `
summary: the database
packages:
  any: [ca-certificates]
  debian: [postgresql, {parameter: extra}]
  debian/trixie: [postgresql-17]
files:
  - path: /etc/app.conf
    mode: 0600
    owner: postgres:postgres
    source: files/app.conf
    template: true
services:
  - {unit: postgresql.service, state: started}
scripts:
  install:
    - name: first
      body: |
        #!/bin/sh
        true
  boot: [{name: second, source: scripts/boot, timeout: 90s}]
checks: [{name: up, source: scripts/boot}]
`,
		"app/files/app.conf": "threads={{param \"app.threads\"}}\n",
		"app/scripts/boot":   "#!/bin/sh\nexit 0\n",
	}), "app")
	if err != nil {
		t.Fatal(err)
	}
	if r.Version != "1.2" || r.Appliances[0].Node != "app/db" || r.Edges[1].FromNode != "base/compute" || r.Edges[1].condition == nil {
		t.Errorf("read wrongly: %+v", r)
	}
	want := &Node{
		Name: "app/db", Summary: "the database",
		Packages: []NodePackage{
			{Name: "ca-certificates", From: Source{"app", "nodes/db.yaml", 3}},
			{Name: "postgresql", OS: "debian", From: Source{"app", "nodes/db.yaml", 4}},
			{Parameter: "app.extra", OS: "debian", From: Source{"app", "nodes/db.yaml", 4}},
			{Name: "postgresql-17", OS: "debian/trixie", From: Source{"app", "nodes/db.yaml", 5}},
		},
		Files: []File{{
			Path: "/etc/app.conf", Mode: "0600", Owner: "postgres:postgres", Content: "threads={{param \"app.threads\"}}\n",
			Template: true, From: Source{"app", "nodes/db.yaml", 7},
		}},
		Services: []Service{{Unit: "postgresql.service", State: "started", From: Source{"app", "nodes/db.yaml", 13}}},
		Install:  []Script{{Name: "app/db/first", Body: "#!/bin/sh\ntrue\n", Timeout: 5 * time.Minute, From: Source{"app", "nodes/db.yaml", 16}}},
		Boot:     []Script{{Name: "app/db/second", Body: "#!/bin/sh\nexit 0\n", Timeout: 90 * time.Second, From: Source{"app", "nodes/db.yaml", 20}}},
		Checks:   []Script{{Name: "app/db/up", Body: "#!/bin/sh\nexit 0\n", Timeout: 5 * time.Minute, From: Source{"app", "nodes/db.yaml", 21}}},
	}
	if diff := cmp.Diff(want, r.Nodes["db"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const head = "name: app\nversion: 1\nsummary: s\n"

func TestLoadNamesEveryMistake(t *testing.T) {
	cases := []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"no roll", nil, []string{"app/roll.yaml: there is no such file"}},
		{"empty", map[string]string{"app/roll.yaml": ""}, []string{
			"app/roll.yaml: no documents in stream",
		}},
		{"not yaml", map[string]string{"app/roll.yaml": head + "edges: [{from: 'x}]\n"}, []string{
			"app/roll.yaml:5:1: found unexpected end of stream",
		}},
		{"other folder", map[string]string{"app/roll.yaml": "name: ap\nversion: 1\nsummary: s\n"}, []string{
			`app/roll.yaml:1:7: the roll is called "ap" but its folder "app"`,
		}},
		{"all at once", map[string]string{
			"app/roll.yaml":        head + "edgs: []\nedges:\n- {from: x, to: 3, iff: a}\n- {from: nod}\n",
			"app/nodes/node.yaml":  "packages: [OK, \"a b\"]\nfiles: 3\n",
			"app/nodes/notes.txt":  "x",
			"app/nodes/Upper.yaml": "",
		}, []string{
			`app/roll.yaml:4:1: unknown key "edgs"; did you mean "edges"?`,
			`app/roll.yaml:6:20: unknown key "iff"; did you mean "if"?`,
			`app/nodes/Upper.yaml: the node's name "Upper" must be`,
			`app/nodes/node.yaml:2:8: a list is wanted, not "3"`,
			`app/nodes/node.yaml:1:12: "OK" cannot be the name of a package`,
			`app/nodes/node.yaml:1:16: "a b" cannot be the name of a package`,
			`app/nodes/notes.txt: only NAME.yaml belongs here`,
			`app/roll.yaml:7:10: from: there is no nodes/nod.yaml; did you mean "node"?`,
			`app/roll.yaml:7:3: to is missing`,
		}},
		{"conditions", map[string]string{
			"app/roll.yaml": head + `parameters: [{name: n, type: int, default: 1, help: h}, {name: pw, type: secret, help: h}]
edges:
- {from: n, to: n, if: aplliance == "x"}
- {from: n, to: n, if: app.n == "x"}
- {from: n, to: n, if: app.m > 1}
- {from: n, to: n, if: app.n}
- {from: n, to: n, if: 'app.n >'}
- {from: n, to: n, if: app.pw == ""}
- {from: n, to: n, if: 'now().Year() > 2000'}
`,
			"app/nodes/n.yaml": "",
		}, []string{
			`app/roll.yaml:6:24: condition "aplliance == \"x\"": unknown name aplliance`,
			`app/roll.yaml:7:30: condition "app.n == \"x\"": invalid operation`,
			`app/roll.yaml:8:28: condition "app.m > 1": unknown field m`,
			`app/roll.yaml:9:24: condition "app.n": expected bool, but got int`,
			`app/roll.yaml:10:`,
			`app/roll.yaml:11:28: condition "app.pw == \"\"": unknown field pw`,
			`app/roll.yaml:12:24: condition`,
		}},
		{"parameters", map[string]string{"app/roll.yaml": head + `parameters:
- {name: Big, type: int, default: 1, help: h}
- {name: a, type: number, help: h}
- {name: a, type: int, default: 9, max: 3, help: h}
- {name: c, type: enum, help: h}
- {name: d, type: bool, min: 1, default: maybe, help: h}
- {name: e, type: secret, default: x}
- {name: f, type: int, min: x, help: h}
- {name: g, type: string, match: '(', help: h}
- {name: h, type: int, min: 3, max: 1, help: h}
`}, []string{
			`app/roll.yaml:11:29: a whole number is wanted, not "x"`,
			`app/roll.yaml:5:10: parameter "Big" must be`,
			`app/roll.yaml:6:3: type "number" of parameter "a" is none of`,
			`app/roll.yaml:7:3: parameter "a" is there twice`,
			`app/roll.yaml:7:33: default: "9" is too large: at most 3`,
			`app/roll.yaml:8:3: values belong to an enum`,
			`app/roll.yaml:9:3: min and max do not fit the type bool`,
			`app/roll.yaml:9:42: default: "maybe" is not true or false`,
			`app/roll.yaml:10:3: parameter "e" needs a help`,
			`app/roll.yaml:10:36: a secret has no default`,
			`app/roll.yaml:12:34: match: error parsing regexp`,
			`app/roll.yaml:13:3: min 3 is above max 1`,
		}},
		{"nodes", map[string]string{
			"app/roll.yaml": head,
			"app/nodes/n.yaml": `
files:
- {path: etc/x, content: ""}
- {path: /etc/../x, content: "", source: y}
- {path: /x, source: ../../secret}
- {path: /y, source: files/none, mode: 99, owner: root}
- path: /z
  template: true
  content: |
    fine
    {{.Hostname | nosuch}}
- {path: /w, source: files/t, template: true}
services: [{unit: ssh, state: startd}]
scripts:
  boot:
  - {name: a, body: "true"}
  - {name: a, body: "#!/bin/sh", timeout: 2d}
packages: {Debian: [{parameter: x}, ""]}
`,
			"app/files/t": "a\nb {{end}}\n",
		}, []string{
			`app/nodes/n.yaml:17:12: "Debian" is not an operating system`,
			`app/nodes/n.yaml:17:33: the roll has no parameter and no attribute "x" of type packages`,
			`app/nodes/n.yaml:17:37: "" cannot be the name of a package`,
			`app/nodes/n.yaml:2:3: path "etc/x" must be absolute`,
			`app/nodes/n.yaml:3:3: path "/etc/../x" must be`,
			`app/nodes/n.yaml:3:3: needs either content (here) or source`,
			`app/nodes/n.yaml:4:22: source "../../secret" must be a plain path`,
			`app/nodes/n.yaml:5:40: mode "99" is not`,
			`app/nodes/n.yaml:5:51: owner "root" is not USER:GROUP`,
			`app/nodes/n.yaml:5:22: source: the roll has no file files/none`,
			`app/nodes/n.yaml:10: function "nosuch" not defined`,
			`app/files/t:2: unexpected {{end}}`,
			`app/nodes/n.yaml:12:12: unit "ssh" is not a unit's full name`,
			`app/nodes/n.yaml:12:12: state "startd" of ssh is none of enabled, started, disabled, masked; did you mean "started"?`,
			`app/nodes/n.yaml:15:5: script "a" must start with a line`,
			`app/nodes/n.yaml:16:5: script "a" is there twice`,
			`app/nodes/n.yaml:16:43: timeout "2d" is not a duration`,
		}},
		{"order and appliances", map[string]string{
			"app/roll.yaml":    head + "order: [{node: n}, {node: '*', before: n}, {node: n, after: m}]\nappliances: [{name: A b, node: n, count: 1, min: 2}]\n",
			"app/nodes/n.yaml": "",
		}, []string{
			`app/roll.yaml:5:21: appliance "A b" must be`,
			`app/roll.yaml:5:14: count 1 must not be below min 2`,
			`app/roll.yaml:4:9: says neither before nor after what`,
			`app/roll.yaml:4:27: "*" stands after`,
			`app/roll.yaml:4:61: after: there is no nodes/m.yaml`,
		}},
		{"not text", map[string]string{"app/roll.yaml": head + "\xff"}, []string{
			"app/roll.yaml: is not text in UTF-8",
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(files(c.files), "app")
			wantDetails(t, err, c.want...)
		})
	}
}

func TestLoadAllGathersTheMistakesOfAllRolls(t *testing.T) {
	_, err := LoadAll(files(map[string]string{"a/roll.yaml": "name: a\nsummary: s\n", "b/roll.yaml": "name: b\nversion: 1\n"}))
	wantDetails(t, err, "a/roll.yaml: version is missing", "b/roll.yaml: summary is missing")
}

func TestLint(t *testing.T) {
	err := Lint(files(map[string]string{
		"roll.yaml":    head + "order: [{node: a, before: b}, {node: b, before: a}]\n",
		"nodes/a.yaml": "files:\n- {path: /x, template: true, content: '{{.Hostnmae}}'}\n- {path: /y, template: true, content: '{{param \"app.x\"}}'}\n",
		"nodes/b.yaml": "",
	}), ".")
	wantDetails(t, err,
		"roll.yaml:4: The order of nodes goes round in a circle: app/a comes before app/b",
		"roll.yaml:4: The order of nodes goes round in a circle: app/b comes before app/a",
		"nodes/a.yaml:2: A template cannot be rendered: /x, line 1:",
		"nodes/a.yaml:3: A template cannot be rendered: /y, line 1:")
}

// FuzzLoad: whatever the bytes, Load gives a roll or says what is wrong; a
// roll that loads can be selected and walked without a panic.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(head+"edges: [{from: n, to: n, if: 'appliance == \"x\"'}]\nappliances: [{name: compute, node: n}]\n"), []byte("packages: [a-b]\n"))
	f.Add([]byte(head+"parameters: [{name: p, type: int, default: 3, help: h}]\norder: [{node: n, before: '*'}]\n"), []byte("files: [{path: /x, content: '{{.Hostname}}', template: true}]\n"))
	f.Add([]byte(head+"requires: [base >= 1, < 2]\nprovides: [x = 1~a]\nattributes: [{name: l, type: list, of: int, default: [1, 2], help: h}]\nset: [{attribute: l, os: debian/trixie, value: [3]}]\nedges: [{from: base/compute, to: n, if: len(app.l) > 1}]\n"),
		[]byte("packages: {debian: [{attribute: l}]}\nscripts: {cluster: [{name: a, body: '#!/bin/sh'}]}\nfiles: [{path: /x, content: '{{list \"app.l\"}}', template: true}]\n"))
	f.Add([]byte("a: &a [*a]\n"), []byte("<<: *b\n"))
	f.Fuzz(func(t *testing.T, rollYAML, nodeYAML []byte) {
		fsys := fstest.MapFS{"app/roll.yaml": {Data: rollYAML}, "app/nodes/n.yaml": {Data: nodeYAML}}
		r, err := Load(fsys, "app")
		if err != nil {
			if len(details(t, err)) == 0 {
				t.Fatalf("an error without details: %v", err)
			}
			return
		}
		_ = Lint(fsys, "app")
		if _, err := Advise(fsys, "app"); err != nil {
			t.Fatalf("loads, and is not advised upon: %v", err)
		}
		catalog := NewCatalog(r, &Roll{Name: "base"}, &Roll{Name: "gateway"})
		s, err := catalog.Select([]string{"app"})
		if err != nil {
			return
		}
		for _, a := range s.Appliances() {
			attrs := Attributes{"os": "debian", "nodes": map[string]int{"compute": 1}}
			_, err := s.Walk(a.Name, attrs)
			if _, other := s.Explain(a.Name, attrs); err == nil && other != nil {
				t.Fatalf("walked, but not explained: %v", other)
			}
		}
	})
}

// One large file that many others are made of costs more than it seems.
func TestContentIsBounded(t *testing.T) {
	var node strings.Builder
	node.WriteString("files:\n")
	for i := range 30 {
		fmt.Fprintf(&node, "  - {path: /f%d, source: big}\n", i)
	}
	_, err := Load(files(map[string]string{
		"app/roll.yaml":    "name: app\nversion: \"1\"\nsummary: x\n",
		"app/nodes/n.yaml": node.String(), "app/big": strings.Repeat("x", maxFile),
	}), "app")
	if err == nil || !strings.Contains(err.Error(), "app/nodes/n.yaml:17:26: source big: with it more than 16777216 bytes are read") {
		t.Errorf("got %v", err)
	}
}
