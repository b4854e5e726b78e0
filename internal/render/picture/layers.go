package picture

import (
	"cmp"
	"slices"
	"strings"
)

// item is what stands in a column: a node, or the place where an edge passes
// by or shows its condition.
type item struct {
	node  int // -1: an edge passes here
	edge  int // -1: a node
	label bool
	left  []int // items of the column before with which it is joined
	right []int
	y     float64 // the middle
}

// layers are the columns of one part of the graph that hangs together.
type layers struct {
	m       *model
	items   []item
	columns [][]int
	at      []int   // by item: its place in its column
	passes  [][]int // by edge: the items by which it passes, from left to right; nil: none
	links   int
}

const (
	maxPasses = 15_000 // items for edges; a longer edge than fits is drawn straight
	fine      = 4_000  // links up to which no pains are spared
)

// newLayers puts the nodes of one part into columns. Nodes stand in the even
// ones; between two of them there is one more where a condition is shown.
func newLayers(m *model, nodes, edges, rank []int, turned []bool) *layers {
	l := &layers{m: m, passes: make([][]int, len(m.edges))}
	low, high := rank[nodes[0]], rank[nodes[0]]
	for _, n := range nodes {
		low, high = min(low, rank[n]), max(high, rank[n])
	}
	shown := make([]bool, 2*(high-low)+1)
	for _, i := range edges {
		if e := m.edges[i]; e.cond != "" && e.from != e.to {
			shown[2*(max(rank[e.from], rank[e.to])-low)-1] = true
		}
	}
	column := make([]int, len(shown))
	count := 0
	for c := range shown {
		column[c] = count
		if c%2 == 0 || shown[c] {
			count++
		}
	}
	l.columns = make([][]int, count)
	of := make(map[int]int, len(nodes))
	for _, n := range m.depthFirst(nodes) {
		of[n] = l.put(column[2*(rank[n]-low)], item{node: n, edge: -1})
	}
	left := maxPasses
	for _, i := range bySpan(m, edges, rank) {
		e := m.edges[i]
		from, to := e.from, e.to
		if from == to {
			continue
		}
		if turned[i] {
			from, to = to, from
		}
		a, b := column[2*(rank[from]-low)], column[2*(rank[to]-low)]
		if left -= b - a - 1; left < 0 {
			continue
		}
		label := -1
		if e.cond != "" {
			label = column[2*(rank[to]-low)-1]
		}
		l.join(i, of[from], of[to], a, b, label)
	}
	return l
}

// bySpan returns the edges, short ones first.
func bySpan(m *model, edges, rank []int) []int {
	span := func(i int) int {
		d := rank[m.edges[i].to] - rank[m.edges[i].from]
		return max(d, -d)
	}
	sorted := slices.Clone(edges)
	slices.SortStableFunc(sorted, func(a, b int) int { return cmp.Compare(span(a), span(b)) })
	return sorted
}

func (l *layers) put(column int, it item) int {
	id := len(l.items)
	l.items = append(l.items, it)
	l.at = append(l.at, len(l.columns[column]))
	l.columns[column] = append(l.columns[column], id)
	return id
}

// join draws an edge through the columns between a and b.
func (l *layers) join(edge, from, to, a, b, label int) {
	pass := []int{from}
	for c := a + 1; c < b; c++ {
		pass = append(pass, l.put(c, item{node: -1, edge: edge, label: c == label}))
	}
	pass = append(pass, to)
	for i := 1; i < len(pass); i++ {
		l.items[pass[i-1]].right = append(l.items[pass[i-1]].right, pass[i])
		l.items[pass[i]].left = append(l.items[pass[i]].left, pass[i-1])
	}
	l.passes[edge] = pass
	l.links += len(pass) - 1
}

// depthFirst returns the nodes as a walk from the first would meet them, with
// those of one roll together.
func (m *model) depthFirst(nodes []int) []int {
	next := make(map[int][]int, len(nodes))
	seen := make(map[int]bool, len(nodes))
	for _, e := range m.edges {
		next[e.from] = append(next[e.from], e.to)
	}
	byRoll := func(a, b int) int {
		return cmp.Or(strings.Compare(m.nodes[a].Roll, m.nodes[b].Roll), strings.Compare(m.nodes[a].Name, m.nodes[b].Name))
	}
	start := slices.Clone(nodes)
	slices.SortFunc(start, byRoll)
	if i := slices.Index(start, m.root); i > 0 {
		start[0], start[i] = start[i], start[0]
	}
	var found, stack []int
	for _, n := range start {
		stack = append(stack[:0], n)
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if seen[n] {
				continue
			}
			seen[n] = true
			found = append(found, n)
			children := slices.Clone(next[n])
			slices.SortFunc(children, func(a, b int) int { return byRoll(b, a) })
			stack = append(stack, children...)
		}
	}
	return found
}

// arrange looks for an order within the columns with few crossings: each item
// goes to the barycentre of its neighbours, column after column, there and
// back, and the best of all these orders stays.
func (l *layers) arrange() {
	rounds := 24
	if l.links > fine {
		rounds = 6
	}
	best, kept := l.crossings(), l.copy()
	for round := 0; round < rounds && best > 0; round++ {
		if round%2 == 0 {
			for c := 1; c < len(l.columns); c++ {
				l.sort(c, true)
			}
		} else {
			for c := len(l.columns) - 2; c >= 0; c-- {
				l.sort(c, false)
			}
		}
		if l.links <= fine {
			l.swap()
		}
		if n := l.crossings(); n < best {
			best, kept = n, l.copy()
		}
	}
	for c, column := range kept {
		l.set(c, column)
	}
}

func (l *layers) copy() [][]int {
	columns := make([][]int, len(l.columns))
	for c := range columns {
		columns[c] = slices.Clone(l.columns[c])
	}
	return columns
}

func (l *layers) set(c int, column []int) {
	copy(l.columns[c], column)
	for i, id := range column {
		l.at[id] = i
	}
}

func (l *layers) beside(id int, left bool) []int {
	if left {
		return l.items[id].left
	}
	return l.items[id].right
}

// sort brings a column into the order of the barycentres. An item with no
// neighbours on that side stays where it is.
func (l *layers) sort(c int, left bool) {
	column := slices.Clone(l.columns[c])
	var moved []int
	centre := make(map[int]float64, len(column))
	for _, id := range column {
		near := l.beside(id, left)
		if len(near) == 0 {
			continue
		}
		sum := 0
		for _, n := range near {
			sum += l.at[n]
		}
		centre[id] = float64(sum) / float64(len(near))
		moved = append(moved, id)
	}
	slices.SortStableFunc(moved, func(a, b int) int { return cmp.Compare(centre[a], centre[b]) })
	for i, id := range column {
		if _, moves := centre[id]; moves {
			column[i], moved = moved[0], moved[1:]
		}
	}
	l.set(c, column)
}

// swap exchanges neighbours in a column where that saves crossings.
func (l *layers) swap() {
	for c := range l.columns {
		for better, tries := true, 0; better && tries < 10; tries++ {
			better = false
			column := l.columns[c]
			for i := 1; i < len(column); i++ {
				a, b := column[i-1], column[i]
				now := l.between(a, b, true) + l.between(a, b, false)
				then := l.between(b, a, true) + l.between(b, a, false)
				if then < now {
					column[i-1], column[i] = b, a
					l.at[a], l.at[b] = i, i-1
					better = true
				}
			}
		}
	}
}

// between counts the crossings of the edges of two items, a above b.
func (l *layers) between(a, b int, left bool) int {
	count := 0
	for _, x := range l.beside(a, left) {
		for _, y := range l.beside(b, left) {
			if l.at[x] > l.at[y] {
				count++
			}
		}
	}
	return count
}

// crossings counts all crossings, with a tree of sums.
func (l *layers) crossings() int {
	total := 0
	for c := 1; c < len(l.columns); c++ {
		before := len(l.columns[c-1])
		tree := make([]int, before+1)
		seen := 0
		for _, id := range l.columns[c] {
			near := l.items[id].left
			for _, n := range near {
				total += seen
				for k := l.at[n] + 1; k > 0; k -= k & -k {
					total -= tree[k]
				}
			}
			for _, n := range near {
				for k := l.at[n] + 1; k <= before; k += k & -k {
					tree[k]++
				}
			}
			seen += len(near)
		}
	}
	return total
}
