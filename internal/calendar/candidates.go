package calendar

// candidates are the pnodes that may hold a vnode of a group by what is known
// without looking at timelines.
func (t *trial) candidates(g int, rack mask) mask {
	group := &t.req.Groups[g]
	m := t.c.eligible(group)
	if rack != nil && !group.needsUplink() {
		m.and(rack)
	}
	t.c.lanes.grid.mayHold(m, t.from, t.to, group.Size.vec())
	return m
}

// eligible are the usable pnodes with every label that a group requires.
func (c *Calendar) eligible(group *Group) mask {
	m := c.usable.clone()
	for _, l := range group.Require {
		has, ok := c.labels[l]
		if !ok {
			clear(m)
			break
		}
		m.and(has)
	}
	return m
}

// passes divides candidates by how well they suit a group, the best first:
// by its preferences, then those without an uplink unless it needs one.
func (c *Calendar) passes(m mask, group *Group) []mask {
	list := []mask{m}
	split := func(label string, with bool) {
		has := c.labels[label]
		if has == nil {
			return
		}
		var next []mask
		for _, m := range list {
			yes, no := m.clone().and(has), m.clone().without(has)
			if !with {
				yes, no = no, yes
			}
			next = append(next, yes, no)
		}
		list = next
	}
	for _, label := range group.Prefer {
		split(label, true)
	}
	if !group.needsUplink() {
		split(Uplink, false)
	}
	return list
}
