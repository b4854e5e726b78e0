package roll

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSelect(t *testing.T) {
	c := site(t, "app", map[string]string{
		"roll.yaml":    head + "requires: [nfs]\nconflicts: [gateway]\nedges: [{from: n, to: base/bse}, {from: other/x, to: n}]\nappliances: [{name: compute, node: n}, {name: y, node: other/y}]\n",
		"nodes/n.yaml": "",
	})
	if got := choose(t, c).Names(); !slices.Equal(got, []string{"base", "gateway"}) {
		t.Errorf("base and gateway are always in, got %v", got)
	}
	if got := choose(t, c, "gateway", "gateway").Names(); !slices.Equal(got, []string{"base", "gateway"}) {
		t.Errorf("twice is once, got %v", got)
	}
	_, err := c.Select([]string{"app", "gatewy"})
	wantDetails(t, err,
		`rolls[1]: there is no roll "gatewy"; did you mean "gateway"?; there are app, base, gateway`,
		`rolls: roll app conflicts with roll gateway: every cluster has gateway, leave app out`,
		`rolls: roll app 1 requires nfs: there is no such roll, and none that provides it`,
		`app/roll.yaml:6: there is no node "base/bse"; did you mean "base/base"?`,
		`rolls: appliance y of roll app starts from node other/y: add roll other`,
		`base/roll.yaml:4: appliance "compute" is there already, from roll app`)
	_, err = Catalog{}.Select(nil)
	wantDetails(t, err, `rolls: this site has no roll "base"`, `rolls: this site has no roll "gateway"`)
}

func TestCheck(t *testing.T) {
	c := site(t, "app", map[string]string{"roll.yaml": head + `parameters:
- {name: threads, type: int, default: 4, min: 1, max: 64, help: how many}
- {name: mode, type: enum, values: [fast, safe], default: safe, help: how}
- {name: on, type: bool, default: true, help: whether}
- {name: title, type: string, match: '[a-z]+', help: small letters}
- {name: pw, type: secret, min: 8, help: known to all}
- {name: more, type: packages, default: "", help: more}
- {name: dns, type: addresses, default: "", help: servers}
`})
	s := choose(t, c, "app")
	got, err := s.Check(map[string]string{"app.title": "abc", "app.pw": "longenough", "gateway.ports": "80 443"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"app.threads": "4", "app.mode": "safe", "app.on": "true", "app.title": "abc", "app.more": "", "app.dns": "", "gateway.ports": "80 443",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := s.Secrets(); len(got) != 1 || got[0].Name != "app.pw" {
		t.Errorf("secrets %v", got)
	}
	_, err = s.Check(map[string]string{
		"app.threads": "65", "app.mode": "fsat", "app.on": "yes", "app.pw": "hunter2", "app.more": "vim ../x", "app.dns": "1.2.3",
		"gateway.ports": "80 65536", "app.thread": "1", "x": "y",
	})
	wantDetails(t, err,
		`parameters.app.threads: "65" is too large: at most 64`,
		`parameters.app.mode: "fsat" is not one of fast, safe; did you mean "fast"?`,
		`parameters.app.on: "yes" is not true or false`,
		`parameters.app.title: must be given: small letters`,
		`parameters.app.pw: the value is too small: at least 8 bytes`,
		`parameters.app.more: "../x" cannot be the name of a package`,
		`parameters.app.dns: "1.2.3" is not an IPv4 address`,
		`parameters.gateway.ports: "65536" is not a port`,
		`parameters.app.thread: the rolls app, base, gateway have no such parameter; did you mean "app.threads"?`,
		`parameters.x: the rolls`)
	_, err = s.Check(map[string]string{"app.title": "a\nb", "app.threads": "four"})
	wantDetails(t, err, `parameters.app.threads: "four" is not a whole number`, `parameters.app.title: "a\nb" must be one line`)
}

func application(t testing.TB) Catalog {
	return site(t, "app", map[string]string{
		"roll.yaml": head + `
parameters:
- {name: threads, type: int, default: 4, help: h}
- {name: more, type: packages, default: "", help: h}
edges:
- {from: base/compute, to: work}
- {from: base/compute, to: big, if: 'app.threads > 8 or nodes["compute"] > 100'}
- {from: base/compute, to: trixie, if: 'os == "debian" and release == "trixie" and "app" in rolls'}
- {from: work, to: base/compute}
- {from: work, to: nowhere/node}
order:
- {node: big, before: work}
- {node: trixie, after: "*"}
`,
		"nodes/work.yaml":   "packages: {any: [a1], debian: [b1, openssh-server], debian/trixie: [c1], redhat: [d1], debian/sid: [e1]}\n",
		"nodes/big.yaml":    "packages: [{parameter: more}]\nscripts: {boot: [{name: x, body: '#!/bin/sh'}]}\n",
		"nodes/trixie.yaml": "",
	})
}

func TestWalk(t *testing.T) {
	s := choose(t, application(t), "app")
	cases := []struct {
		name            string
		attrs           Attributes
		order, packages string
	}{
		{"plain", nil, "base/base app/work base/compute", "openssh-server a1"},
		{"debian", Attributes{"os": "debian", "release": "bookworm"}, "base/base app/work base/compute", "openssh-server a1 b1"},
		{"trixie", Attributes{"os": "debian", "release": "trixie"}, "base/base app/work base/compute app/trixie", "openssh-server a1 b1 c1"},
		{"many", Attributes{"nodes": map[string]int{"compute": 101}}, "base/base app/big app/work base/compute", "openssh-server a1"},
		{"as text", Attributes{"app.threads": "9", "app.more": "vim htop vim"}, "base/base app/big app/work base/compute", "openssh-server vim htop a1"},
		{"typed", Attributes{"app.threads": 9}, "base/base app/big app/work base/compute", "openssh-server a1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, err := s.Walk("compute", c.attrs)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(p.Order, " "); got != c.order {
				t.Errorf("order %s, want %s", got, c.order)
			}
			var packages []string
			for _, pkg := range p.Packages {
				packages = append(packages, pkg.Name)
			}
			if got := strings.Join(packages, " "); got != c.packages {
				t.Errorf("packages %s, want %s", got, c.packages)
			}
			if got := strings.Join(p.Rolls, " "); got != "app@1 base@1" {
				t.Errorf("rolls %s", got)
			}
		})
	}
}

func TestWalkRefuses(t *testing.T) {
	s := choose(t, application(t), "app")
	_, err := s.Walk("computer", nil)
	wantDetails(t, err, `appliance: the rolls app, base, gateway have no appliance "computer"; did you mean "compute"?; they have compute, gateway`)
	_, err = s.Walk("compute", Attributes{"relese": "x", "os": 3})
	wantDetails(t, err, `attributes.relese: no such attribute; did you mean "release"?`)
	_, err = s.Walk("compute", Attributes{"os": 3, "nodes": 4, "app.threads": "many"})
	wantDetails(t, err, `attributes.os: is a int, not a text`, `attributes.nodes: is a int`, `parameters.app.threads: "many" is not a whole number`)
	_, err = s.Walk("compute", Attributes{"app.threads": 9, "app.more": "--purge"})
	wantDetails(t, err, `parameters.app.more: "--purge" cannot be the name of a package`)

	c := site(t, "app", map[string]string{
		"roll.yaml": head + `
edges: [{from: base/compute, to: a}, {from: a, to: b}, {from: a, to: c}]
order:
- {node: a, before: b}
- {node: b, before: c}
- {node: a, after: c}
- {node: a, before: base/base}
`,
		"nodes/a.yaml": "services: [{unit: ssh.service, state: started}]\nfiles: [{path: /x, content: a}]\n",
		"nodes/b.yaml": "services: [{unit: ssh.service, state: masked}]\nfiles: [{path: /x, content: a}]\n",
		"nodes/c.yaml": "services: [{unit: ssh.service, state: started}]\n",
	})
	_, err = choose(t, c, "app").Walk("compute", nil)
	wantDetails(t, err,
		`app/roll.yaml:7: app/a comes before app/b`, `app/roll.yaml:8: app/b comes before app/c`, `app/roll.yaml:9: app/c comes before app/a`)
	c["app"][0].Order = nil
	_, err = choose(t, c, "app").Walk("compute", nil)
	wantDetails(t, err,
		`app/nodes/b.yaml:2: /x is written by app/nodes/a.yaml:2 too`,
		`app/nodes/b.yaml:1: ssh.service is to be masked, but started by app/nodes/a.yaml:1`)
}

// TestSortNodesProperties: for any constraints the result is a permutation
// that keeps to all of them and does not depend on the order of the input, or
// it is a real circle.
func TestSortNodesProperties(t *testing.T) {
	name := rapid.SampledFrom([]string{"r/a", "r/b", "r/c", "r/d", "r/e", "r/f"})
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.SliceOfNDistinct(name, 1, 6, rapid.ID).Draw(t, "nodes")
		constraints := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Constraint {
			c := Constraint{First: name.Draw(t, "first"), Then: name.Draw(t, "then")}
			switch rapid.IntRange(0, 5).Draw(t, "any") {
			case 0:
				c.Then = anyNode
			case 1:
				c.First = anyNode
			}
			return c
		}), 0, 10).Draw(t, "constraints")

		order, cycle := sortNodes(nodes, constraints)
		if cycle != nil {
			for i, c := range cycle {
				if !slices.Contains(constraints, c) || c.Then != cycle[(i+1)%len(cycle)].First {
					t.Fatalf("not a circle: %v", cycle)
				}
			}
			return
		}
		if got, want := slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(nodes)); !slices.Equal(got, want) {
			t.Fatalf("%v is not %v in another order", order, nodes)
		}
		for _, c := range constraints {
			first, then := slices.Index(order, c.First), slices.Index(order, c.Then)
			if first >= 0 && then >= 0 && first > then {
				t.Fatalf("%s comes after %s in %v", c.First, c.Then, order)
			}
		}
		if want := placeOneByOne(nodes, constraints); !slices.Equal(order, want) {
			t.Fatalf("%v, want %v", order, want)
		}
		again, _ := sortNodes(rapid.Permutation(nodes).Draw(t, "other"), rapid.Permutation(constraints).Draw(t, "otherwise"))
		if !slices.Equal(order, again) {
			t.Fatalf("%v and %v of the same input", order, again)
		}
	})
}

// placeOneByOne is the rule of the order written down: of the nodes that wait
// for none of those left, the one of the lowest rank, then name.
func placeOneByOne(nodes []string, constraints []Constraint) []string {
	rank := map[string]int{}
	for _, c := range constraints {
		switch {
		case c.Then == anyNode:
			rank[c.First]--
		case c.First == anyNode:
			rank[c.Then]++
		}
	}
	var order []string
	for left := slices.Sorted(slices.Values(nodes)); len(left) > 0; {
		best := -1
		for i, n := range left {
			waits := slices.ContainsFunc(constraints, func(c Constraint) bool { return c.Then == n && slices.Contains(left, c.First) })
			if !waits && (best < 0 || rank[n] < rank[left[best]]) {
				best = i
			}
		}
		order = append(order, left[best])
		left = slices.Delete(left, best, best+1)
	}
	return order
}

// TestWalkProperties: a node is in the profile exactly when a path of edges
// whose conditions hold leads to it, and a walk repeated gives the same.
func TestWalkProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString(head + "parameters: [{name: n, type: int, default: 0, help: h}]\nappliances: [{name: x, node: n0}]\nedges:\n- {from: n0, to: n0}\n")
		const nodes = 6
		type edge struct{ from, to, least int }
		var edges []edge
		for range rapid.IntRange(0, 12).Draw(t, "edges") {
			e := edge{rapid.IntRange(0, nodes-1).Draw(t, "from"), rapid.IntRange(0, nodes-1).Draw(t, "to"), rapid.IntRange(0, 3).Draw(t, "least")}
			edges = append(edges, e)
			fmt.Fprintf(&b, "- {from: n%d, to: n%d, if: app.n >= %d}\n", e.from, e.to, e.least)
		}
		fsys := map[string]string{"app/roll.yaml": b.String()}
		for i := range nodes {
			fsys[fmt.Sprintf("app/nodes/n%d.yaml", i)] = ""
		}
		r, err := Load(files(fsys), "app")
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewCatalog(r, &Roll{Name: "base"}, &Roll{Name: "gateway"}).Select([]string{"app"})
		if err != nil {
			t.Fatal(err)
		}
		n := rapid.IntRange(0, 3).Draw(t, "n")
		p, err := s.Walk("x", Attributes{"app.n": n})
		if err != nil {
			t.Fatal(err)
		}
		reached := map[int]bool{0: true}
		for range nodes {
			for _, e := range edges {
				if reached[e.from] && n >= e.least {
					reached[e.to] = true
				}
			}
		}
		for i := range nodes {
			if got := slices.Contains(p.Order, fmt.Sprintf("app/n%d", i)); got != reached[i] {
				t.Fatalf("n%d in the profile: %v, reachable: %v", i, got, reached[i])
			}
		}
		again, err := s.Walk("x", Attributes{"app.n": fmt.Sprint(n)})
		if diff := cmp.Diff(p, again); err != nil || diff != "" {
			t.Fatalf("another profile the second time: %v\n%s", err, diff)
		}
	})
}
