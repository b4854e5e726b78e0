package picture

// ranks gives every node its column, so that edges lead to the right; those
// that close a circle are turned round, which the second result tells.
func (m *model) ranks() (rank []int, turned []bool) {
	order, turned := m.topological()
	rank = make([]int, len(m.nodes))
	in, out := make([][]int, len(m.nodes)), make([][]int, len(m.nodes))
	for i, e := range m.edges {
		from, to := e.from, e.to
		if turned[i] {
			from, to = to, from
		}
		if from == to {
			continue
		}
		out[from], in[to] = append(out[from], to), append(in[to], from)
	}
	for _, n := range order {
		for _, from := range in[n] {
			rank[n] = max(rank[n], rank[from]+1)
		}
	}
	// What has more to its right than to its left moves there: edges get shorter.
	for k := len(order) - 1; k >= 0; k-- {
		n := order[k]
		if n == m.root || len(out[n]) <= len(in[n]) {
			continue
		}
		nearest := rank[out[n][0]]
		for _, to := range out[n] {
			nearest = min(nearest, rank[to])
		}
		rank[n] = nearest - 1
	}
	return rank, turned
}

// topological sorts the nodes, those that edges leave first, and says which
// edges had to be turned round for it. It starts at the root.
func (m *model) topological() (order []int, turned []bool) {
	leave := m.leaving()
	turned = make([]bool, len(m.edges))
	const (
		fresh = iota
		open
		done
	)
	state := make([]int, len(m.nodes))
	next := make([]int, len(m.nodes))
	var stack []int
	visit := func(start int) {
		stack = append(stack, start)
		state[start] = open
		for len(stack) > 0 {
			n := stack[len(stack)-1]
			if next[n] == len(leave[n]) {
				state[n] = done
				order = append(order, n)
				stack = stack[:len(stack)-1]
				continue
			}
			i := leave[n][next[n]]
			next[n]++
			switch to := m.edges[i].to; state[to] {
			case open:
				turned[i] = true
			case fresh:
				state[to] = open
				stack = append(stack, to)
			}
		}
	}
	if m.root >= 0 {
		visit(m.root)
	}
	for n := range m.nodes {
		if state[n] == fresh {
			visit(n)
		}
	}
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return order, turned
}
