package manager

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

func (e *edit) completeGrow(l *fault.List) {
	if e.Appliance == "" {
		e.Appliance = cluster.Compute
	}
	e.checkAppliance(l)
	if room := cluster.MaxNodes - len(e.c.Nodes); e.Count < 1 {
		l.Add("count", fmt.Sprintf("%d more nodes: ask for at least 1", e.Count))
	} else if e.Count > room {
		l.Add("count", fmt.Sprintf("%d more nodes: a cluster has at most %d, and this one has %d", e.Count, cluster.MaxNodes, len(e.c.Nodes)))
	}
}

func (e *edit) checkAppliance(l *fault.List) {
	known := map[string]bool{}
	for _, n := range e.c.Nodes {
		known[n.Appliance] = true
	}
	switch {
	case e.Appliance == cluster.Gateway:
		l.Add("appliance", "a cluster has exactly one gateway for as long as it is")
	case !known[e.Appliance]:
		delete(known, cluster.Gateway)
		l.Add("appliance", fmt.Sprintf("the cluster has no nodes of appliance %q; it has %s", e.Appliance, strings.Join(sortedKeys(known), ", ")))
	}
}

func (e *edit) completeShrink(l *fault.List) {
	switch {
	case len(e.Nodes) > 0 && (e.Count != 0 || e.Appliance != ""):
		l.Add("nodes", "give either the names of nodes or how many")
	case len(e.Nodes) > 0:
		e.checkNodes(l)
	default:
		e.lastNodes(l)
	}
	e.Nodes = slices.DeleteFunc(slices.Clone(e.Nodes), func(name string) bool { return e.node(name) != nil && e.node(name).Leaving })
	e.nothing = len(e.Nodes) == 0
}

func (e *edit) checkNodes(l *fault.List) {
	slices.Sort(e.Nodes)
	e.Nodes = slices.Compact(e.Nodes)
	for _, name := range e.Nodes {
		switch n := e.node(name); {
		case n == nil:
			l.Add("nodes", fmt.Sprintf("the cluster has no node %q", name))
		case n.Appliance == cluster.Gateway:
			l.Add("nodes", fmt.Sprintf("%s cannot go: a cluster has exactly one gateway for as long as it is; end it instead", name))
		}
	}
}

// lastNodes chooses the nodes of an appliance that came last.
func (e *edit) lastNodes(l *fault.List) {
	if e.Appliance == "" {
		e.Appliance = cluster.Compute
	}
	e.checkAppliance(l)
	var names []string
	for _, n := range e.c.Nodes {
		if n.Appliance == e.Appliance && !n.Leaving {
			names = append(names, n.Name)
		}
	}
	switch {
	case e.Count < 1:
		l.Add("count", fmt.Sprintf("%d nodes fewer: ask for at least 1, or name them", e.Count))
	case e.Appliance == cluster.Gateway:
	case e.Count > len(names):
		l.Add("count", fmt.Sprintf("%d nodes fewer: the cluster has %d of appliance %s", e.Count, len(names), e.Appliance))
	default:
		e.Nodes = names[len(names)-e.Count:]
	}
}

func (e *edit) node(name string) *cluster.Node {
	i := slices.IndexFunc(e.c.Nodes, func(n cluster.Node) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &e.c.Nodes[i]
}

// settleShrink takes vnodes out: at once while nothing of them was made, else
// they leave, and go when their pnodes say that nothing of them is left.
func (e *edit) settleShrink() {
	c := &e.c
	leaving := func(n cluster.Node) bool { return slices.Contains(e.Nodes, n.Name) }
	if c.State.Begun() {
		for i := range c.Nodes {
			if leaving(c.Nodes[i]) {
				c.Nodes[i].Leaving, c.Nodes[i].Joining = true, false
			}
		}
	} else {
		c.Nodes = slices.DeleteFunc(c.Nodes, leaving)
	}
	e.count()
	e.message = "shrunk by request: " + strings.Join(e.Nodes, ", ") + " given back"
}

// count brings the specification in step with the nodes.
func (e *edit) count() {
	counts := map[string]int{}
	for _, n := range e.c.Nodes {
		if !n.Leaving {
			counts[n.Appliance]++
		}
	}
	groups := slices.Clone(e.c.Spec.Nodes)
	for i := range groups {
		groups[i].Count = counts[groups[i].Appliance]
	}
	e.c.Spec.Nodes = groups
}

func (e *edit) readDossier(tx *store.Tx) error {
	raw, err := tx.ClusterSecrets(e.c.ID)
	if err != nil {
		return err
	}
	d, err := decodeDossier(raw)
	if err != nil {
		return err
	}
	e.dossier = &d
	if _, general := d.Plans[e.Appliance]; !general {
		return fault.New(fault.Refused, e.title(), fault.Detail{Field: "appliance", Message: fmt.Sprintf(
			"every node of appliance %s has attributes that make it a kind of its own, so it is not known what another one would be: book another cluster", e.Appliance)})
	}
	return nil
}

// settleGrow adds vnodes that are made from what the cluster was booked with.
func (e *edit) settleGrow() error {
	was := map[string]bool{}
	for _, v := range e.result.Before.Vnodes {
		was[v.Name] = true
	}
	var names []string
	for _, v := range e.result.After.Vnodes {
		if !was[v.Name] {
			names = append(names, v.Name)
		}
	}
	c, err := cluster.AddNodes(e.c, e.Appliance, names)
	if errors.Is(err, cluster.ErrNetworkFull) {
		return fault.New(fault.Refused, e.title(), fault.Detail{Field: "count", Message: err.Error()})
	}
	if err != nil {
		return err
	}
	if !c.State.Begun() {
		planned(&c, e.result.After.Plan)
	}
	for i := range c.Nodes {
		if n := &c.Nodes[i]; slices.Contains(names, n.Name) {
			n.Image, n.Pnode = planOf(e.dossier.Plans, *n).Address, e.result.After.Pnode(n.Name)
		}
	}
	e.c, e.added = c, names
	e.count()
	e.message = "grown by request: " + strings.Join(names, ", ")
	return nil
}

// equip gives the vnodes that were added what guests need, and tries it.
func (e *edit) equip() error {
	e.dossier.HostKeys, e.dossier.Incarnations = maps.Clone(e.dossier.HostKeys), maps.Clone(e.dossier.Incarnations)
	for i := range e.c.Nodes {
		n := &e.c.Nodes[i]
		if !slices.Contains(e.added, n.Name) {
			continue
		}
		key, err := newHostKey(n.Name)
		if err != nil {
			return err
		}
		if _, again := e.dossier.HostKeys[n.Name]; again { // another of that name was here
			e.dossier.Incarnations[n.Name]++
		}
		e.dossier.HostKeys[n.Name] = key
		n.HostKeys = []string{key.Public}
	}
	return e.draft(e.added)
}

// draft renders the new vnodes once, and one that has to know them: what is
// more than a guest can be told is refused.
func (e *edit) draft(names []string) error {
	trial := e.c
	trial.Nodes = slices.Clone(e.c.Nodes)
	for i := range trial.Nodes {
		trial.Nodes[i].Joining = false
	}
	var wrong []fault.Detail
	weighed := map[string]bool{}
	for _, n := range trial.Nodes {
		if weighed[n.Appliance] && !slices.Contains(names, n.Name) {
			continue
		}
		weighed[n.Appliance] = true
		id, err := identity(e.site, trial, *e.dossier, n)
		details, err := detailsOf(err)
		if err != nil {
			return fmt.Errorf("draft of %s: %w", n.Name, err)
		}
		if len(details) == 0 {
			details = tooMuch(id)
		}
		wrong = append(wrong, details...)
	}
	if wrong = compactDetails(wrong); len(wrong) > 0 {
		return fault.New(fault.Invalid, e.title(), wrong...)
	}
	return nil
}
