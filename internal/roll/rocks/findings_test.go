package rocks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"quarry/internal/roll/rocks"
)

// small makes a tree of one graph and nodes; a node that is not given is empty.
func small(t testing.TB, graph string, nodes map[string]string) *rocks.Tree {
	t.Helper()
	fsys := fstest.MapFS{"t/graphs/default/g.xml": {Data: []byte("<graph roll=\"r\">\n" + graph + "\n</graph>\n")}}
	for _, name := range []string{"root", "a", "b", "c"} {
		fsys["t/nodes/"+name+".xml"] = &fstest.MapFile{Data: []byte("<kickstart roll=\"r\">\n</kickstart>\n")}
	}
	for name, body := range nodes {
		if !strings.Contains(name, "/") {
			name = "nodes/" + name + ".xml"
			body = "<kickstart roll=\"r\">\n" + body + "\n</kickstart>\n"
		}
		fsys["t/"+name] = &fstest.MapFile{Data: []byte(body)}
	}
	tr, err := rocks.Read(fsys, "t")
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

const (
	plainGraph = `<edge from="root"><to>a</to><to>b</to><to>c</to></edge><order head="HEAD" tail="TAIL"/>`
	edgeForm   = `<edge from="root" to="a"/><edge from="root" to="b"/><edge from="root" to="c"/>`
)

var someAttributes = map[string]string{"os": "linux", "rack": "0", "word": "abc", "x11": "true", "off": "no", "quoted": "it's"}

func found(p *rocks.Profile) []string {
	var list []string
	for _, f := range p.Findings {
		list = append(list, f.Severity+" "+f.Rule)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name, graph string
		nodes       map[string]string
		want        string
	}{
		{"a sound tree", plainGraph, map[string]string{"a": "<package>x</package><post><file name=\"/x\">y</file>echo &word;</post>"}, ""},
		{"order cycle", plainGraph + `<order head="a" tail="b"/><order head="b" tail="a"/>`, nil, "error order-cycle"},
		{"misspelt order", plainGraph + `<order head="roots" tail="a"/>`, nil, "error order-misspelt"},
		{"foreign order", plainGraph + `<order head="elsewhere" tail="a"/>`, nil, "warning order-foreign-name"},
		{"order with a condition", plainGraph + `<order head="a" tail="b" cond="x11"/>`, nil, "error order-condition"},
		{"order for another generator", plainGraph + `<order head="a" tail="b" gen="x"/>`, nil, "error order-generator"},
		{"to with a condition", edgeForm + `<edge from="root" cond="x11"><to cond="x11">a</to></edge>`, nil, "error to-condition"},
		{"both forms", edgeForm + `<edge from="root" to="b"><to>a</to></edge>`, nil, "error edge-both-forms"},
		{"children stay", `<edge from="root" to="a" cond="off"/><edge from="a" to="b"/><edge from="root" to="c"/>`, nil, "error edge-keeps-children"},
		{"false edge first", `<edge from="root" to="b"/><edge from="root" to="a" cond="off"/><edge from="root" to="c"/><edge from="c" to="a"/>`, nil, "error edge-conditions-disagree"},
		{"true edge first", `<edge from="root" to="b"/><edge from="root" to="a"/><edge from="root" to="c"/><edge from="c" to="a" cond="off"/>`, nil, "info edge-first-decides"},
		{"edge to nothing", plainGraph + `<edge from="root" to="gone" cond="off"/>`, nil, "warning edge-without-file"},
		{"node nobody names", plainGraph, map[string]string{"lonely": ""}, "warning node-unreached"},
		{"site node", plainGraph, map[string]string{"site-nodes/a.xml": "<kickstart/>"}, "error site-node-ignored"},
		{"True", edgeForm + `<edge from="root" cond="x11 == True"><to>a</to></edge>`, nil, "error condition-builtin"},
		{"unknown compared", edgeForm + `<edge from="root" cond="nosuch == 7"><to>a</to></edge>`, nil, "error condition-unknown-name"},
		{"unknown alone", edgeForm + `<edge from="root" cond="nosuch or nosuch is None"><to>a</to></edge>`, nil, ""},
		{"mixed types", edgeForm + `<edge from="root" cond="version == '7.0'"><to>a</to></edge>`, nil, "error condition-mixed-types"},
		{"mixed types in a node", plainGraph, map[string]string{"a": `<post cond="rack == '0'">x</post>`}, "error condition-mixed-types"},
		{"unknown element of a graph", plainGraph + `<icon/>`, nil, "error unknown-element"},
		{"unknown attribute of a graph", plainGraph + `<order head="a" tail="b" weight="1"/>`, nil, "warning unknown-attribute"},
		{"undefined entity", plainGraph, map[string]string{"a": "<post>&nope;</post>"}, "error undefined-entity"},
		{"undefined entity nobody reads", plainGraph, map[string]string{"a": "<description>&nope;</description><screen>&nope;</screen>"}, ""},
		{"quote", plainGraph, map[string]string{"a": "<post>&quoted;</post>"}, "error entity-with-quote"},
		{"declaration in the middle", plainGraph, map[string]string{"a": "<post>\ncat &lt;&lt;X\n<?xml version=\"1.0\"?>\nX\n</post>"}, "error xml-declaration-line"},
		{"eval", plainGraph, map[string]string{"a": "<post><eval>date</eval></post>"}, "error eval"},
		{"copy", plainGraph, map[string]string{"a": "<post><copy src=\"/x\"/></post>"}, "error copy"},
		{"variable", plainGraph, map[string]string{"a": "<var name=\"x\" val=\"y\"/>"}, "warning variable"},
		{"disable=0", plainGraph, map[string]string{"a": "<package disable=\"0\">x</package>"}, "error package-disable"},
		{"words", plainGraph, map[string]string{"a": "<package>x y</package>"}, "error package-words"},
		{"no name", plainGraph, map[string]string{"a": "<package/>"}, "error package-empty"},
		{"in a description", plainGraph, map[string]string{"a": "<description>like <b>this</b></description>"}, "error element-in-description"},
		{"unknown element", plainGraph, map[string]string{"a": "<packge>x</packge>"}, "error unknown-element"},
		{"file at the top", plainGraph, map[string]string{"a": "<file name=\"/x\">y</file>"}, "error unknown-element"},
		{"unknown element in main", plainGraph, map[string]string{"a": "<main><lnag>x</lnag></main>"}, "error unknown-element"},
		{"file cond", plainGraph, map[string]string{"a": "<post><file name=\"/x\" cond=\"off\">y</file></post>"}, "error file-condition"},
		{"file perm", plainGraph, map[string]string{"a": "<post><file name=\"/x\" perm=\"755\">y</file></post>"}, "error file-perm"},
		{"file mode", plainGraph, map[string]string{"a": "<post><file name=\"/x\" mode=\"prepend\">y</file></post>"}, "error file-mode"},
		{"file expr", plainGraph, map[string]string{"a": "<post><file name=\"/x\" expr=\"date\">y</file></post>"}, "error file-expr"},
		{"EOF", plainGraph, map[string]string{"a": "<post><file name=\"/x\">\nEOF\n</file></post>"}, "error heredoc-end"},
		{"include with an entity", plainGraph, map[string]string{"a": "<post><include file=\"i\"/></post>", "include/i": "&word;"}, "error include-entity"},
		{"include nobody needs", plainGraph, map[string]string{"a": "<screen><code><include file=\"i\"/></code></screen>"}, "warning no-include-unused"},
		{"entity in a graph", edgeForm + `<edge from="root"><to>a&nope;</to></edge>`, nil, "error undefined-entity"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := small(t, c.graph, c.nodes)
			p, err := tr.Walk("root", someAttributes, rocks.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(found(p), ", "); got != c.want {
				t.Errorf("want %q, got %q: %+v", c.want, got, p.Findings)
			}
			for _, f := range p.Findings {
				if f.File == "" || f.Message == "" || f.Fix == "" {
					t.Errorf("a finding lacks something: %+v", f)
				}
			}
			exact, err := tr.Walk("root", someAttributes, rocks.Options{Compat: true})
			if err != nil || fmt.Sprint(exact.Order, exact.On, exact.Off, exact.Posts) != fmt.Sprint(p.Order, p.On, p.Off, p.Posts) {
				t.Errorf("the two modes differ: %v", err)
			}
			rule, isError := strings.CutPrefix(c.want, "error ")
			allowed, _ := tr.Walk("root", someAttributes, rocks.Options{Allow: map[string]bool{rule: true}})
			if got := strings.Join(found(allowed), ", "); isError && got != "warning "+rule {
				t.Errorf("allowed: got %q", got)
			}
		})
	}
}

func TestBlanksInANameAreTold(t *testing.T) {
	tr := small(t, `<edge from="root"><to> a </to></edge>`, nil)
	p, err := tr.Walk("root", someAttributes, rocks.Options{})
	if err == nil || !strings.Contains(err.Error(), `KickstartNodeError: cannot find node " a "`) {
		t.Errorf("got %v", err)
	}
	if got := found(p); !slices.Contains(got, "error name-with-spaces") {
		t.Errorf("got %v", got)
	}
}

func TestEvalValues(t *testing.T) {
	tr := small(t, plainGraph, map[string]string{"a": "<post><eval>date</eval></post>\n<eval mode=\"xml\">x</eval>"})
	p, err := tr.Walk("root", someAttributes, rocks.Options{Evals: map[string]string{"nodes/a.xml:2": "a < b", "nodes/a.xml:3": "<package>made</package>"}})
	if err != nil || len(p.Findings) > 0 {
		t.Fatalf("%v %+v", err, p.Findings)
	}
	if p.Posts[1].Body != "a < b" || !slices.Equal(p.On, []string{"made"}) {
		t.Errorf("got %q and %v", p.Posts[1].Body, p.On)
	}
}

func TestExplain(t *testing.T) {
	tr := small(t, `<edge from="root" cond="x11"><to>a</to></edge><edge from="root" cond="off"><to>b</to></edge><order head="a" tail="root"/>`,
		map[string]string{"a": "<package>x</package>"})
	p, err := tr.Walk("root", someAttributes, rocks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	list := p.Explain()
	if len(list) != 3 || list[0].Node != "a" || !list[0].By[0].Used || list[0].By[0].Line != 2 || list[0].Packages[0].What != "x" {
		t.Fatalf("got %+v", list)
	}
	if want := "a before root (graphs/default/g.xml:2)"; list[0].Next != "root" || list[0].Because[0] != want {
		t.Errorf("got %+v", list[0].Because)
	}
	if b := list[2]; b.Node != "b" || b.Selected || b.By[0].Holds || b.By[0].If != "off" {
		t.Errorf("got %+v", b)
	}
}
