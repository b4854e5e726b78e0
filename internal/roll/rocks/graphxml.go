package rocks

import (
	"errors"
	"fmt"
	"strings"

	"quarry/internal/roll/graph"
	"quarry/internal/roll/rocks/python"
	"quarry/internal/roll/rocks/sax"
)

// graphFile is a graph as it was read: what a walk needs of its elements.
type graphFile struct {
	path   string // "graphs/default/base.xml"
	events []graphEvent
	err    error // at the end of the events
}

type graphEvent struct {
	name  string
	attrs map[string]string // nil: the element's end
	text  string            // before it
	line  int
}

func readGraph(path string, data []byte) *graphFile {
	f := &graphFile{path: path}
	var text strings.Builder
	h := sax.Handler{
		Text: func(t string, _ sax.Pos) error {
			text.WriteString(t)
			return nil
		},
		Start: func(name string, attrs []sax.Attr, at sax.Pos) error {
			e := graphEvent{name: name, attrs: map[string]string{}, text: text.String(), line: at.Line}
			text.Reset()
			for _, a := range attrs {
				e.attrs[a.Name] = a.Value
			}
			f.events = append(f.events, e)
			return nil
		},
		End: func(name string, at sax.Pos) error {
			f.events = append(f.events, graphEvent{name: name, text: text.String(), line: at.Line})
			text.Reset()
			return nil
		},
		Undefined: func(name string, at sax.Pos) {
			f.events = append(f.events, graphEvent{name: "&" + name, line: at.Line})
		},
	}
	if err := sax.Read(data, sax.Options{}, h); err != nil {
		line := 0
		if e, ok := errors.AsType[*sax.Error](err); ok {
			line = e.Line
		}
		f.err = badXML(err, path, line)
	}
	return f
}

// nameless stands for the name that an edge does not give: Python's None.
const nameless = "\x00None"

func shown(name string) string {
	if name == nameless {
		return "None"
	}
	return name
}

// graphReader keeps between elements what Rocks keeps. It is never reset: an
// edge that stands in no <edge> uses what the one before left.
type graphReader struct {
	tree   *Tree
	env    *environment
	report func(Finding)
	out    *Graph

	seen  map[string]bool // conditions
	named map[string]bool // every name that an edge gives, also where it does not hold

	file, roll string
	text       string
	condition  *string // of the edge, nil before the first
	cond       string  // of the to or from
	own        string  // its own cond attribute
	line       int
	from, to   *string
	head, tail *string
	ordered    bool
	gen        *string // of the order
	eachGen    *string // of the head or tail
}

// readGraphs makes the graph for one environment.
func (t *Tree) readGraphs(env *environment, report func(Finding)) (*Graph, error) {
	name := env.escaped["graph"]
	files, ok := t.graphs[name]
	if !ok {
		return nil, &Refusal{
			Rule: ruleNoGraph, Text: "error - no such graph graphs/" + name, File: "graphs/" + name,
			Fix: "name a graph of the tree in the attribute graph, or leave it out for \"default\"",
		}
	}
	r := &graphReader{tree: t, env: env, report: report, out: &Graph{}, named: map[string]bool{}, seen: map[string]bool{}}
	r.out.Plan = graph.Plan{Nodes: &graph.Graph{}, Order: &graph.Graph{}, First: "HEAD", Last: "TAIL", Generator: "kgen"}
	r.out.Plan.Holds = t.holds(env)
	for _, f := range files {
		r.file = f.path
		for _, e := range f.events {
			if err := r.event(e); err != nil {
				return nil, place(err, f.path, e.line)
			}
		}
		if f.err != nil {
			return nil, f.err
		}
	}
	r.out.named = r.named
	return r.out, nil
}

func (r *graphReader) event(e graphEvent) error {
	if r.text += e.text; len(r.text) > maxFile {
		r.text = r.text[:maxFile]
	}
	r.line = e.line
	if undefined, ok := strings.CutPrefix(e.name, "&"); ok {
		r.lintEntity(undefined)
		return nil
	}
	if e.attrs != nil {
		return r.start(e)
	}
	switch e.name {
	case "to", "from":
		return r.endTo(e.name)
	case "head", "tail":
		return r.endHead(e.name)
	case "edge":
		if r.from != nil && r.to != nil && *r.from != "" && *r.to != "" {
			r.named[*r.from], r.named[*r.to] = true, true
			r.decides(*r.condition)
			r.edge(*r.from, *r.to, "edge")
		}
	case "order":
		if r.head != nil && r.tail != nil && *r.head != "" && *r.tail != "" {
			r.order(r.gen, "order")
		}
	}
	return nil
}

func noAttribute(name string) error {
	return &Refusal{
		Rule: ruleStray, Class: "AttributeError", Text: "Struct instance has no attribute '" + name + "'",
		Fix: "put to and from into an edge, head and tail into an order",
	}
}

func get(attrs map[string]string, name string) *string {
	if v, ok := attrs[name]; ok {
		return &v
	}
	return nil
}

func (r *graphReader) start(e graphEvent) error {
	a := e.attrs
	r.lintElement(e)
	switch e.name {
	case "graph":
		if r.roll = a["roll"]; r.roll == "" {
			r.roll = "base"
		}
	case "edge":
		c := condition(a["arch"], a["os"], a["release"], a["cond"])
		r.condition, r.cond, r.own = &c, c, ""
		r.to, r.from = get(a, "to"), get(a, "from")
	case "to", "from":
		r.text = ""
		if r.condition == nil {
			return noAttribute("cond")
		}
		cond := *r.condition
		if own, ok := a["cond"]; ok {
			edge := cond
			cond = "( " + edge + " and " + own + " )"
			if edge == "" {
				cond = "(  and " + own + " )"
			}
		}
		r.own = condition(a["arch"], a["os"], a["release"], a["cond"])
		r.cond = condition(a["arch"], a["os"], a["release"], cond)
	case "order":
		r.head, r.tail, r.gen = get(a, "head"), get(a, "tail"), get(a, "gen")
		r.eachGen, r.ordered = r.gen, true
	case "head", "tail":
		r.text = ""
		if !r.ordered {
			return noAttribute("gen")
		}
		r.eachGen = r.gen
		if gen := get(a, "gen"); gen != nil {
			r.eachGen = gen
		}
	}
	return nil
}

func (r *graphReader) endTo(form string) error {
	yes, err := r.tree.conditions.decide(r.cond, r.env.escaped, func(x *python.Expr, res python.Result) { r.lintCondition(r.cond, x, res) })
	if err != nil {
		return err
	}
	name := r.text
	r.lintName(name)
	r.decides(r.cond)
	r.decides(*r.condition)
	from, to := r.from, &name
	if form == "from" {
		from, to = &name, r.to
	}
	r.named[orNameless(from)], r.named[orNameless(to)] = true, true
	if yes {
		r.edge(orNameless(from), orNameless(to), form)
	} else {
		r.out.Pruned = append(r.out.Pruned, Pruned{From: shown(orNameless(from)), To: shown(orNameless(to)), If: r.cond, EdgeSource: r.source(form)})
	}
	if form == "to" {
		r.to = nil
	} else {
		r.from = nil
	}
	return nil
}

// decides notes a condition on which the graph or its walk depends.
func (r *graphReader) decides(cond string) {
	if cond != "" && !r.seen[cond] {
		r.seen[cond] = true
		r.out.decided = append(r.out.decided, cond)
	}
}

func orNameless(name *string) string {
	if name == nil {
		return nameless
	}
	return *name
}

func (r *graphReader) source(form string) EdgeSource {
	return EdgeSource{File: r.file, Roll: r.roll, Line: r.line, Form: form}
}

func (r *graphReader) edge(from, to, form string) {
	r.out.Plan.Nodes.Add(graph.Edge{From: from, To: to, If: *r.condition, Ref: len(r.out.Edges)})
	r.out.Edges = append(r.out.Edges, r.source(form))
}

func (r *graphReader) endHead(form string) error {
	name := r.text
	r.lintName(name)
	if form == "head" {
		r.head = &name
		r.order(r.eachGen, form)
		r.head = nil
		return nil
	}
	r.tail = &name
	r.order(r.eachGen, form)
	r.tail = nil
	return nil
}

func (r *graphReader) order(gen *string, form string) {
	r.out.Plan.Order.Add(graph.Edge{From: orNameless(r.head), To: orNameless(r.tail), For: gen, Ref: len(r.out.Order)})
	r.out.Order = append(r.out.Order, r.source(form))
}

// ends gives the two names of an edge of the graph, for people.
func ends(e graph.Edge) string { return fmt.Sprintf("%s → %s", shown(e.From), shown(e.To)) }
