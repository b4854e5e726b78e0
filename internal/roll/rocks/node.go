package rocks

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
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

// reading is what a node file comes to. Entities that stand in text alone are
// blanks in it, to be filled in for each walk.
type reading struct {
	uses     map[string]*string // what the entities in it stood for
	soft     []string           // those that are blanks
	refused  error              // of the attributes as a whole
	elements []*element
	findings []Finding
	roll     string
	err      error
}

const (
	blankStart = "{quarry blank "
	blankEnd   = " quarry}"
)

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
	for _, name := range r.soft {
		if is, ok := env.entity(name); !ok || !canFill(is) {
			return false
		}
	}
	return true
}

// fill gives the reading with its blanks filled in.
func (r *reading) fill(env *environment) *reading {
	if len(r.soft) == 0 {
		return r
	}
	var pairs []string
	for _, name := range r.soft {
		text, _ := env.entity(name)
		pairs = append(pairs, blankStart+name+blankEnd, text)
	}
	filler := strings.NewReplacer(pairs...)
	filled := *r
	filled.elements = make([]*element, len(r.elements))
	for i, e := range r.elements {
		filled.elements[i] = e.fill(filler)
	}
	return &filled
}

// fill gives the element with its blanks filled in: itself, if it has none.
func (e *element) fill(filler *strings.Replacer) *element {
	if !e.blank {
		return e
	}
	filled := *e
	filled.children = make([]child, len(e.children))
	for i, c := range e.children {
		if c.element != nil {
			c.element = c.element.fill(filler)
		} else {
			c.text = filler.Replace(c.text)
		}
		filled.children[i] = c
	}
	if filled.tail != "" {
		filled.tail = fileTail(filled.attrs, filled.children[0].text)
	}
	return &filled
}

// read takes a node file through Rocks' passes.
func (t *Tree) read(f *nodeFile, env *environment, vars, evals map[string]string) *reading {
	f.mu.Lock()
	last := f.last
	f.mu.Unlock()
	if len(evals) == 0 && last.holds(env) {
		return last.fill(env)
	}
	r := &reading{uses: map[string]*string{}, refused: env.refused}
	p := &pass1{tree: t, env: env, file: f, vars: vars, evals: evals, uses: map[string]bool{}, soft: map[string]bool{}}
	p.blanks = len(evals) == 0 && !bytes.Contains(f.data, []byte("{quarry")) && !bytes.Contains(f.data, []byte("<var")) && len(f.data) < maxBlanks
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
	r.soft = slices.Sorted(maps.Keys(p.soft))
	if !p.private && len(evals) == 0 {
		f.mu.Lock()
		f.last = r
		f.mu.Unlock()
	}
	return r.fill(env)
}

// Bounds of what is filled in: the size of the file and of a value.
const (
	maxBlanks = 64 << 10
	maxFilled = 1 << 10
)

// canFill says whether a value comes to the same when it is filled in late.
func canFill(text string) bool { return len(text) <= maxFilled && !strings.ContainsAny(text, "\r\\") }
