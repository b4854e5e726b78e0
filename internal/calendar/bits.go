package calendar

import "math/bits"

// mask is a set of pnodes, or of a pool's units, by their place in the order
// of the site.
type mask []uint64

func newMask(n int) mask { return make(mask, (n+63)/64) }

func fullMask(n int) mask {
	m := newMask(n)
	for i := range m {
		m[i] = ^uint64(0)
	}
	if rest := n % 64; rest > 0 {
		m[len(m)-1] = 1<<rest - 1
	}
	return m
}

func (m mask) set(i int)      { m[i>>6] |= 1 << (i & 63) }
func (m mask) clear(i int)    { m[i>>6] &^= 1 << (i & 63) }
func (m mask) has(i int) bool { return m[i>>6]>>(i&63)&1 == 1 }

func (m mask) clone() mask { return append(mask(nil), m...) }

func (m mask) and(o mask) mask {
	for i := range m {
		m[i] &= o[i]
	}
	return m
}

func (m mask) without(o mask) mask {
	for i := range m {
		m[i] &^= o[i]
	}
	return m
}

func (m mask) count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// next returns the first member at or after i, -1 when there is none.
func (m mask) next(i int) int {
	w := i >> 6
	if w >= len(m) {
		return -1
	}
	word := m[w] &^ (1<<(i&63) - 1)
	for word == 0 {
		if w++; w == len(m) {
			return -1
		}
		word = m[w]
	}
	return w<<6 + bits.TrailingZeros64(word)
}

// each calls f with every member, the first one at or after start, then the
// ones before it, until f returns false.
func (m mask) each(start int, f func(i int) bool) {
	for i := m.next(start); i >= 0; i = m.next(i + 1) {
		if !f(i) {
			return
		}
	}
	for i := m.next(0); i >= 0 && i < start; i = m.next(i + 1) {
		if !f(i) {
			return
		}
	}
}
