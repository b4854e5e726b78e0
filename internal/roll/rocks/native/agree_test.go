package native

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks"
)

// The walk and the import agree on which packages and posts of a node count,
// for every real case.
func TestAgreesWithTheWalk(t *testing.T) {
	distro := needs.Rocks(t, "real", "distro", "r7-all")
	cases, err := filepath.Glob(filepath.Join(distro, "../../cases/*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 5 {
		t.Fatalf("only the cases %v were found", cases)
	}
	for _, dir := range cases {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			about, err := os.ReadFile(filepath.Join(dir, "CASE"))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(about), "r7-all") {
				t.Skip("is of another distribution")
			}
			data, err := os.ReadFile(filepath.Join(dir, "attrs"))
			if err != nil {
				t.Fatal(err)
			}
			attrs, err := rocks.ParseAttributes(data)
			if err != nil {
				t.Fatal(err)
			}
			tree, err := rocks.Read(os.DirFS(distro), ".")
			if err != nil {
				t.Fatal(err)
			}
			root := "compute"
			if strings.Contains(string(about), "server") {
				root = "server"
			}
			profile, err := tree.Walk(root, attrs, rocks.Options{Compat: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(counting(profile), kept(t, profile, attrs)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// counting are the places of all packages and posts of a profile.
func counting(p *rocks.Profile) []string {
	all := map[string]bool{}
	add := func(what, file string, line int) {
		all[fmt.Sprintf("%s:%d %s", strings.TrimPrefix(file, "./"), line, what)] = true
	}
	for _, p := range p.Packages {
		add("package", p.File, p.Line)
	}
	for _, s := range p.Posts {
		if !s.Log {
			add("post", s.File, s.Line)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// kept are the places of what the import keeps of the same files.
func kept(t *testing.T, p *rocks.Profile, attrs map[string]string) []string {
	im := &importer{mapping: Mapping{Attributes: map[string]Value{}}, params: map[string]bool{}, defaults: map[string]Value{
		"rocks_version_major": {Constant: "7"}, "version": {Constant: "7.0"}, "release": {Constant: "Manzanita"},
	}}
	for name, value := range attrs {
		im.mapping.Attributes[name] = Value{Constant: value}
	}
	all := map[string]bool{}
	for _, n := range p.Order {
		for _, file := range n.Files {
			file = strings.TrimPrefix(file, "./")
			data, err := os.ReadFile(filepath.Join(needs.Rocks(t, "real", "distro", "r7-all"), file))
			if err != nil {
				t.Fatal(err)
			}
			root, err := parseXML(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range root.elements() {
				what := map[string]string{"package": "package", "post": "post", "configure": "post"}[e.name]
				if _, holds := im.holds(&part{nodeFile: nodeFile{path: file}}, e); what != "" && holds {
					all[fmt.Sprintf("%s:%d %s", file, e.line, what)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}
