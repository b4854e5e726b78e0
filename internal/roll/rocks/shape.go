package rocks

import (
	"strings"
	"sync"
)

// A graph depends on attributes only by how its conditions come out. Walks
// whose conditions come out alike share one graph, and one walk over it.

// maxShapes bounds how many graphs are kept.
const maxShapes = 32

// shapes keeps graphs that were walked.
type shapes struct {
	mu         sync.Mutex
	conditions map[string][]string // of each graph by name, in the order in which they are decided
	walked     map[string]*Graph   // by name, root and how the conditions came out
}

// key says how the conditions of a graph come out; there is none before the
// graph was read once, nor where a condition cannot be decided.
func (t *Tree) key(env *environment, root string) (string, bool) {
	name := env.escaped["graph"]
	t.shapes.mu.Lock()
	list, known := t.shapes.conditions[name]
	t.shapes.mu.Unlock()
	if !known {
		return "", false
	}
	var b strings.Builder
	b.WriteString(name + "\x00" + root + "\x00")
	for _, c := range list {
		yes, err := t.conditions.decide(c, env.escaped, nil)
		if err != nil {
			return "", false
		}
		if yes {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	}
	return b.String(), true
}

// shaped gives the graph of an earlier walk, for this environment.
func (t *Tree) shaped(key string, env *environment) *Graph {
	t.shapes.mu.Lock()
	kept := t.shapes.walked[key]
	t.shapes.mu.Unlock()
	if kept == nil {
		return nil
	}
	g := *kept
	g.Plan.Holds = t.holds(env)
	return &g
}

// keep keeps a graph and its walk.
func (t *Tree) keep(g *Graph, env *environment, root string) {
	t.shapes.mu.Lock()
	if t.shapes.conditions == nil || len(t.shapes.walked) >= maxShapes {
		t.shapes.conditions, t.shapes.walked = map[string][]string{}, map[string]*Graph{}
	}
	t.shapes.conditions[env.escaped["graph"]] = g.decided
	t.shapes.mu.Unlock()
	key, ok := t.key(env, root)
	if !ok {
		return
	}
	t.shapes.mu.Lock()
	t.shapes.walked[key] = g
	t.shapes.mu.Unlock()
}

// holds decides the conditions that edges carry.
func (t *Tree) holds(env *environment) func(string) (bool, error) {
	return func(c string) (bool, error) { return t.conditions.decide(c, env.escaped, nil) }
}
