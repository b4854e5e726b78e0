package picture

import (
	"cmp"
	"slices"
)

// Measures in pixels.
const (
	letter     = 7.25 // width of one of the fixed-width font
	nodeHeight = 22.0
	nodeGap    = 6.0
	labelHigh  = 13.0
	passGap    = 4.0
	partGap    = 34.0
	margin     = 24.0
	maxLetters = 34 // of a node's name
	maxLabel   = 48 // letters of a condition
)

// box is where a node stands.
type box struct{ x, y, w, h float64 }

// span is a part of an edge's way that is level: through a column.
type span struct{ x1, x2, y float64 }

// line is how an edge is drawn.
type line struct {
	spans  []span // from left to right
	back   bool   // the edge leads from right to left
	self   bool
	direct bool // it passes under the others
	label  *box
}

// drawing is a graph with a place for everything.
type drawing struct {
	*model
	boxes         []box
	lines         []line
	width, height float64
}

// draw finds a place for everything.
func (m *model) draw() *drawing {
	d := &drawing{model: m, boxes: make([]box, len(m.nodes)), lines: make([]line, len(m.edges))}
	rank, turned := m.ranks()
	y := margin
	parts, edges, lonely := m.parts()
	for i, part := range parts {
		l := newLayers(m, part, edges[i], rank, turned)
		l.arrange()
		l.settle()
		y = d.place(l, y) + partGap
	}
	if len(lonely) > 0 {
		y = d.rows(lonely, y) + partGap
	}
	for i, e := range m.edges {
		d.finish(i, e, turned[i])
	}
	d.height = y - partGap + margin
	d.width = max(d.width, 300) + margin
	return d
}

// parts returns the nodes and the edges of what hangs together, that of the
// root first, then by size; and the nodes which hang on nothing.
func (m *model) parts() (parts, edges [][]int, lonely []int) {
	next := make([][]int, len(m.nodes))
	for _, e := range m.edges {
		next[e.from], next[e.to] = append(next[e.from], e.to), append(next[e.to], e.from)
	}
	of := make([]int, len(m.nodes))
	for i := range of {
		of[i] = -1
	}
	for start := range m.nodes {
		if of[start] >= 0 {
			continue
		}
		part := []int{start}
		of[start] = len(parts)
		for i := 0; i < len(part); i++ {
			for _, n := range next[part[i]] {
				if of[n] < 0 {
					of[n] = len(parts)
					part = append(part, n)
				}
			}
		}
		parts = append(parts, part)
	}
	edges = make([][]int, len(parts))
	for i, e := range m.edges {
		edges[of[e.from]] = append(edges[of[e.from]], i)
	}
	rank := func(i int) int {
		if m.root >= 0 && i == of[m.root] {
			return -len(m.nodes)
		}
		return -len(parts[i])
	}
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
	var sorted, sortedEdges [][]int
	for _, i := range order {
		if len(parts[i]) == 1 && parts[i][0] != m.root {
			lonely = append(lonely, parts[i][0])
			continue
		}
		sorted, sortedEdges = append(sorted, parts[i]), append(sortedEdges, edges[i])
	}
	return sorted, sortedEdges, lonely
}

// settle finds the heights in all columns: each item as near to its
// neighbours as the distances allow, long edges straight before all.
func (l *layers) settle() {
	rounds := 16
	if l.links > fine {
		rounds = 6
	}
	for c := range l.columns {
		l.level(c, func(int) (float64, float64) { return 0, 0 })
	}
	for round := range rounds {
		both := round >= rounds/2
		for k := range l.columns {
			c := k
			if round%2 == 1 {
				c = len(l.columns) - 1 - k
			}
			l.level(c, func(id int) (float64, float64) {
				var sum, weight float64
				near := l.beside(id, round%2 == 0)
				if both || len(near) == 0 {
					near = slices.Concat(l.items[id].left, l.items[id].right)
				}
				for _, n := range near {
					w := l.pull(id, n)
					sum, weight = sum+w*l.items[n].y, weight+w
				}
				return sum, weight
			})
		}
	}
}

// pull is how much an item wants to be level with a neighbour. An edge that
// passes keeps straight, and bends where it leaves a crowd rather than where it
// comes to a node alone.
func (l *layers) pull(id, near int) float64 {
	if l.items[id].node >= 0 {
		return 1
	}
	if l.items[near].node < 0 {
		return 8
	}
	crowd := len(l.items[near].left)
	if l.items[id].left[0] == near {
		crowd = len(l.items[near].right)
	}
	return 4 / float64(crowd*crowd)
}

func (l *layers) high(id int) float64 {
	switch it := l.items[id]; {
	case it.node >= 0:
		return nodeHeight + nodeGap
	case it.label:
		return labelHigh + passGap
	}
	return passGap
}

// level places the items of a column: the least sum of squares of the
// distances to where they want to be, in their order and not too near.
// It pools neighbours that would overlap into blocks that move as one.
func (l *layers) level(c int, wish func(id int) (sum, weight float64)) {
	type block struct {
		sum, weight float64
		count       int
	}
	mean := func(b block) float64 { return b.sum / b.weight }
	var blocks []block
	offset := 0.0
	offsets := make([]float64, len(l.columns[c]))
	for i, id := range l.columns[c] {
		if i > 0 {
			offset += (l.high(l.columns[c][i-1]) + l.high(id)) / 2
		}
		offsets[i] = offset
		sum, weight := wish(id)
		if weight == 0 { // it stays, but gives way to all others
			weight = 1e-3
			sum = weight * l.items[id].y
		}
		b := block{sum: sum - weight*offset, weight: weight, count: 1}
		for len(blocks) > 0 && mean(blocks[len(blocks)-1]) >= mean(b) {
			last := blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			b = block{sum: b.sum + last.sum, weight: b.weight + last.weight, count: b.count + last.count}
		}
		blocks = append(blocks, b)
	}
	i := 0
	for _, b := range blocks {
		for range b.count {
			l.items[l.columns[c][i]].y = mean(b) + offsets[i]
			i++
		}
	}
}
