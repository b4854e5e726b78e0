package roll

import (
	"maps"
	"slices"
	"strings"
)

// anyNode stands for every other node in a constraint.
const anyNode = "*"

func (l *loader) appliances(docs []item[applianceDoc]) {
	seen := map[string]bool{}
	for _, d := range docs {
		l.label(rollFile, "appliance", d.V.Name, d.pos)
		if seen[d.V.Name.V] {
			l.add(rollFile, d.pos, "appliance %q is there twice", d.V.Name.V)
		}
		seen[d.V.Name.V] = true
		if d.V.Min < 0 || d.V.Count < d.V.Min {
			l.add(rollFile, d.pos, "count %d must not be below min %d, nor min below 0", d.V.Count, d.V.Min)
		}
		l.roll.Appliances = append(l.roll.Appliances, Appliance{
			Name: d.V.Name.V, Summary: d.V.Summary.V, Count: d.V.Count, Min: d.V.Min,
			Node: l.ref("node", d.V.Node, d.pos), From: l.source(rollFile, d.pos),
		})
	}
}

func (l *loader) edges(docs []item[edgeDoc]) {
	for _, d := range docs {
		e := Edge{
			FromNode: l.ref("from", d.V.From, d.pos), ToNode: l.ref("to", d.V.To, d.pos), If: d.V.If.V,
			From: l.source(rollFile, d.pos),
		}
		if e.If != "" {
			program, err := compile(e.If, l.roll.Name, l.roll.declared())
			if err != nil {
				message, offset := conditionFault(err)
				at := d.V.If.pos
				at.column += offset
				l.add(rollFile, at, "condition %q: %s", e.If, message)
			}
			e.condition = program
		}
		l.roll.Edges = append(l.roll.Edges, e)
	}
}

func (l *loader) order(docs []item[orderDoc]) {
	for _, d := range docs {
		node := l.ref("node", d.V.Node, d.pos)
		if !d.V.Before.Set && !d.V.After.Set {
			l.add(rollFile, d.pos, "says neither before nor after what")
		}
		if node == anyNode {
			l.add(rollFile, d.V.Node.pos, `"*" stands after "before:" or "after:" only`)
			continue
		}
		from := l.source(rollFile, d.pos)
		if d.V.Before.Set {
			l.roll.Order = append(l.roll.Order, Constraint{First: node, Then: l.ref("before", d.V.Before, d.pos), From: from})
		}
		if d.V.After.Set {
			l.roll.Order = append(l.roll.Order, Constraint{First: l.ref("after", d.V.After, d.pos), Then: node, From: from})
		}
	}
}

// ref makes "roll/node" of a node's name: a bare one is of this roll. Nodes of
// other rolls are checked once it is known which rolls come together.
func (l *loader) ref(key string, t text, at pos) string {
	if t.Set {
		at = t.pos
	}
	if t.V == anyNode && (key == "before" || key == "after" || key == "node") {
		return anyNode
	}
	if t.V == "" {
		l.add(rollFile, at, "%s is missing: name a node", key)
		return ""
	}
	rollName, node, qualified := strings.Cut(t.V, "/")
	if !qualified {
		rollName, node = l.roll.Name, t.V
	}
	if rollName == l.roll.Name && l.roll.Nodes[node] == nil {
		l.add(rollFile, at, "%s: there is no nodes/%s.yaml%s", key, node, didYouMean(node, slices.Values(slices.Sorted(maps.Keys(l.roll.Nodes)))))
	}
	return rollName + "/" + node
}
