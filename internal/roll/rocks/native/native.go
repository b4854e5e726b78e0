// Package native writes a Rocks roll in Quarry's own form: roll.yaml, nodes,
// scripts. What can be said natively is; what cannot is left out and reported,
// each with its file and line. A mapping says what the roll's packages,
// attributes, services and the nodes of other rolls are called here.
//
// It guarantees: nothing of the roll is run; the same input gives the same
// files; what it returns passes roll.Lint. Pure: no I/O but reading the given
// tree.
package native

import (
	"cmp"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing/fstest"

	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/internal/roll/rocks"
)

// Roll says what to import.
type Roll struct {
	// Name is the roll's name as its graph and nodes give it.
	Name    string
	Version string
	// Packages are the RPMs that the roll brings itself, by name.
	Packages []string
	// Appliances are nodes of the roll that become kinds of vnodes.
	Appliances []string
}

// Result is a roll in the native form.
type Result struct {
	Name     string            // as it is called natively
	Files    map[string]string // by path within the roll's folder
	Findings []rocks.Finding
}

// importer holds the work on one roll.
type importer struct {
	tree     fs.FS
	roll     Roll
	mapping  Mapping
	defaults map[string]Value
	name     string // native
	out      map[string]string
	findings []rocks.Finding

	own    map[string]string // Rocks node: native name
	nodes  map[string]*node  // by native name
	edges  []edgeOut
	order  []orderOut
	needs  map[string]bool // rolls
	params map[string]bool
	used   map[string]bool // keys of evals and posts
	dead   map[string]bool // nodes that a left out edge leads to
	create map[string]int  // how often a path is written by the roll's <file>s
}

// Import makes the native form of one of the rolls of a distribution tree.
// What is wrong with the request is a *fault.Error of kind Invalid; what has no
// native meaning is in the findings.
func Import(tree fs.FS, r Roll, m Mapping) (*Result, error) {
	im := &importer{
		tree: tree, roll: r, mapping: m, defaults: values, name: firstOf(m.Name, wordOf(r.Name)), out: map[string]string{}, own: map[string]string{},
		nodes: map[string]*node{}, needs: map[string]bool{}, params: map[string]bool{}, used: map[string]bool{}, dead: map[string]bool{}, create: map[string]int{},
	}
	if err := im.run(); err != nil {
		return nil, err
	}
	if err := im.check(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(im.findings, func(a, b rocks.Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return &Result{Name: im.name, Files: im.out, Findings: slices.Compact(im.findings)}, nil
}

func (im *importer) run() error {
	files, err := im.read()
	if err != nil {
		return err
	}
	switch {
	case im.name == "base" || im.name == "gateway":
		im.find(rocks.Warning, "import-name", "", 0, "give it another name with name in the mapping",
			"every cluster has a roll %s of Quarry's own, which this one would take the place of", im.name)
	case im.name != im.roll.Name:
		im.find(rocks.Info, "import-renamed", "", 0, "", "the roll is called %s here: names of rolls are words of conditions", im.name)
	}
	im.countFiles(files)
	for _, f := range files {
		im.node(f)
	}
	if err := im.graphs(); err != nil {
		return err
	}
	im.unreached()
	im.unusedMapping()
	return im.write()
}

// check makes sure that what comes out is a roll.
func (im *importer) check() error {
	fsys := fstest.MapFS{}
	for name, content := range im.out {
		fsys[path.Join(im.name, name)] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	if err := roll.Lint(fsys, im.name); err != nil {
		return fmt.Errorf("the roll that was made is not well made; change the mapping: %w", err)
	}
	return nil
}

func (im *importer) find(severity, rule, file string, line int, fix, format string, args ...any) {
	im.findings = append(im.findings, rocks.Finding{
		Rule: rule, Severity: severity, File: file, Line: line, Message: fmt.Sprintf(format, args...), Fix: fix,
	})
}

var (
	notWord  = regexp.MustCompile(`[^a-z0-9_]+`)
	notLabel = regexp.MustCompile(`[^a-z0-9-]+`)
)

// wordOf makes a name that conditions can use.
func wordOf(name string) string {
	return lettersFirst(strings.Trim(notWord.ReplaceAllString(strings.ToLower(name), "_"), "_"), "roll_", 63)
}

// labelOf makes a name for a node or a script.
func labelOf(name string) string {
	return lettersFirst(strings.Trim(notLabel.ReplaceAllString(strings.ToLower(name), "-"), "-"), "n", 42)
}

func lettersFirst(name, prefix string, most int) string {
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = prefix + name
	}
	return strings.Trim(name[:min(len(name), most)], "-_")
}

func invalid(field, format string, args ...any) error {
	return fault.New(fault.Invalid, "The Rocks roll cannot be imported", fault.Detail{Field: field, Message: fmt.Sprintf(format, args...)})
}
