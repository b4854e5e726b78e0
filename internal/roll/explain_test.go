package roll

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func explained(x Explanation) []string {
	var lines []string
	line := func(r Reason) string { return strings.TrimSpace(r.Text + " " + r.From.Place()) }
	for _, m := range x.In {
		lines = append(lines, m.Node)
		if m.After != nil {
			lines = append(lines, "  after: "+line(*m.After))
		}
		for _, r := range m.By {
			lines = append(lines, "  by: "+line(r))
		}
	}
	for _, a := range x.Out {
		lines = append(lines, "not "+a.Node)
		for _, r := range a.Because {
			lines = append(lines, "  because: "+line(r))
		}
	}
	return lines
}

func TestExplain(t *testing.T) {
	x, err := choose(t, application(t), "app").Explain("compute", Attributes{"app.threads": 9})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"base/base",
		"  by: edge from base/compute base/roll.yaml:5",
		"app/big",
		`  after: base/base is before "*" base/roll.yaml:6`,
		`  by: edge from base/compute, for app.threads > 8 or nodes["compute"] > 100 app/roll.yaml:10`,
		"app/work",
		"  after: app/big comes before app/work app/roll.yaml:15",
		"  by: edge from base/compute app/roll.yaml:9",
		"base/compute",
		"  after: nothing says which comes first, so they come by name",
		"  by: appliance compute starts here base/roll.yaml:4",
		"  by: edge from app/work app/roll.yaml:12",
		"not app/trixie",
		`  because: the edge from base/compute does not hold: os == "debian" and release == "trixie" and "app" in rolls is false app/roll.yaml:11`,
		"not gateway/gateway",
		"  because: this is where the appliance gateway starts gateway/roll.yaml:4",
	}
	if diff := cmp.Diff(want, explained(x)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestExplainSaysWhatHangsOnWhatIsOut(t *testing.T) {
	c := site(t, "app", map[string]string{
		"roll.yaml":    head + "edges: [{from: base/compute, to: a, if: 'os == \"x\"'}, {from: a, to: b}]\norder: [{node: base/compute, after: '*'}]\n",
		"nodes/a.yaml": "", "nodes/b.yaml": "",
	})
	x, err := choose(t, c, "app").Explain("compute", nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(explained(x), "\n")
	for _, want := range []string{
		"not app/b\n  because: the edge from app/a leads nowhere: that node is not in the profile either app/roll.yaml:4",
		`base/compute
  after: base/base is before "*" base/roll.yaml:6`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}

func TestOrigins(t *testing.T) {
	p, err := choose(t, application(t), "app").Walk("compute", Attributes{"app.threads": 9, "app.more": "vim", "os": "debian"})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(p.Origins())
	want := "[[package openssh-server base/nodes/base.yaml:1] [package vim app/nodes/big.yaml:1] [package a1 app/nodes/work.yaml:1] [package b1 app/nodes/work.yaml:1] [boot app/big/x app/nodes/big.yaml:2]]"
	if got != want {
		t.Errorf("got %s", got)
	}
}

// TestExplainProperties: for any graph the explanation has the walk's order,
// gives every member a way in from an earlier found member, and every reason
// for an order is one that the sort could have had.
func TestExplainProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b strings.Builder
		b.WriteString(head + "appliances: [{name: x, node: n0}]\nedges:\n- {from: n0, to: n0}\n")
		node := rapid.IntRange(0, 5)
		for range rapid.IntRange(0, 12).Draw(t, "edges") {
			fmt.Fprintf(&b, "- {from: n%d, to: n%d, if: 'len(os) >= %d'}\n", node.Draw(t, "from"), node.Draw(t, "to"), rapid.IntRange(0, 1).Draw(t, "least"))
		}
		b.WriteString("order:\n- {node: n0, before: n1}\n")
		for range rapid.IntRange(0, 6).Draw(t, "order") {
			fmt.Fprintf(&b, "- {node: n%d, before: %s}\n", node.Draw(t, "first"), rapid.SampledFrom([]string{"'*'", "n2", "n3", "n4", "n5"}).Draw(t, "then"))
		}
		fsys := map[string]string{"app/roll.yaml": b.String()}
		for i := range 6 {
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
		p, err := s.Walk("x", nil)
		x, err2 := s.Explain("x", nil)
		if (err == nil) != (err2 == nil) {
			t.Fatalf("walk %v, explain %v", err, err2)
		}
		if err != nil {
			return
		}
		for i, m := range x.In {
			if p.Order[i] != m.Node || len(m.By) == 0 || (m.After == nil) != (i == 0) {
				t.Fatalf("%d: %+v in %v", i, m, p.Order)
			}
			if i > 0 && m.After.From == (Source{}) && m.Node < p.Order[i-1] {
				t.Fatalf("%s is not after %s by name", m.Node, p.Order[i-1])
			}
		}
		if len(x.In)+len(x.Out) != len(s.nodes) || slices.ContainsFunc(x.Out, func(a Absent) bool { return slices.Contains(p.Order, a.Node) }) {
			t.Fatalf("%d in, %d out of %d", len(x.In), len(x.Out), len(s.nodes))
		}
	})
}
