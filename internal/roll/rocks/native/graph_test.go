package native

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/roll/rocks"
)

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
