package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/needs"
)

// nasty are names that mean something in XML, HTML, JSON or DOT.
var nasty = []string{
	"", "a", "b b", `"`, `\`, `\"`, "<", "&amp;", "]]>", "--", "</script><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`,
	"\x00", "\n", "\xff", "\u202e", "ü", "节点", `\N`, "node->other", "{}", "'", "</style>", "<!--", "${x}", "%s", strings.Repeat("x", 200),
}

func graphs() *rapid.Generator[Graph] {
	return rapid.Custom(func(t *rapid.T) Graph {
		name := rapid.OneOf(rapid.SampledFrom(nasty), rapid.String())
		names := rapid.SliceOfN(name, 1, 14).Draw(t, "names")
		one := rapid.SampledFrom(names)
		g := Graph{Title: name.Draw(t, "title"), Root: one.Draw(t, "root")}
		for _, n := range names {
			g.Nodes = append(g.Nodes, Node{
				Name: n, Roll: name.Draw(t, "roll"), Place: name.Draw(t, "place"),
				State: rapid.SampledFrom([]State{In, Out, Beyond, "", "odd"}).Draw(t, "state"), Position: rapid.IntRange(0, 99).Draw(t, "position"),
			})
		}
		g.Edges = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Edge {
			return Edge{
				From: one.Draw(t, "from"), To: rapid.OneOf(one, name).Draw(t, "to"), Place: "f:1",
				If: rapid.OneOf(rapid.Just(""), name).Draw(t, "if"), Open: rapid.Bool().Draw(t, "open"),
			}
		}), 0, 40).Draw(t, "edges")
		g.Order = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Constraint {
			return Constraint{First: one.Draw(t, "first"), Then: rapid.OneOf(one, name).Draw(t, "then")}
		}), 0, 5).Draw(t, "order")
		return g
	})
}

func options(g Graph) *rapid.Generator[Options] {
	return rapid.Custom(func(t *rapid.T) Options {
		return Options{PathTo: rapid.SampledFrom(append(g.names(), "", g.Root)).Draw(t, "path to"), Order: rapid.Bool().Draw(t, "order")}
	})
}

func TestAnyGraphIsDrawn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs().Draw(t, "graph")
		o := options(g).Draw(t, "options")
		for name, draw := range map[string]func(Graph, Options) []byte{"svg": SVG, "dot": DOT, "html": HTML} {
			out := draw(g, o)
			if !bytes.Equal(out, draw(g, o)) {
				t.Fatalf("%s: two pictures of one graph differ", name)
			}
			if bytes.Contains(out, []byte("NaN")) && !strings.Contains(fmt.Sprint(g), "NaN") || bytes.Contains(out, []byte("Inf ")) {
				t.Fatalf("%s: no place was found for something", name)
			}
		}
		if err := wellFormed(SVG(g, o)); err != nil {
			t.Fatal(err)
		}
		if err := onlyOurMarkup(HTML(g, o)); err != nil {
			t.Fatal(err)
		}
		if err := readDOT(string(DOT(g, o))); err != nil {
			t.Fatal(err)
		}
		if err := apart(newModel(g, o).draw()); err != nil {
			t.Fatal(err)
		}
	})
}

func wellFormed(svg []byte) error {
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the SVG is no XML: %w", err)
		}
		if e, ok := token.(xml.StartElement); ok && !slices.Contains(ours, e.Name.Local) {
			return fmt.Errorf("<%s> came from a name", e.Name.Local)
		}
	}
}

// ours are the elements that the pictures are made of.
var ours = strings.Fields(`svg title desc style rect g path text defs marker html head meta body div header h1 p label input span button i main aside
	details summary table thead tbody tr th td script`)

var (
	tag     = regexp.MustCompile(`<[A-Za-z!/?][^\s>/]*`)
	element = regexp.MustCompile(`<[a-z][^>]*>`)
	value   = regexp.MustCompile(`"[^"]*"`)
)

// onlyOurMarkup finds elements that no one here wrote.
func onlyOurMarkup(page []byte) error {
	text := string(page)
	for _, own := range []string{pageScript, pageStyle, drawingStyle} {
		text = strings.Replace(text, own, "", 1)
	}
	for _, found := range tag.FindAllString(text, -1) {
		name := strings.ToLower(strings.Trim(found, "</!"))
		if name != "doctype" && !slices.Contains(ours, name) {
			return fmt.Errorf("%q came from a name", found)
		}
	}
	if n := strings.Count(text, "<script"); n != 2 {
		return fmt.Errorf("there are %d scripts", n)
	}
	for _, found := range element.FindAllString(text, -1) {
		bare := value.ReplaceAllString(found, `""`)
		for _, loads := range []string{"src=", "href=", " on"} {
			if strings.Contains(bare, loads) {
				return fmt.Errorf("%q in %q", loads, found)
			}
		}
	}
	return nil
}

var (
	statement = regexp.MustCompile(`^\t(n\d+( -> n\d+)?|node|edge)? ?(\[.*\]|[a-z]+=.*);$`)
	attribute = regexp.MustCompile(`^([a-z]+=("(\\.|[^"\\])*"|[\w.]+))(, |$)`)
)

// readDOT reads as much of the language as the pictures use.
func readDOT(text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if lines[0] != "digraph {" || lines[len(lines)-1] != "}" {
		return errors.New("no digraph")
	}
	for _, line := range lines[1 : len(lines)-1] {
		m := statement.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("not a statement: %q", line)
		}
		for rest := strings.TrimSuffix(strings.TrimPrefix(m[3], "["), "]"); rest != ""; {
			v := attribute.FindString(rest)
			if v == "" {
				return fmt.Errorf("not an attribute: %q", rest)
			}
			rest = rest[len(v):]
		}
	}
	return nil
}

// apart says whether something lies upon a node.
func apart(d *drawing) error {
	boxes := slices.Clone(d.boxes)
	for i := range d.lines {
		if l := d.lines[i].label; l != nil {
			boxes = append(boxes, *l)
		}
	}
	const hair = 0.01
	for i, a := range boxes {
		if math.IsNaN(a.x+a.y) || a.x < 0 || a.y < 0 || a.x+a.w > d.width || a.y+a.h > d.height+hair {
			return fmt.Errorf("box %d is outside: %v of %v %v", i, a, d.width, d.height)
		}
		for k, b := range boxes[:i] {
			if a.x+hair < b.x+b.w && b.x+hair < a.x+a.w && a.y+hair < b.y+b.h && b.y+hair < a.y+a.h {
				return fmt.Errorf("box %d lies upon box %d: %v %v", i, k, a, b)
			}
		}
	}
	return nil
}

func TestLargeGraphsTakeBoundedTime(t *testing.T) {
	const many = 4_000
	node := func(i int) string { return fmt.Sprint("n", i) }
	for name, edges := range map[string]func(i int) []int{
		"a chain":                        func(i int) []int { return []int{i + 1} },
		"a star":                         func(i int) []int { return map[bool][]int{true: nil, false: {0}}[i == 0] },
		"a circle":                       func(i int) []int { return []int{(i + 1) % many} },
		"a chain and all from its first": func(i int) []int { return []int{i + 1, -i - 1} },
		"chance":                         func(i int) []int { return []int{i * 7919 % many, i * 104729 % many, i} },
		"a thick middle":                 func(i int) []int { return []int{many + i%50, many + i*31%50, many + i*17%50} },
	} {
		t.Run(name, func(t *testing.T) {
			g := Graph{Root: node(0)}
			for i := range many {
				for _, to := range edges(i) {
					if to < 0 { // from the first node
						g.Edges = append(g.Edges, Edge{From: node(0), To: node(-to), If: "c"})
						continue
					}
					g.Edges = append(g.Edges, Edge{From: node(i), To: node(to), If: fmt.Sprint(i%3 == 0), Open: true})
				}
			}
			began := time.Now()
			size := len(SVG(g, Options{PathTo: node(many - 1)}))
			took := time.Since(began)
			t.Logf("%d edges: %v, %d KiB", len(g.Edges), took.Round(time.Millisecond), size>>10)
			if took > time.Minute {
				t.Errorf("took %v", took)
			}
			if size > 64<<20 {
				t.Errorf("has %d bytes", size)
			}
		})
	}
}

// Graphviz itself reads what was written, where it is installed.
func TestGraphvizReadsDOT(t *testing.T) {
	dot := needs.Program(t, "dot")
	g := Graph{Title: nasty[10], Root: nasty[0]}
	for i, name := range nasty {
		g.Nodes = append(g.Nodes, Node{Name: name, Roll: name, Place: name, State: In})
		g.Edges = append(g.Edges, Edge{From: nasty[0], To: name, If: nasty[(i+1)%len(nasty)]})
	}
	cmd := exec.Command(dot, "-Tdot")
	cmd.Stdin = bytes.NewReader(DOT(g, Options{}))
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 {
		t.Fatalf("%v: %s", err, said.String())
	}
	if n := len(regexp.MustCompile(`(?m)^\tn\d+\t`).FindAll(out, -1)); n != len(nasty) {
		t.Errorf("it sees %d nodes, not %d", n, len(nasty))
	}
}

func FuzzPictures(f *testing.F) {
	f.Add("root", "a\nb\na b\nb a")
	f.Add("", "\"\n\\\n</script> <script>")
	f.Fuzz(func(t *testing.T, root, text string) {
		if len(text) > 2000 {
			return
		}
		g := Graph{Root: root, Title: text}
		for line := range strings.SplitSeq(text, "\n") {
			from, to, _ := strings.Cut(line, " ")
			g.Edges = append(g.Edges, Edge{From: from, To: to, If: line, Place: line})
		}
		if err := errors.Join(wellFormed(SVG(g, Options{})), onlyOurMarkup(HTML(g, Options{PathTo: root})), readDOT(string(DOT(g, Options{})))); err != nil {
			t.Fatal(err)
		}
	})
}
