package rocks

import (
	"errors"
	"sync"
)

// nodeFile is a node file, and how it was read last: it is read anew when an
// entity in it stands for something else.
type nodeFile struct {
	path string // "./nodes/x.xml"
	data []byte

	mu   sync.Mutex
	last *reading
}

// reading is what a node file comes to.
type reading struct {
	uses     map[string]*string // what the entities in it stood for
	refused  error              // of the attributes as a whole
	elements []*element
	findings []Finding
	roll     string
	err      error
}

func (r *reading) holds(env *environment) bool {
	if r == nil || !errors.Is(r.refused, env.refused) {
		return false
	}
	for name, was := range r.uses {
		is, ok := env.entity(name)
		if ok != (was != nil) || ok && is != *was {
			return false
		}
	}
	return true
}

// read takes a node file through Rocks' passes.
func (t *Tree) read(f *nodeFile, env *environment, vars, evals map[string]string) *reading {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if last.holds(env) && len(evals) == 0 {
		return last
	}
	r := &reading{uses: map[string]*string{}, refused: env.refused}
	p := &pass1{tree: t, env: env, file: f, vars: vars, evals: evals, uses: map[string]bool{}}
	p.note = func(rule, message, fix string, line int) {
		r.findings = append(r.findings, Finding{Rule: rule, File: f.path, Line: line, Message: message, Fix: fix})
	}
	r.err = p.run()
	if r.err == nil {
		second := &pass2{first: p}
		r.err = second.run()
		r.elements = second.root.elements()
	}
	r.roll = p.roll
	for name := range p.uses {
		r.uses[name] = nil
		if v, ok := env.entity(name); ok {
			r.uses[name] = &v
		}
	}
	if !p.private && len(evals) == 0 {
		f.mu.Lock()
		f.last = r
		f.mu.Unlock()
	}
	return r
}
