package graph

// Circles returns for each group of nodes that can all reach each other one
// circle: the indexes of its edges, in their order.
func (g *Graph) Circles() [][]int {
	component := g.components()
	done := map[int]bool{}
	var circles [][]int
	for i, e := range g.ends {
		group := component[e[0]]
		if group != component[e[1]] || done[group] || !g.known[e[1]] {
			continue
		}
		done[group] = true
		circle := []int{i}
		if e[0] != e[1] {
			circle = append(circle, g.Path(g.edges[i].To, g.edges[i].From)...)
		}
		circles = append(circles, circle)
	}
	return circles
}

// components numbers the strongly connected components: every node gets the
// number of its own, by two depth-first searches.
func (g *Graph) components() []int {
	var finished []int
	s := g.search()
	s.leave = func(node, _ int) { finished = append(finished, node) }
	s.everything(g.list)
	back := g.reversed()
	component := make([]int, len(g.names))
	for i := range component {
		component[i] = -1 - i
	}
	number := 0
	r := back.search()
	r.enter = func(node, _ int) { component[node] = number }
	for i := len(finished) - 1; i >= 0; i-- {
		if !r.seen[finished[i]] {
			r.everything(finished[i : i+1])
			number++
		}
	}
	return component
}

// everything searches from each of the nodes. What a self edge leads to where
// there is nothing yet is passed over.
func (s *search) everything(nodes []int) {
	for id, known := range s.graph.known {
		s.seen[id] = s.seen[id] || !known
	}
	s.lenient = true
	for _, id := range nodes {
		if !s.seen[id] {
			_ = s.from(id) // it cannot fail when it is lenient
		}
	}
}
