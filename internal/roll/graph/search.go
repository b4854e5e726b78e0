package graph

// Visit is a node that a search came to, and the index of the edge by which it
// came there first; -1 where it started there.
type Visit struct {
	Node string
	Edge int
}

// search is one depth-first search, which may start several times.
type search struct {
	graph *Graph
	seen  []bool
	enter func(node, edge int) // may be nil
	leave func(node, edge int) // may be nil
	stack []frame
	// lenient passes over edges that would be a SelfError.
	lenient bool
}

type frame struct{ node, edge, next int }

func (g *Graph) search() *search { return &search{graph: g, seen: make([]bool, len(g.names))} }

func (s *search) push(node, edge int) {
	s.seen[node] = true
	if s.enter != nil {
		s.enter(node, edge)
	}
	s.stack = append(s.stack, frame{node: node, edge: edge})
}

// from goes everywhere that can be reached from a node.
func (s *search) from(start int) error {
	g := s.graph
	s.push(start, none)
	for len(s.stack) > 0 {
		top := &s.stack[len(s.stack)-1]
		if leaving := g.leave[top.node]; top.next < len(leaving) {
			edge := leaving[top.next]
			top.next++
			child := g.ends[edge][1]
			if !g.known[child] && !s.lenient {
				return &SelfError{Node: g.names[child], Edge: edge}
			}
			if !s.seen[child] {
				s.push(child, edge)
			}
			continue
		}
		done := *top
		s.stack = s.stack[:len(s.stack)-1]
		if s.leave != nil {
			s.leave(done.node, done.edge)
		}
	}
	return nil
}

// sources goes everywhere from the nodes that no edge leads to.
func (s *search) sources() error {
	for _, id := range s.graph.list {
		if s.seen[id] || s.graph.in[id] > 0 {
			continue
		}
		if err := s.from(id); err != nil {
			return err
		}
	}
	return nil
}

// Reach returns the nodes that can be reached from root, root included, as a
// depth-first search meets them: along each node's edges in their order, with
// conditions not looked at. Nothing is reached from a node that is not there.
func (g *Graph) Reach(root string) ([]Visit, error) {
	start, ok := g.index[root]
	if !ok {
		return nil, nil
	}
	var visits []Visit
	s := g.search()
	s.enter = func(node, edge int) { visits = append(visits, Visit{Node: g.names[node], Edge: edge}) }
	return visits, s.from(start)
}

// Sort returns the nodes of an order graph, those that come first at the
// front, each with the edge by which the search came to it. Nodes without a
// constraint towards first go after it, and those without one from last go
// before it, where these two are in the graph. Of a circle that can be reached
// the constraint that closes it is left out; a circle that cannot is left out
// whole.
func (g *Graph) Sort(first, last string) ([]Visit, error) {
	written := len(g.edges)
	g, err := g.withFirst(first)
	if err != nil {
		return nil, err
	}
	if g, err = g.withLast(last); err != nil {
		return nil, err
	}
	var visits []Visit
	s := g.search()
	s.leave = func(node, edge int) { visits = append(visits, Visit{Node: g.names[node], Edge: edge}) }
	if err := s.sources(); err != nil {
		return nil, err
	}
	for i, j := 0, len(visits)-1; i < j; i, j = i+1, j-1 {
		visits[i], visits[j] = visits[j], visits[i]
	}
	for i := range visits {
		if visits[i].Edge >= written {
			visits[i].Edge = none
		}
	}
	return visits, nil
}

// withFirst adds an edge from first to each node that nothing leads to and
// from which first cannot be reached.
func (g *Graph) withFirst(first string) (*Graph, error) {
	back := g.reversed()
	s := back.search()
	start, ok := g.index[first]
	search := s.sources
	if ok {
		search = func() error { return s.from(start) }
	}
	if err := search(); err != nil {
		return nil, err
	}
	sorted := back.reversed().clone()
	for _, id := range sorted.list {
		if s.seen[id] || sorted.in[id] > 0 {
			continue
		}
		if !ok {
			return nil, &EndError{Node: sorted.names[id]}
		}
		sorted.Add(Edge{From: first, To: sorted.names[id]})
	}
	return sorted, nil
}

// withLast adds an edge to last from each node that leads nowhere and cannot
// be reached from last. It changes g.
func (g *Graph) withLast(last string) (*Graph, error) {
	s := g.search()
	start, ok := g.index[last]
	search := s.sources
	if ok {
		search = func() error { return s.from(start) }
	}
	if err := search(); err != nil {
		return nil, err
	}
	for _, id := range g.list {
		if s.seen[id] || g.out[id] > 0 {
			continue
		}
		if !ok {
			return nil, &EndError{Node: g.names[id], Last: true}
		}
		g.Add(Edge{From: g.names[id], To: last})
	}
	return g, nil
}

// Path returns the indexes of the fewest edges that lead from one node to
// another, nil where none do. Of equally short ways it takes the first.
func (g *Graph) Path(from, to string) []int {
	start, ok := g.index[from]
	end, there := g.index[to]
	if !ok || !there || from == to {
		return nil
	}
	by := map[int]int{start: none}
	for queue := []int{start}; len(queue) > 0; queue = queue[1:] {
		for _, edge := range g.leave[queue[0]] {
			child := g.ends[edge][1]
			if _, seen := by[child]; seen {
				continue
			}
			by[child] = edge
			if child == end {
				return g.trail(by, end)
			}
			queue = append(queue, child)
		}
	}
	return nil
}

func (g *Graph) trail(by map[int]int, end int) []int {
	var trail []int
	for node := end; by[node] != none; node = g.ends[by[node]][0] {
		trail = append(trail, by[node])
	}
	for i, j := 0, len(trail)-1; i < j; i, j = i+1, j-1 {
		trail[i], trail[j] = trail[j], trail[i]
	}
	return trail
}
