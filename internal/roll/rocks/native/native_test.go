package native

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"quarry/internal/roll/rocks"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/rolls"
)

// tree makes a distribution of one roll called r. A name without a folder is a
// node.
func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, body := range files {
		switch {
		case name == "graph":
			name, body = "graphs/default/r.xml", `<graph roll="r">`+body+"</graph>"
		case !strings.Contains(name, "/"):
			name, body = "nodes/"+name+".xml", `<kickstart roll="r">`+body+"</kickstart>"
		}
		fsys[name] = &fstest.MapFile{Data: []byte(body)}
	}
	return fsys
}

func mapping(t testing.TB, text string) Mapping {
	t.Helper()
	m, err := ParseMapping("map.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func imported(t testing.TB, files map[string]string, m string) *Result {
	t.Helper()
	result, err := Import(tree(files), Roll{Name: "r", Packages: []string{"own"}}, mapping(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// rules are the rules of the findings about nodes, but for those of a node
// that stands alone.
func rules(r *Result) []string {
	var all []string
	for _, f := range r.Findings {
		if f.Rule != "import-unreached" {
			all = append(all, fmt.Sprintf("%s:%d", strings.TrimPrefix(f.Rule, "import-"), f.Line))
		}
	}
	return all
}

func TestNodes(t *testing.T) {
	for name, c := range map[string]struct {
		body, mapping string
		want          string // what the files hold, without what every roll has
		rules         []string
	}{
		"nothing": {body: "<description> one\n two.\n\n three</description>", want: "summary: one two.\n"},
		"packages": {
			body:    "<package>gcc</package>\n<package>own</package>\n<package disable='0'>x</package><package type='meta'>core</package>\n<package>a b</package><package>Up</package>\n<package>Map</package><package>no</package>",
			mapping: "packages: {Map: [one, two], no: null}",
			want:    "packages:\n  debian:\n  - gcc\n  - one\n  - two\n",
			rules:   []string{"package:1", "own-package:2", "disable:3", "group:3", "package:4", "package:4"},
		},
		"conditions": {
			body:  "<package os='sunos'>a1</package><package arch='i386,x86_64'>b1</package>\n<package cond='rocks_version_major == 6'>c1</package><package cond='none'>d1</package><package cond='not none'>e1</package>\n<package cond='x =='>f1</package><package release='x'>g1</package>",
			want:  "packages:\n  debian:\n  - b1\n  - e1\n",
			rules: []string{"left-out:1", "package:1", "left-out:2", "attribute:2", "left-out:2", "attribute:2", "package:2", "condition:3", "left-out:3", "left-out:3"},
		},
		"the appliance": {
			body:  "<package cond='appliance'>gcc</package>\n<package cond='hostname'>b1</package>",
			rules: []string{"condition:1", "left-out:1", "condition:2", "left-out:2"},
		},
		"added packages": {mapping: "add: {n: [bc], other: [x]}", want: "packages:\n  debian:\n  - bc\n", rules: []string{"mapping:0"}},
		"a script": {
			body: "<post>\nif true; then\n echo &hostname; '{{'\nfi</post>",
			want: "files:\n- path: /usr/local/lib/rocks/r/n-post-1\n  mode: '0755'\n  source: scripts/n-post-1\n  template: true\nscripts:\n  boot:\n  - name: post-1\n    body: |\n      #!/bin/sh\n      exec /usr/local/lib/rocks/r/n-post-1\n" +
				"scripts/n-post-1: if true; then\n echo {{.Hostname}} '{{\"{{\"}}'\nfi\n",
		},
		"not stopped by the mapping": {body: "<post>one</post><post>\n# nothing\n</post>", want: "scripts:\n  boot:\n  - name: post-1\n    source: scripts/n-post-1\nscripts/n-post-1: one\n"},
		"constants and entities": {
			body: "<post>\necho &a; &amp;&lt; &nosuch;.</post>", mapping: "attributes: {a: one}",
			want: "scripts:\n  boot:\n  - name: post-1\n    source: scripts/n-post-1\nscripts/n-post-1: echo one &< .\n", rules: []string{"entity:2"},
		},
		"a whole file": {
			body: "<post>\n<file name='/etc/x/y' perms='444' rcs='false'>\none &amp; two\n</file>\n</post>",
			want: "files:\n- path: /etc/x/y\n  mode: '0444'\n  source: files/n/etc_x_y\nfiles/n/etc_x_y: one & two\n",
		},
		"files that stay commands": {
			body:  "<post><file name='/a' mode='append'>EOF\n</file><file name='/b' vars='expanded' owner='x.y' perms='u+x'>$X</file><file name='/c'/><file name='/d' expr='ls'/><file name='/e' mode='pipe'>sort</file></post>",
			want:  "scripts:\n  boot:\n  - name: post-1\n    source: scripts/n-post-1\nscripts/n-post-1: cat >> /a << 'EOF_'\nEOF\nEOF_\n\ncat > /b << EOF\n$X\nEOF\nchown x:y /b\nchmod u+x /b\n\ntouch /c\n\nls > /d\ntouch /d\n\npiped=$(mktemp)\ncat /e | (sort) > \"$piped\"\nmv \"$piped\" /e\n",
			rules: []string{"rcs:1"},
		},
		"a file that a command needs first": {
			body: "<post>cp /etc/x /etc/y\n<file name='/etc/x' rcs='no'>z</file></post>",
			want: "scripts:\n  boot:\n  - name: post-1\n    source: scripts/n-post-1\nscripts/n-post-1: cp /etc/x /etc/y\n\ncat > /etc/x << 'EOF'\nz\nEOF\n",
		},
		"a file of a vnode": {
			body: "<post><file name='/etc/x' rcs='no'>&hostname;</file></post>",
			want: "files:\n- path: /etc/x\n  source: files/n/etc_x\n  template: true\nfiles/n/etc_x: {{.Hostname}}\n",
		},
		"services": {
			body:    "<post>\n/sbin/chkconfig --level 3 one on\nsystemctl enable two.service\nservice none restart\nchkconfig --del three\n</post>",
			mapping: "services: {one: uno.service, none: null}",
			want:    "services:\n- unit: uno.service\n  state: started\n- unit: two.service\n  state: started\n- unit: three.service\n  state: disabled\n",
			rules:   []string{"service:1", "service:1"},
		},
		"a service under a condition": {
			body: "<post>\nif x; then\nchkconfig one on\nfi</post>",
			want: "scripts:\n  boot:\n  - name: post-1\n    source: scripts/n-post-1\nscripts/n-post-1: if x; then\nchkconfig one on\nfi\n", rules: []string{"command:3"},
		},
		"what cannot be run": {
			body: "<pre>x</pre>\n<post arg='--nochroot'>y</post>\n<post interpreter='/opt/rocks/bin/python'>z</post><post phase='reconfigure'>w</post>\n<main><lang>en</lang></main><screen/><what/>\n<post><bad/></post><post><file name='/x'><include file='none'/></file></post>",
			want: "", rules: []string{"pre:1", "nochroot:2", "interpreter:3", "phase:3", "main:4", "element:4", "element:4", "element:5", "left-out:5", "include:5", "left-out:5"},
		},
		"what the mapping says of posts": {
			body:    "<post arg='--nochroot'>a</post>\n<post>b</post>\n<post>c</post>\n<post interpreter='/x/python'>d</post><boot order='pre'>e</boot>",
			mapping: "posts:\n  'nodes/n.xml:1': {body: echo new}\n  'nodes/n.xml:2': {drop: because}\n  'nodes/n.xml:3': {at: install}\n  'nodes/n.xml:9': {at: install}\ninterpreters: {/x/python: /usr/bin/python3}\nfailures: stop",
			want:    "scripts:\n  install:\n  - name: post-3\n    source: scripts/n-post-3\n  boot:\n  - name: post-1\n    source: scripts/n-post-1\n  - name: post-4\n    source: scripts/n-post-4\n  - name: post-5\n    source: scripts/n-post-5\nscripts/n-post-1: echo new\nscripts/n-post-3: c\nscripts/n-post-4: d\nscripts/n-post-5: e\n",
			rules:   []string{"mapping:0", "dropped:2", "boot:4"},
		},
		"evals": {
			body:    "<post cond='0'><eval>left out</eval></post><post>a <eval shell='python'>x</eval> b\n<eval>y</eval></post>",
			mapping: `evals: {"nodes/n.xml:2": "given"}`,
			want:    "scripts:\n  boot:\n  - name: post-2\n    source: scripts/n-post-2\nscripts/n-post-2: a  b\ngiven\n", rules: []string{"left-out:1", "eval:1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			result := imported(t, map[string]string{"n": c.body}, c.mapping)
			got := strings.TrimPrefix(result.Files["nodes/n.yaml"], "# From nodes/n.xml.\n")
			got = strings.TrimPrefix(got, "{}\n")
			for _, file := range slices.Sorted(mapKeys(result.Files)) {
				if strings.HasPrefix(file, "nodes/") || file == "roll.yaml" {
					continue
				}
				text := result.Files[file]
				if strings.HasPrefix(file, "scripts/") {
					text = withoutFrame(text)
				}
				got += file + ": " + text
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.rules, rules(result)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func mapKeys(files map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for name := range files {
			if !yield(name) {
				return
			}
		}
	}
}

// withoutFrame drops what every script starts with.
func withoutFrame(script string) string {
	for strings.HasPrefix(script, "#") || strings.HasPrefix(script, "trap ") {
		_, script, _ = strings.Cut(script, "\n")
	}
	return script
}

func TestGraph(t *testing.T) {
	empty := map[string]string{"a": "", "b_c": "", "9": ""}
	for name, c := range map[string]struct {
		graph, mapping, want string
		rules                []string
	}{
		"edges": {
			graph:   "<edge from='base' to='a'/>\n<edge from='a'><to>b_c</to><to os='sunos'>9</to></edge><edge to='9'>\n<from cond='p'>a</from></edge><edge from='wan' to='a'/><edge from='no' to='a'/>",
			mapping: "nodes: {base: base/base, wan: null}\nattributes: {p: {parameter: {type: bool, default: \"true\", help: h}}}",
			want:    "requires:\n- base\nparameters:\n- name: p\n  type: bool\n  default: \"true\"\n  help: h\nedges:\n- from: base/base\n  to: a\n- from: a\n  to: b-c\n- from: a\n  to: n9\n  if: r.p\n",
			rules:   []string{"edge:2", "graft:3"},
		},
		"order": {
			graph:   "<order head='a' tail='b_c'/><order head='b_c'><tail>9</tail><tail>TAIL</tail></order>\n<order head='a' tail='HEAD'/><order head='TAIL'><tail>9</tail></order><order head='HEAD' tail='a' gen='x'/>",
			mapping: "",
			want:    "requires:\n- base\norder:\n- node: b-c\n  after: a\n- node: n9\n  after: b-c\n- node: a\n  before: '*'\n- node: n9\n  after: '*'\n",
			rules:   []string{"order:1", "order:2", "order:2"},
		},
		"an order that goes round": {
			graph: "<order head='a' tail='b_c'/><order head='b_c' tail='9'/>\n<order head='9' tail='a'/><order head='a' tail='a'/>\n<order head='a' tail='HEAD'/><order head='TAIL' tail='a'/>",
			want:  "requires:\n- base\norder:\n- node: b-c\n  after: a\n- node: n9\n  after: b-c\n- node: a\n  before: '*'\n",
			rules: []string{"order:2", "order:3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"graph": c.graph}
			for k, v := range empty {
				files[k] = v
			}
			result := imported(t, files, c.mapping)
			_, got, _ := strings.Cut(result.Files["roll.yaml"], "summary: the Rocks roll r\n")
			if diff := cmp.Diff(c.want, strings.ReplaceAll(got, "'true'", `"true"`)); diff != "" {
				t.Error(diff)
			}
			found := slices.DeleteFunc(rules(result), func(rule string) bool { return strings.HasPrefix(rule, "renamed") })
			if diff := cmp.Diff(c.rules, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A node that only dead edges lead to is left out with all that is its own.
func TestDeadNodes(t *testing.T) {
	result := imported(t, map[string]string{
		"graph": "<edge from='base'><to>a</to><to os='sunos'>b</to></edge><edge from='b' to='c'/><edge from='c' to='a'/><order head='a' tail='c'/>",
		"a":     "", "b": "<post>x</post><package>gcc</package>", "c": "<post><file name='/x'>y</file></post>",
	}, "nodes: {base: base/base}")
	if diff := cmp.Diff([]string{"nodes/a.yaml", "roll.yaml"}, slices.Sorted(mapKeys(result.Files))); diff != "" {
		t.Error(diff)
	}
	if want := "edges:\n- from: base/base\n  to: a\n"; !strings.HasSuffix(result.Files["roll.yaml"], want) {
		t.Error(result.Files["roll.yaml"])
	}
	for _, f := range result.Findings {
		if f.Severity == rocks.Warning {
			t.Errorf("a warning: %+v", f)
		}
	}
}

// Conditions ask for the appliance by its native name.
func TestConditionOverTheAppliance(t *testing.T) {
	result := imported(t, map[string]string{"graph": "<edge from='n' to='m' cond=\"appliance != 'frontend' and os == 'linux'\"/>", "n": "", "m": ""}, "")
	if want := "if: appliance != \"gateway\"\n"; !strings.Contains(result.Files["roll.yaml"], want) {
		t.Errorf("%s lacks %s", result.Files["roll.yaml"], want)
	}
}

// What has a condition over a parameter becomes a node of its own.
func TestConditionalParts(t *testing.T) {
	result := imported(t, map[string]string{"n": "<package cond='p'>one</package><package>two</package><post cond='p'>x</post>"},
		"attributes: {p: {parameter: {name: with, type: bool, default: 'false', help: h}}}\npackages: {one: [one], two: [two]}\n")
	for file, want := range map[string]string{
		"nodes/n.yaml":        "# From nodes/n.xml.\npackages:\n  debian:\n  - two\n",
		"nodes/n-when-1.yaml": "# From nodes/n.xml.\nsummary: what n has when r.with\npackages:\n  debian:\n  - one\nscripts:\n  boot:\n  - name: post-1\n    source: scripts/n-when-1-post-1\n",
	} {
		if diff := cmp.Diff(want, result.Files[file]); diff != "" {
			t.Error(diff)
		}
	}
	if want := "edges:\n- from: 'n'\n  to: n-when-1\n  if: r.with\norder:\n- node: n-when-1\n  after: 'n'\n"; !strings.HasSuffix(result.Files["roll.yaml"], want) {
		t.Error(result.Files["roll.yaml"])
	}
}

func TestExtendAndReplace(t *testing.T) {
	result := imported(t, map[string]string{
		"a": "<package>a1</package>", "extend-a": "<package>a2</package><post>x</post>", "b": "<package>b1</package>", "replace-b": "<package>b2</package>",
		"extend-base": "<package>c1</package>", "replace-other": "", "site-nodes/a.xml": `<kickstart roll="r"/>`,
	}, "nodes: {base: base/base}\npackages: {a1: [a1], a2: [a2], b2: [b2], c1: [c1]}")
	for file, want := range map[string]string{"nodes/a.yaml": "- a1\n  - a2", "nodes/b.yaml": "- b2", "nodes/extend-base.yaml": "- c1"} {
		if !strings.Contains(result.Files[file], want) {
			t.Errorf("%s is %q", file, result.Files[file])
		}
	}
	if !strings.Contains(result.Files["roll.yaml"], "- from: base/base\n  to: extend-base\n") {
		t.Error(result.Files["roll.yaml"])
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		roll    Roll
		mapping string
		say     string
	}{
		"no such roll":      {map[string]string{"a": ""}, Roll{Name: "x"}, "", "there are r"},
		"no such appliance": {map[string]string{"a": ""}, Roll{Name: "r", Appliances: []string{"x"}}, "", "no node of the roll"},
		"two of a name":     {map[string]string{"a_b": "", "a-b": ""}, Roll{Name: "r"}, "", "would both be called a-b"},
		"a bad parameter":   {map[string]string{"a": "<package cond='p'>x1</package>"}, Roll{Name: "r"}, "attributes: {p: {parameter: {type: what, help: h}}}", "not well made"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Import(tree(c.files), c.roll, mapping(t, c.mapping))
			if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || !strings.Contains(err.Error(), c.say) {
				t.Errorf("got %v, want a refusal that says %q", err, c.say)
			}
		})
	}
}

func TestNames(t *testing.T) {
	files := map[string]string{"n": "", "graph": "<edge from='base' to='n'/>"}
	result := imported(t, files, "name: other\nnodes: {base: base/base}")
	if result.Name != "other" || !strings.Contains(result.Files["roll.yaml"], "name: other\n") {
		t.Errorf("it is called %s: %s", result.Name, result.Files["roll.yaml"])
	}
	result = imported(t, files, "name: base\nnodes: {base: null}")
	if result.Findings[0].Rule != "import-name" {
		t.Errorf("the name of Quarry's own roll gives %+v", result.Findings)
	}
}

func TestMappingMistakes(t *testing.T) {
	for text, say := range map[string]string{
		"nodse: {}":                                    "map.yaml:1",
		"nodes: {a: b}":                                "not ROLL/NODE",
		"nodes: {a: b/c}\nversion: [1]":                "map.yaml:2",
		"posts: {'nodes/a.xml:1': {at: noon}}":         "boot or install",
		"posts: {a: {drop: x}}":                        "FILE:LINE",
		"posts: {'nodes/a.xml:1': {drop: x, body: y}}": "neither body nor at",
		"evals: {a: x}":                                "FILE:LINE",
		"name: A-b":                                    "a-z, 0-9 and _",
		"failures: none":                               "ignore or stop",
		"attributes: {a: {}}":                          "one of template and parameter",
		"attributes: {a: {parameter: {}}}":             "needs a type and a help",
		"attributes: {a: {what: x}}":                   "map.yaml:1",
		"packages: x":                                  "map.yaml:1",
		strings.Repeat("# x\n", maxMapping):            "larger than",
	} {
		_, err := ParseMapping("map.yaml", []byte(text))
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || !strings.Contains(err.Error(), say) {
			t.Errorf("%.40q: got %v, want %q", text, err, say)
		}
	}
}

// real is a real distribution of 17 rolls.
func real(t testing.TB) string {
	t.Helper()
	shared := os.Getenv("QUARRY_SHARED")
	if shared == "" {
		shared = "../../../../../shared"
	}
	dir := filepath.Join(shared, "rocks/real/distro/r7-all")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("QUARRY_TEST_NO_SKIP") == "1" {
			t.Fatalf("the data about Rocks is missing: %v", err)
		}
		t.Skipf("needs the data about Rocks in ../shared/rocks beside the project (or QUARRY_SHARED): %v", err)
	}
	return dir
}

// Every roll there comes out as a native roll, without a mapping too.
func TestEveryRealRoll(t *testing.T) {
	fsys := os.DirFS(real(t))
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
	result, err := Import(os.DirFS(real(t)), Roll{Name: "hpc"}, mapping(t, string(data)))
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
