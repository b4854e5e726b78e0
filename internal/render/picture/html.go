package picture

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

var (
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string
)

// HTML draws the graph as one page, with search, zoom, the constraints and the
// way to every node. It loads nothing, and its own policy forbids it to.
func HTML(g Graph, o Options) []byte {
	d := newModel(g, o).draw()
	p := pen{Buffer: &bytes.Buffer{}}
	style := d.style() + pageStyle
	p.f("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
	p.f(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'; style-src %s; script-src %s">`+"\n",
		digest(style), digest(pageScript))
	p.f("<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n", esc(d.title()), style)
	p.header(d, o)
	p.f(`<main><svg id="graph" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" tabindex="0" role="group" aria-label="%s" aria-describedby="keys"%s>`+"\n",
		num(d.width), num(d.height), esc(d.title()), d.lighting())
	p.f("<desc>%s</desc>\n", esc(d.describe()))
	p.body(d, true, false)
	p.f("</svg>\n<aside id=\"card\" hidden aria-live=\"polite\"></aside></main>\n</div>\n<div id=\"tip\" role=\"tooltip\" hidden></div>\n")
	p.table(d)
	p.f("<script type=\"application/json\" id=\"data\">%s</script>\n<script>%s</script>\n</body>\n</html>\n", d.data(), pageScript)
	return p.Bytes()
}

// digest names a text as a content security policy does.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

func (p pen) header(d *drawing, o Options) {
	p.f("<div id=\"view\">\n<header>\n<h1>%s</h1>\n<p id=\"about\">%s</p>\n", esc(d.title()), esc(d.describe()))
	p.WriteString(`<div class="tools" role="toolbar" aria-label="View">
<label>Search <input id="search" type="search" placeholder="node, roll or file" autocomplete="off" spellcheck="false"></label>
<span id="found" role="status"></span>
<button id="in" title="Larger (+)">+</button><button id="out" title="Smaller (−)">−</button><button id="fit" title="All of it (0)">fit</button>
`)
	p.f(`<button id="order" aria-pressed="%t" title="Show which node comes before which (o)">order</button>`, o.Order)
	p.WriteString(`<button id="theme" title="Light or dark">theme</button>
<span id="keys">Arrows: from node to node. Enter: light the way to it. / search, + − 0 zoom, o order, Esc nothing lit.</span>
</div>
<div class="rolls" role="group" aria-label="Rolls">
`)
	count := make([]int, len(d.rolls))
	for i := range d.nodes {
		count[d.roll(i)]++
	}
	for i, name := range d.rolls {
		if name == "" {
			name = "roll not known"
		}
		p.f(`<button data-roll="%d" aria-pressed="false"><svg class="n in r%[1]d" width="14" height="12" aria-hidden="true"><rect x="1" y="1" width="12" height="10" rx="3"/></svg> %s <i>%d</i></button>`+"\n", i, esc(name), count[i])
	}
	p.WriteString("</div>\n</header>\n")
}

// table says the same in words, for who cannot see the picture.
func (p pen) table(d *drawing) {
	p.WriteString("<details><summary>All nodes as a table</summary>\n<table><thead><tr><th>number<th>node<th>roll<th>file<th>by which edges</thead><tbody>\n")
	in := make([][]int, len(d.nodes))
	for i, e := range d.edges {
		in[e.to] = append(in[e.to], i)
	}
	for _, n := range d.byPosition() {
		node := d.nodes[n]
		number := string(node.State.class())
		if node.Position > 0 {
			number = fmt.Sprint(node.Position)
		}
		var by []string
		for _, i := range in[n] {
			by = append(by, d.edgeText(i))
		}
		p.f("<tr><td>%s<td>%s<td>%s<td>%s<td>%s\n", esc(number), esc(node.Name), esc(node.Roll), esc(node.Place), esc(strings.Join(by, "; ")))
	}
	p.WriteString("</tbody></table></details>\n")
}

// What the page's script knows of the graph. Short names: there are many.
type (
	pageNode struct {
		Name     string   `json:"n"`
		Roll     int      `json:"r"`
		RollName string   `json:"g"`
		Place    string   `json:"p,omitempty"`
		State    string   `json:"s"`
		Position int      `json:"o,omitempty"`
		Facts    []string `json:"f,omitempty"`
		Via      int      `json:"v"`
	}
	pageEdge struct {
		From   int      `json:"a"`
		To     int      `json:"b"`
		If     string   `json:"c,omitempty"`
		Open   bool     `json:"h"`
		Places []string `json:"p,omitempty"`
	}
	pageData struct {
		Nodes []pageNode `json:"nodes"`
		Edges []pageEdge `json:"edges"`
		Order []pageEdge `json:"order"`
		Goal  int        `json:"goal"`
		Root  int        `json:"root"`
	}
)

// data is JSON in which encoding/json has escaped what could end the element.
func (d *drawing) data() []byte {
	data := pageData{Goal: d.goal, Root: d.root}
	for i, n := range d.nodes {
		data.Nodes = append(data.Nodes, pageNode{
			Name: clean(n.Name), Roll: d.roll(i), RollName: clean(n.Roll), Place: clean(n.Place),
			State: n.State.text(), Position: n.Position, Facts: cleanAll(n.Facts), Via: d.via[i],
		})
	}
	data.Edges, data.Order = pageEdges(d.edges), pageEdges(d.order)
	raw, err := json.Marshal(data)
	if err != nil {
		panic(fmt.Sprintf("picture: a graph is always JSON: %v", err))
	}
	return raw
}

func pageEdges(edges []edge) []pageEdge {
	list := make([]pageEdge, len(edges))
	for i, e := range edges {
		list[i] = pageEdge{From: e.from, To: e.to, If: clean(e.cond), Open: e.open, Places: cleanAll(e.places)}
	}
	return list
}

func cleanAll(list []string) []string {
	cleaned := make([]string, len(list))
	for i, text := range list {
		cleaned[i] = clean(text)
	}
	return cleaned
}
