package roll

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"quarry/internal/fault"
)

const rollFile = "roll.yaml"

var (
	// Names of rolls and parameters are words of conditions.
	wordName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	// Names of nodes, appliances and scripts; vnodes are called after appliances.
	labelName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,40}[a-z0-9])?$`)
)

// LoadAll reads every folder of fsys that holds a roll.yaml. Other folders
// and files are not looked at.
func LoadAll(fsys fs.FS) (Catalog, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("list rolls: %w", err)
	}
	var rolls []*Roll
	var wrong fault.List
	for _, e := range entries {
		if _, err := fs.Stat(fsys, path.Join(e.Name(), rollFile)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		r, err := Load(fsys, e.Name())
		if f, ok := errors.AsType[*fault.Error](err); ok {
			for _, d := range f.Details {
				wrong.Add(d.Field, d.Message)
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		rolls = append(rolls, r)
	}
	if err := wrong.Err(fault.Invalid, "The rolls have mistakes"); err != nil {
		return nil, err
	}
	return NewCatalog(rolls...), nil
}

// Load reads the roll in folder dir of fsys. Everything wrong with it comes in
// one *fault.Error of kind Invalid, each detail with "file:line:column".
func Load(fsys fs.FS, dir string) (*Roll, error) {
	if !fs.ValidPath(dir) {
		return nil, fault.New(fault.Invalid, "Not a folder of a roll", fault.Detail{Field: dir, Message: "not a clean relative path"})
	}
	l := loader{fsys: fsys, report: report{dir: dir}}
	r, err := l.load()
	if err != nil {
		return nil, err
	}
	if err := l.Err(fault.Invalid, "The roll has mistakes"); err != nil {
		return nil, err
	}
	return r, nil
}

type loader struct {
	report
	fsys  fs.FS
	roll  *Roll
	taken int64 // bytes read so far
}

func (l *loader) load() (*Roll, error) {
	l.roll = &Roll{dir: l.dir, Nodes: map[string]*Node{}, sources: map[string]bool{}}
	data, err := l.read(rollFile, maxDocument)
	if errors.Is(err, fs.ErrNotExist) {
		l.add(rollFile, pos{}, "there is no such file: a roll is a folder with a %s", rollFile)
		return l.roll, nil
	}
	if err != nil {
		l.add(rollFile, pos{}, "%v", err)
		return l.roll, nil
	}
	var doc rollDoc
	if !l.decode(rollFile, data, &doc) {
		return l.roll, nil
	}
	l.bound(doc)
	l.head(doc)
	l.parameters(doc.Parameters)
	l.attributes(doc.Attributes)
	l.settings(doc.Set)
	if err := l.nodes(); err != nil {
		return nil, err
	}
	l.appliances(doc.Appliances)
	l.edges(doc.Edges)
	l.order(doc.Order)
	return l.roll, nil
}

// read reads a file of the roll, bounded.
func (l *loader) read(name string, limit int64) ([]byte, error) {
	full := path.Join(l.dir, name)
	info, err := fs.Stat(l.fsys, full)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a plain file")
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("has %d bytes, at most %d are allowed", info.Size(), limit)
	}
	if l.taken += info.Size(); l.taken > maxContent {
		return nil, fmt.Errorf("with it more than %d bytes are read, a file that is named twice counting twice", maxContent)
	}
	data, err := fs.ReadFile(l.fsys, full)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(data) || slices.Contains(data, 0) {
		return nil, errors.New("is not text in UTF-8")
	}
	return data, nil
}

func (l *loader) head(doc rollDoc) {
	r := l.roll
	r.Name, r.Version, r.Summary, r.Description = doc.Name.V, doc.Version.V, doc.Summary.V, doc.Description.V
	l.word("name", doc.Name)
	if folder := path.Base(l.dir); folder != "." && doc.Name.Set && folder != doc.Name.V {
		l.add(rollFile, doc.Name.pos, "the roll is called %q but its folder %q: give both the same name", doc.Name.V, folder)
	}
	if doc.Version.V == "" {
		l.add(rollFile, doc.Version.pos, "version is missing")
	}
	if err := checkVersion(doc.Version.V); err != nil && doc.Version.V != "" {
		l.add(rollFile, doc.Version.pos, "version: %v", err)
	}
	if doc.Summary.V == "" {
		l.add(rollFile, doc.Summary.pos, "summary is missing: one line on what the roll is for")
	}
	r.Requires, r.Conflicts = l.requirements(doc.Requires), l.requirements(doc.Conflicts)
	r.Provides = l.provisions(doc.Provides)
}

// bound refuses lists that would cost the manager much whenever something is
// booked, whether it uses the roll or not.
func (l *loader) bound(doc rollDoc) {
	for _, list := range []struct {
		name      string
		have, max int
	}{
		{"requires", len(doc.Requires), maxRelations},
		{"conflicts", len(doc.Conflicts), maxRelations},
		{"provides", len(doc.Provides), maxRelations},
		{"parameters", len(doc.Parameters), maxDeclared},
		{"attributes", len(doc.Attributes), maxDeclared},
		{"set", len(doc.Set), maxDeclared},
	} {
		if list.have > list.max {
			l.add(rollFile, pos{}, "%s has %d entries, at most %d are allowed", list.name, list.have, list.max)
		}
	}
}

func (l *loader) word(what string, t text) {
	if !wordName.MatchString(t.V) {
		l.add(rollFile, t.pos, "%s %q must be 1 to 63 of a-z, 0-9 and _, a letter first: conditions call it by this name", what, t.V)
	}
}

func (l *loader) label(file, what string, t text, at pos) bool {
	if t.Set {
		at = t.pos
	}
	if labelName.MatchString(t.V) {
		return true
	}
	l.add(file, at, "%s %q must be 1 to 42 of a-z, 0-9 and -, a letter first and no - last", what, t.V)
	return false
}

func (l *loader) source(file string, p pos) Source {
	return Source{Roll: l.roll.Name, File: file, Line: p.line}
}

// nodes reads nodes/*.yaml.
func (l *loader) nodes() error {
	entries, err := fs.ReadDir(l.fsys, path.Join(l.dir, "nodes"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list nodes of roll %s: %w", l.dir, err)
	}
	if len(entries) > maxNodes {
		l.add("nodes", pos{}, "has %d files, at most %d are allowed", len(entries), maxNodes)
		return nil
	}
	for _, e := range entries {
		file := path.Join("nodes", e.Name())
		name, isNode := strings.CutSuffix(e.Name(), ".yaml")
		if !isNode {
			l.add(file, pos{}, "only NAME.yaml belongs here; put files and scripts into folders of their own")
			continue
		}
		if !l.label(file, "the node's name", text{V: name}, pos{}) {
			continue
		}
		data, err := l.read(file, maxDocument)
		if err != nil {
			l.add(file, pos{}, "%v", err)
			continue
		}
		var doc nodeDoc
		if strings.TrimSpace(string(data)) != "" { // an empty node only ties edges together
			l.decode(file, data, &doc)
		}
		l.roll.Nodes[name] = l.node(name, file, doc)
	}
	return nil
}
