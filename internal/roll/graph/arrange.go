package graph

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
)

// CircleError tells of edges that go round in a circle, each one beginning
// where the one before it ends.
type CircleError struct{ Edges []int } // indexes in Edges

func (e *CircleError) Error() string {
	return fmt.Sprintf("%d constraints go round in a circle", len(e.Edges))
}

// Arrange puts nodes into an order that keeps to every edge of g between two of
// them, or tells of a circle: nothing is left out as in Sort. Where the edges
// leave a choice the node of the lowest rank comes first, then the one whose
// name does. The order depends on nothing else.
func (g *Graph) Arrange(nodes []string, rank func(node string) int) ([]string, error) {
	a := arrangement{graph: g, left: map[string]int{}, rank: rank}
	for _, n := range nodes {
		a.left[n] = 0
	}
	into := map[string][]int{} // by the node that waits: the edges
	next := map[string][]string{}
	for i, e := range g.edges {
		_, from := a.left[e.From]
		_, to := a.left[e.To]
		if !from || !to {
			continue
		}
		if e.From == e.To {
			return nil, &CircleError{Edges: []int{i}}
		}
		into[e.To] = append(into[e.To], i)
		next[e.From] = append(next[e.From], e.To)
		a.left[e.To]++
	}
	for n, waits := range a.left {
		if waits == 0 {
			a.free = append(a.free, n)
		}
	}
	heap.Init(&a)
	order := make([]string, 0, len(a.left))
	for a.Len() > 0 {
		n := heap.Pop(&a).(string)
		order = append(order, n)
		delete(a.left, n)
		for _, then := range next[n] {
			if a.left[then]--; a.left[then] == 0 {
				heap.Push(&a, then)
			}
		}
	}
	if len(a.left) > 0 {
		return nil, &CircleError{Edges: a.circle(into)}
	}
	return order, nil
}

// arrangement is an order in the making: a heap of the nodes that wait for
// nothing any more.
type arrangement struct {
	graph *Graph
	left  map[string]int // how many edges each node not yet placed waits for
	free  []string
	rank  func(string) int
}

func (a *arrangement) Len() int      { return len(a.free) }
func (a *arrangement) Swap(i, j int) { a.free[i], a.free[j] = a.free[j], a.free[i] }
func (a *arrangement) Push(n any)    { a.free = append(a.free, n.(string)) }

func (a *arrangement) Less(i, j int) bool {
	if ri, rj := a.rank(a.free[i]), a.rank(a.free[j]); ri != rj {
		return ri < rj
	}
	return strings.Compare(a.free[i], a.free[j]) < 0
}

func (a *arrangement) Pop() any {
	last := a.free[len(a.free)-1]
	a.free = a.free[:len(a.free)-1]
	return last
}

// circle follows what a node waits for until a node comes again. It starts at
// the first by name of those that are left, so that it is always the same.
func (a *arrangement) circle(into map[string][]int) []int {
	start := ""
	for n := range a.left {
		if start == "" || n < start {
			start = n
		}
	}
	var trail []int
	at := map[string]int{}
	for n := start; ; {
		if first, again := at[n]; again {
			edges := trail[first:]
			slices.Reverse(edges)
			return edges
		}
		at[n] = len(trail)
		i := slices.IndexFunc(into[n], func(e int) bool { _, left := a.left[a.graph.edges[e].From]; return left })
		trail = append(trail, into[n][i])
		n = a.graph.edges[into[n][i]].From
	}
}
