package rocks

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// Bounds of a tree.
const (
	maxFile  = 8 << 20
	maxTree  = 128 << 20
	maxFiles = 50000
)

// nodeDirs are searched in this order.
var nodeDirs = []string{"./nodes", "../nodes", "./site-nodes", "../site-nodes"}

// Tree is a distribution that was read.
type Tree struct {
	fsys       fs.FS
	base       string
	graphs     map[string][]*graphFile
	files      map[string]*nodeFile // by "nodes/x.xml", "../nodes/x.xml"
	size       int
	conditions conditions
	shapes     shapes
	includes   sync.Map // by name: included
	found      sync.Map // by name and system: foundNode
}

// Read reads the tree at base ("." for the file system's root): all graphs and
// all node files. "../nodes" is looked at where base is not the root.
func Read(fsys fs.FS, base string) (*Tree, error) {
	t := &Tree{fsys: fsys, base: base, graphs: map[string][]*graphFile{}, files: map[string]*nodeFile{}}
	dirs, err := fs.ReadDir(fsys, path.Join(base, "graphs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the graphs of the tree: %w", err)
	}
	for _, d := range dirs {
		if info, err := fs.Stat(fsys, path.Join(base, "graphs", d.Name())); err != nil || !info.IsDir() {
			continue
		}
		t.graphs[d.Name()] = []*graphFile{}
		err := t.each("graphs/"+d.Name(), func(name string, data []byte) {
			t.graphs[d.Name()] = append(t.graphs[d.Name()], readGraph(name, data))
		})
		if err != nil {
			return nil, err
		}
	}
	for _, dir := range nodeDirs {
		if err := t.each(dir, func(name string, data []byte) { t.files[name] = &nodeFile{path: display(name), data: data} }); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// display gives the path as Rocks writes it.
func display(name string) string {
	if strings.HasPrefix(name, "../") {
		return name
	}
	return "./" + name
}

// each reads the XML files of a folder, by name. A folder may be missing.
func (t *Tree) each(dir string, add func(name string, data []byte)) error {
	full := path.Join(t.base, dir)
	if !fs.ValidPath(full) {
		return nil // above the root
	}
	entries, err := fs.ReadDir(t.fsys, full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".xml" || strings.TrimLeft(e.Name(), ".") == "xml" {
			continue
		}
		data, err := t.readFile(path.Join(full, e.Name()), len(t.files)+1)
		if errors.Is(err, errNoFile) {
			continue
		}
		if err != nil {
			return err
		}
		add(path.Clean(dir)+"/"+e.Name(), data)
	}
	return nil
}

var errNoFile = errors.New("no regular file")

func (t *Tree) readFile(name string, count int) ([]byte, error) {
	info, err := fs.Stat(t.fsys, name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	if info.Size() > maxFile || t.size+int(info.Size()) > maxTree || count > maxFiles {
		return nil, fmt.Errorf("%s: %d bytes are too much: a file may have %d, all of them %d, and there may be %d files", name, info.Size(), maxFile, maxTree, maxFiles)
	}
	data, err := fs.ReadFile(t.fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes", name, maxFile)
	}
	t.size += len(data)
	return data, nil
}

type foundNode struct {
	name  string
	files []*nodeFile
	err   error
}

// find gives the files of a node, and its name: for sunos that may become another.
func (t *Tree) find(name string, sunos bool) (string, []*nodeFile, error) {
	type key struct {
		name  string
		sunos bool
	}
	if done, ok := t.found.Load(key{name, sunos}); ok {
		f := done.(foundNode)
		return f.name, f.files, f.err
	}
	var f foundNode
	f.name, f.files, f.err = t.search(name, sunos)
	if f.err == nil { // there are only so many
		t.found.Store(key{name, sunos}, f)
	}
	return f.name, f.files, f.err
}

func (t *Tree) search(name string, sunos bool) (string, []*nodeFile, error) {
	var own, extend, replace *nodeFile
	for _, dir := range nodeDirs {
		if sunos && t.file(dir, "sol_"+name) != nil {
			name = "sol_" + name
		}
		if own == nil {
			own = t.file(dir, name)
		}
		if extend == nil {
			extend = t.file(dir, "extend-"+name)
		}
		if replace == nil {
			replace = t.file(dir, "replace-"+name)
		}
	}
	switch {
	case replace != nil:
		return name, []*nodeFile{replace}, nil
	case own == nil:
		return name, nil, &Refusal{
			Rule: ruleNoFile, Class: "rocks.util.KickstartNodeError", Text: fmt.Sprintf("cannot find node %q", name),
			Fix: fmt.Sprintf("add nodes/%s.xml, or correct the name in the graph", name),
		}
	case extend != nil:
		return name, []*nodeFile{own, extend}, nil
	}
	return name, []*nodeFile{own}, nil
}

func (t *Tree) file(dir, name string) *nodeFile {
	if strings.Contains(name, "/") {
		return t.files[path.Clean(dir+"/"+name+".xml")]
	}
	return t.files[strings.TrimPrefix(dir, "./")+"/"+name+".xml"]
}

type included struct {
	data []byte
	err  error
}

// include reads a file from the include folder.
func (t *Tree) include(name string) ([]byte, error) {
	if done, ok := t.includes.Load(name); ok {
		return done.(included).data, done.(included).err
	}
	full := path.Join(t.base, "include", name)
	var data []byte
	err := errNoFile
	if fs.ValidPath(full) && !path.IsAbs(name) {
		data, err = t.includeFile(full)
	}
	t.includes.Store(name, included{data, err})
	return data, err
}

func (t *Tree) includeFile(name string) ([]byte, error) {
	info, err := fs.Stat(t.fsys, name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, errNoFile
	}
	return fs.ReadFile(t.fsys, name)
}
