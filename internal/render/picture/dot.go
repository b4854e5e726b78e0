package picture

import (
	"bytes"
	"fmt"
	"strings"
)

// DOT writes the graph for Graphviz.
func DOT(g Graph, o Options) []byte {
	m := newModel(g, o)
	colours := tones(m.rolls)
	var b bytes.Buffer
	fmt.Fprintf(&b, "digraph {\n\tlabel=%s;\n\trankdir=LR;\n\tranksep=0.8;\n\tnodesep=0.12;\n", quote(g.Title))
	b.WriteString("\tnode [shape=box, style=\"rounded,filled\", fontname=\"monospace\", fontsize=11, height=0.3];\n")
	b.WriteString("\tedge [color=\"#8a93a3\", fontname=\"monospace\", fontsize=9, arrowsize=0.6];\n")
	for i, n := range m.nodes {
		t := colours[m.roll(i)]
		attrs := []string{
			"label=" + quote(m.caption(i)), "tooltip=" + quote(m.nodeText(i)), "color=" + quote(t.dot(0.8, 0.6)),
			"fillcolor=" + quote(t.dot(0.15, 1)),
		}
		if n.State != In {
			attrs = append(attrs, `style="rounded,dashed"`, `fontcolor="#5d6470"`)
		}
		if m.lit[i] {
			attrs = append(attrs, "penwidth=3", `color="#c2410c"`)
		}
		fmt.Fprintf(&b, "\tn%d [%s];\n", i, strings.Join(attrs, ", "))
	}
	for i, e := range m.edges {
		attrs := []string{"edgetooltip=" + quote(m.edgeText(i))}
		if e.cond != "" {
			attrs = append(attrs, "label="+quote(e.label()), "labeltooltip="+quote(m.edgeText(i)))
		}
		if !e.open {
			attrs = append(attrs, "style=dashed", `color="#b3402a"`, `fontcolor="#b3402a"`)
		}
		if m.litBy[i] {
			attrs = append(attrs, "penwidth=3", `color="#c2410c"`)
		}
		fmt.Fprintf(&b, "\tn%d -> n%d [%s];\n", e.from, e.to, strings.Join(attrs, ", "))
	}
	if o.Order {
		for _, e := range m.order {
			fmt.Fprintf(&b, "\tn%d -> n%d [constraint=false, style=dotted, arrowhead=vee, edgetooltip=%s];\n", e.from, e.to,
				quote(m.nodes[e.from].Name+" comes before "+m.nodes[e.to].Name))
		}
	}
	b.WriteString("}\n")
	return b.Bytes()
}

// quote makes a text a string of DOT, in which Graphviz sees neither its own
// escapes nor entities of HTML.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`).Replace(clean(text)) + `"`
}
