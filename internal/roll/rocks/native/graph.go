package native

import (
	"maps"
	"slices"
	"strings"

	"quarry/internal/roll/rocks"
)

type edgeOut struct {
	From string `yaml:"from"`
	To   string `yaml:"to"`
	If   string `yaml:"if,omitempty"`
}

type orderOut struct {
	Node   string `yaml:"node"`
	Before string `yaml:"before,omitempty"`
	After  string `yaml:"after,omitempty"`
}

// graphs translates the roll's graph files.
func (im *importer) graphs() error {
	all, err := im.elements("graphs/default", map[string]bool{})
	if err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(all)) {
		for _, e := range all[file].elements() {
			switch at := (place{file, e.line}); e.name {
			case "edge":
				im.edge(e, at)
			case "order":
				im.orderElement(e, at)
			case "description", "copyright", "changelog":
			default:
				im.find(rocks.Info, "import-element", file, e.line, "", "<%s> means nothing in a graph", e.name)
			}
		}
	}
	return nil
}

// edge translates one <edge> as Rocks reads it: <to> and <from> each make one,
// and what they name is spent.
func (im *importer) edge(e *element, at place) {
	from, to := e.attrs["from"], e.attrs["to"]
	outer := conditional(e.attrs, "")
	for _, c := range e.elements() {
		line := place{at.file, c.line}
		switch c.name {
		case "to":
			im.addEdge(from, c.text(), conditional(c.attrs, outer), line)
			to = ""
		case "from":
			im.addEdge(c.text(), to, conditional(c.attrs, outer), line)
			from = ""
		default:
			im.find(rocks.Info, "import-element", at.file, c.line, "", "<%s> means nothing in an edge", c.name)
		}
	}
	if from != "" && to != "" {
		im.addEdge(from, to, outer, at)
	}
}

func (im *importer) addEdge(from, to, condition string, at place) {
	native, holds := im.condition(condition, at)
	if !holds {
		im.find(rocks.Info, "import-edge", at.file, at.line, "", "the edge from %s to %s is left out: its condition %s does not hold", from, to, condition)
		im.dead[im.own[to]] = true
		return
	}
	fromNode, known := im.graft(from, at)
	if !known {
		return
	}
	toNode, known := im.graft(to, at)
	if !known {
		return
	}
	if out := (edgeOut{fromNode, toNode, native}); !slices.Contains(im.edges, out) {
		im.edges = append(im.edges, out)
	}
}

// graft is what a node of a graph is called natively; not known are nodes of
// other rolls that the mapping leaves out or does not name.
func (im *importer) graft(name string, at place) (string, bool) {
	if own, ok := im.own[name]; ok {
		return own, true
	}
	to, mapped := im.mapping.Nodes[name]
	if !mapped {
		im.find(rocks.Warning, "import-graft", at.file, at.line, "name it under nodes in the mapping: "+name+": ROLL/NODE, or null to leave it out",
			"%q is no node of this roll, and the mapping does not say which node it is here; what it ties is left out", name)
		return "", false
	}
	if to == nil {
		return "", false
	}
	owner, node, _ := strings.Cut(*to, "/")
	if owner == im.name {
		return node, true
	}
	im.needs[owner] = true
	return *to, true
}

func (im *importer) orderElement(e *element, at place) {
	head, tail := e.attrs["head"], e.attrs["tail"]
	for _, c := range e.elements() {
		line := place{at.file, c.line}
		switch c.name {
		case "head":
			im.addOrder(c.text(), tail, line)
			head = ""
		case "tail":
			im.addOrder(head, c.text(), line)
			tail = ""
		}
	}
	if head != "" && tail != "" {
		im.addOrder(head, tail, at)
	}
	for _, name := range []string{"arch", "cond", "os", "gen"} {
		if e.attrs[name] != "" {
			im.find(rocks.Info, "import-order", at.file, at.line, "", "%s= of an order has no native meaning; Rocks ignores arch, os and cond here", name)
		}
	}
}

// addOrder puts head before tail. HEAD and TAIL are Rocks' marks for early and
// late.
func (im *importer) addOrder(head, tail string, at place) {
	switch {
	case head == "" || tail == "":
		return
	case head == "HEAD" || tail == "TAIL":
		im.find(rocks.Info, "import-order", at.file, at.line, "", "%s before %s says what is so without it: it is left out", head, tail)
		return
	case tail == "HEAD":
		if node, ok := im.graft(head, at); ok {
			im.addConstraint(orderOut{Node: node, Before: "*"}, at)
		}
		return
	case head == "TAIL":
		if node, ok := im.graft(tail, at); ok {
			im.addConstraint(orderOut{Node: node, After: "*"}, at)
		}
		return
	}
	first, known := im.graft(head, at)
	if !known {
		return
	}
	if then, known := im.graft(tail, at); known {
		im.addConstraint(orderOut{Node: then, After: first}, at)
	}
}

// addConstraint adds an order that does not contradict those that are there.
func (im *importer) addConstraint(o orderOut, at place) {
	opposite := orderOut{Node: o.Node, Before: o.After, After: o.Before}
	switch {
	case slices.Contains(im.order, o):
	case o.After != "" && o.After != "*" && im.comesAfter(o.After, o.Node, map[string]bool{}), slices.Contains(im.order, opposite):
		im.find(rocks.Warning, "import-order", at.file, at.line, "mend the order", "closes a circle, which Rocks ignores somewhere: it is left out")
	default:
		im.order = append(im.order, o)
	}
}

// comesAfter says whether the order so far puts one node after another; a node
// comes after itself.
func (im *importer) comesAfter(node, other string, seen map[string]bool) bool {
	if node == other {
		return true
	}
	seen[node] = true
	return slices.ContainsFunc(im.order, func(o orderOut) bool {
		return o.Node == node && o.After != "" && !seen[o.After] && im.comesAfter(o.After, other, seen)
	})
}

// unreached leaves out the nodes that only edges lead to whose conditions do
// not hold, and tells of those that nothing leads to.
func (im *importer) unreached() {
	for {
		reached := map[string]bool{}
		for _, name := range im.roll.Appliances {
			reached[im.own[name]] = true
		}
		for _, e := range im.edges {
			reached[e.To] = true
		}
		dropped := false
		for _, name := range slices.Sorted(maps.Keys(im.nodes)) {
			switch {
			case reached[name]:
			case im.dead[name]:
				im.drop(name)
				dropped = true
			default:
				im.find(rocks.Warning, "import-unreached", im.nodes[name].file, 1, "map the node that it hangs on, or make it an appliance with --appliance",
					"no edge leads to the node %s, so no vnode will have it", name)
			}
		}
		if !dropped {
			return
		}
	}
}

// drop takes a node out again, and what was said of it. What hung on it alone
// is dead too.
func (im *importer) drop(name string) {
	n := im.nodes[name]
	delete(im.nodes, name)
	for _, source := range n.sources {
		delete(im.out, source)
	}
	im.findings = slices.DeleteFunc(im.findings, func(f rocks.Finding) bool { return f.File == n.file || f.Rule == "import-unreached" })
	im.find(rocks.Info, "import-unreached", n.file, 1, "", "the node %s is left out: no edge whose condition holds leads to it", name)
	im.edges = slices.DeleteFunc(im.edges, func(e edgeOut) bool {
		if e.From == name {
			im.dead[e.To] = true
		}
		return e.From == name || e.To == name
	})
	im.order = slices.DeleteFunc(im.order, func(o orderOut) bool { return o.Node == name || o.Before == name || o.After == name })
}
