package native

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"quarry/internal/roll/rocks"
)

// nodeFile is a node file of the roll.
type nodeFile struct {
	path string
	name string // as the graph calls it
	kind string // "", "extend-" or "replace-"
	root *element
}

const maxFile = 4 << 20 // bytes of one file of the tree

// read finds the roll's node files. Of several of one name the one in nodes
// wins over site-nodes, and a replacement over what it replaces.
func (im *importer) read() ([]nodeFile, error) {
	var files []nodeFile
	rolls := map[string]bool{}
	taken := map[string]bool{}
	for _, dir := range []string{"nodes", "site-nodes"} {
		all, err := im.elements(dir, rolls)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			base := strings.TrimSuffix(path.Base(name), ".xml")
			if taken[base] {
				im.find(rocks.Info, "import-shadowed", name, 1, "", "nodes/%s.xml comes first, so Rocks never reads this", base)
				continue
			}
			taken[base] = true
			f := nodeFile{path: name, name: base, root: all[name]}
			for _, kind := range []string{"extend-", "replace-"} {
				if rest, ok := strings.CutPrefix(base, kind); ok {
					f.kind, f.name = kind, rest
				}
			}
			files = append(files, f)
		}
	}
	graphs, err := im.elements("graphs/default", rolls)
	if err != nil {
		return nil, err
	}
	if len(files)+len(graphs) == 0 {
		return nil, invalid("NAME", "no graph and no node is of a roll %q; there are %s", im.roll.Name, strings.Join(slices.Sorted(maps.Keys(rolls)), ", "))
	}
	return im.claim(files)
}

// claim gives the roll's nodes their native names.
func (im *importer) claim(files []nodeFile) ([]nodeFile, error) {
	replaced := map[string]string{}
	for _, f := range files {
		if f.kind == "replace-" {
			replaced[f.name] = f.path
		}
	}
	taken := map[string]string{}
	var kept []nodeFile
	for _, f := range files {
		if by := replaced[f.name]; by != "" && f.kind != "replace-" {
			im.find(rocks.Info, "import-shadowed", f.path, 1, "", "%s replaces it", by)
			continue
		}
		kept = append(kept, f)
		if f.kind == "extend-" {
			continue
		}
		label := labelOf(f.name)
		if other, ok := taken[label]; ok && other != f.name {
			return nil, invalid(f.path, "the nodes %s and %s would both be called %s", other, f.name, label)
		}
		taken[label] = f.name
		im.own[f.name] = label
		if label != f.name {
			im.find(rocks.Info, "import-renamed", f.path, 1, "", "the node is called %s here", label)
		}
	}
	return kept, nil
}

// elements parses the files of a folder that are of the roll. It collects the
// names of all rolls.
func (im *importer) elements(dir string, rolls map[string]bool) (map[string]*element, error) {
	entries, err := fs.ReadDir(im.tree, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	found := map[string]*element{}
	for _, entry := range entries {
		name := path.Join(dir, entry.Name())
		if entry.IsDir() || path.Ext(name) != ".xml" {
			continue
		}
		data, err := fs.ReadFile(im.tree, name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if len(data) > maxFile {
			return nil, invalid(name, "is larger than %d bytes", maxFile)
		}
		root, err := parseXML(data)
		if err != nil {
			if bytes.Contains(data, []byte(`roll="`+im.roll.Name+`"`)) {
				im.find(rocks.Warning, "import-xml", name, 0, "mend the file", "is not XML, and Rocks could not read it either: %v", err)
			}
			continue
		}
		if r := root.attrs["roll"]; r != "" {
			rolls[r] = true
		}
		if root.attrs["roll"] == im.roll.Name {
			found[name] = root
		}
	}
	return found, nil
}

// summary is the first paragraph of an element's description, on one line.
func summary(root *element) string {
	for _, e := range root.elements() {
		if e.name != "description" {
			continue
		}
		first, _, _ := strings.Cut(strings.TrimSpace(e.text()), "\n\n")
		line := strings.Join(strings.Fields(strings.Map(plainRune, first)), " ")
		if len(line) > 160 {
			line = line[:strings.LastIndexByte(line[:160], ' ')+1] + "…"
		}
		return line
	}
	return ""
}

// plainRune drops what marks an entity.
func plainRune(r rune) rune {
	if string(r) == entityStart || string(r) == entityEnd {
		return -1
	}
	return r
}
