package rocks_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"quarry/internal/roll/rocks"
)

// quick fails where something takes too long for what it is.
func quick(t *testing.T, what string, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > time.Minute {
		t.Errorf("%s took %s", what, took)
	}
}

func TestBigGraphs(t *testing.T) {
	var wide, deep, orders strings.Builder
	for i := range 100000 {
		fmt.Fprintf(&wide, "<edge from=\"n%d\" to=\"n%d\"/>", i*7%5000, i*13%5000)
	}
	for i := range 10000 {
		fmt.Fprintf(&deep, "<edge from=\"d%d\" to=\"d%d\"/>", i, i+1)
		fmt.Fprintf(&orders, "<order head=\"d%d\" tail=\"d%d\"/>", i+1, i)
	}
	tr := small(t, `<edge from="root" to="n0"/><edge from="root" to="d0"/><order head="HEAD" tail="TAIL"/>`+wide.String()+deep.String()+orders.String(), nil)
	for _, compat := range []bool{true, false} {
		quick(t, "a big graph", func() {
			_, err := tr.Walk("root", nil, rocks.Options{Compat: compat})
			if err == nil || !strings.Contains(err.Error(), "cannot find node") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBigNodes(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("<!DOCTYPE graph [<!ENTITY e0 \"0123456789\">")
	for i := range 30 {
		fmt.Fprintf(&bomb, "<!ENTITY e%d \"%s\">", i+1, strings.Repeat(fmt.Sprintf("&e%d;", i), 10))
	}
	bomb.WriteString("]><graph><edge from=\"root\"><to>&e30;</to></edge></graph>")
	for name, c := range map[string]struct {
		file, body string
		attrs      map[string]string
		want       string
	}{
		"entity bomb in a graph":   {"graphs/default/z.xml", bomb.String(), nil, "out of memory"},
		"circle of entities":       {"graphs/default/z.xml", `<!DOCTYPE g [<!ENTITY a "&b;"><!ENTITY b "&a;">]><graph>&a;</graph>`, nil, "recursive entity reference"},
		"an attribute many times":  {"nodes/a.xml", "<kickstart><post>" + strings.Repeat("&big;", 500000) + "</post></kickstart>", map[string]string{"big": strings.Repeat("x", 10000)}, "out of memory"},
		"depth":                    {"nodes/a.xml", "<kickstart>" + strings.Repeat("<x>", 20000) + strings.Repeat("</x>", 20000) + "</kickstart>", nil, ""},
		"depth in a script":        {"nodes/a.xml", "<kickstart><post>" + strings.Repeat("<file name=\"/x\">", 20000) + strings.Repeat("</file>", 20000) + "</post></kickstart>", nil, "maximum recursion depth"},
		"attributes":               {"nodes/a.xml", "<kickstart><post" + strings.Repeat(" a=\"b\"", 100000) + "/></kickstart>", nil, "out of memory"},
		"a string that multiplies": {"nodes/a.xml", "<kickstart><post cond=\"'a' * 10 ** 9\">x</post></kickstart>", nil, "MemoryError"},
		"many entities in text":    {"nodes/a.xml", "<kickstart><post>" + strings.Repeat("&amp;", 1000000) + "</post></kickstart>", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := fstest.MapFS{
				"graphs/default/g.xml": {Data: []byte("<graph>" + plainGraph + "</graph>")}, "nodes/root.xml": {}, "nodes/a.xml": {}, "nodes/b.xml": {}, "nodes/c.xml": {},
			}
			fsys[c.file] = &fstest.MapFile{Data: []byte(c.body)}
			tr, err := rocks.Read(fsys, ".")
			if err != nil {
				t.Fatal(err)
			}
			quick(t, name, func() {
				_, err := tr.Walk("root", c.attrs, rocks.Options{})
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("want %q, got %.200v", c.want, err)
				}
			})
		})
	}
}

func FuzzGraph(f *testing.F) {
	f.Add(plainGraph, "os: linux")
	f.Add(edgeForm+`<order head="a"><tail gen="x">b</tail></order><edge from="a"><to cond="x11">b</to></edge>`, "x11: yes")
	f.Add(`<edge><to arch="x">a</to><from>b</from></edge><head>x</head>`, "")
	f.Fuzz(func(t *testing.T, graph, attrs string) {
		given, err := rocks.ParseAttributes([]byte(attrs))
		if err != nil {
			return
		}
		tr := small(t, graph, nil)
		for _, compat := range []bool{true, false} {
			if p, err := tr.Walk("root", given, rocks.Options{Compat: compat}); err == nil {
				p.Explain()
			}
		}
	})
}

func FuzzNode(f *testing.F) {
	f.Add(`<package disable="">a</package><post arg="x">&word;<file name="/x" mode="pipe">y</file></post>`)
	f.Add(`<main><lang>x</lang><lilo/></main><eval mode="xml">x</eval><var name="a" val="b"/><include file="i"/>`)
	f.Add("<description>x<b/></description><![CDATA[x]]>&#10;<!-- x --><?p x?>\n<?xml ?>")
	f.Add(`<post cond="rack &gt; 1" interpreter="&quoted;">x</post><boot order="post">y</boot><pre/>`)
	f.Fuzz(func(t *testing.T, body string) {
		tr := small(t, plainGraph, map[string]string{"a": body, "include/i": "&word;<"})
		for _, o := range []rocks.Options{{Compat: true}, {}, {Evals: map[string]string{"nodes/a.xml:2": body}}} {
			p, err := tr.Walk("root", someAttributes, o)
			if err == nil && len(p.Order) != 4 {
				t.Fatalf("%d nodes without an error", len(p.Order))
			}
		}
	})
}

func FuzzAttributes(f *testing.F) {
	f.Add("os: linux\nrack: 0\nx: it's\n# c: d\n", "word")
	f.Add("a\\: b\\\nroot: \\\ngraph: default\nos: sunos", "a")
	f.Fuzz(func(t *testing.T, text, entity string) {
		attrs, err := rocks.ParseAttributes([]byte(text))
		if err != nil {
			return
		}
		tr := small(t, plainGraph, map[string]string{"a": "<post cond=\"rack or not x\">&" + entity + ";</post><file name=\"&" + entity + ";\"/>"})
		_, _ = tr.Walk("root", attrs, rocks.Options{}) // it may be refused
	})
}
