package native

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/fault"
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
