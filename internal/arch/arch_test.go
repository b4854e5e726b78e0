package arch

import (
	"errors"
	"go/build"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "quarry/"

// pure packages do no I/O, are given time and chance, and import only each other.
var pure = []string{
	"internal/fault", "internal/cluster", "internal/vnode", "internal/pnode", "internal/calendar", "internal/estimate", "internal/quota", "internal/roll", "internal/roll/archive",
	"internal/roll/graph", "internal/roll/rocks", "internal/roll/rocks/native", "internal/roll/rocks/python", "internal/roll/rocks/sax",
	"internal/accounting",
	"internal/render", "internal/render/chart", "internal/render/ics", "internal/render/kickstart", "internal/render/picture", "internal/render/theme",
}

// impure is what no pure package imports itself.
var impure = []string{
	"os", "os/exec", "os/signal", "os/user", "net", "net/http", "database/sql", "syscall",
	"crypto/rand", "math/rand", "math/rand/v2",
}

// alone says for packages with few friends which ones they may reach.
var alone = map[string][]string{
	"internal/api/wire":     {"internal/fault"},
	"internal/api/agentapi": {"internal/api/wire", "internal/pki", "internal/pnode", "internal/vnode", "internal/fault"},
	"internal/guest":        {"internal/vnode", "internal/fault"},
	"cmd/quarry-guest":      {"internal/guest", "internal/vnode", "internal/fault"},
}

// apart says for packages with many friends which ones they never reach.
var apart = map[string][]string{
	"internal/manager": {"internal/hypervisor", "internal/fabric", "internal/agent", "internal/lab", "internal/cli", "internal/guest"},
	"internal/agent":   {"internal/store", "internal/manager", "internal/lab", "internal/cli"},
}

// forTests is what only tests import.
var forTests = []string{"internal/needs", "internal/standin"}

// labUsers are all who may reach the lab: nothing that a site needs does.
var labUsers = []string{"internal/lab", "internal/cli", "cmd/quarry", "test"}

// packages reads the module's packages, by their path in it. It runs no
// program, so that go test knows which files its result depends on.
func packages(t *testing.T) map[string]*build.Package {
	t.Helper()
	root := filepath.Join("..", "..")
	ctx := build.Default
	ctx.BuildTags = append(slices.Clone(ctx.BuildTags), "lab")
	all := map[string]*build.Package{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		p, err := ctx.ImportDir(path, 0)
		var none *build.NoGoError
		if errors.As(err, &none) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		all[filepath.ToSlash(name)] = p
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// chains returns how from reaches each package of the module, by the shortest
// way, from included.
func chains(all map[string]*build.Package, from string) map[string][]string {
	ways := map[string][]string{from: {from}}
	for next := []string{from}; len(next) > 0; next = next[1:] {
		p := all[next[0]]
		if p == nil {
			continue
		}
		for _, path := range p.Imports {
			name, ours := strings.CutPrefix(path, module)
			if ours && ways[name] == nil {
				ways[name] = append(slices.Clone(ways[next[0]]), name)
				next = append(next, name)
			}
		}
	}
	return ways
}

// refuse fails for each package that from reaches and may not.
func refuse(t *testing.T, all map[string]*build.Package, from, rule string, may func(name string) bool) {
	t.Helper()
	ways := chains(all, from)
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		if name != from && !may(name) {
			t.Errorf("%s must not reach %s, %s: %s", from, name, rule, strings.Join(ways[name], " → "))
		}
	}
}

func TestImports(t *testing.T) {
	all := packages(t)
	for _, from := range pure {
		refuse(t, all, from, "which is not pure", func(name string) bool { return slices.Contains(pure, name) })
	}
	for from, friends := range alone {
		refuse(t, all, from, "only "+strings.Join(friends, ", "), func(name string) bool { return slices.Contains(friends, name) })
	}
	for from, strangers := range apart {
		refuse(t, all, from, "they are kept apart", func(name string) bool { return !slices.Contains(strangers, name) })
	}
	for from := range all {
		refuse(t, all, from, "it is for tests", func(name string) bool { return !slices.Contains(forTests, name) })
		if !slices.Contains(labUsers, from) {
			refuse(t, all, from, "only "+strings.Join(labUsers, ", ")+" may", func(name string) bool { return name != "internal/lab" })
		}
	}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	all := packages(t)
	for _, from := range pure {
		p := all[from]
		if p == nil {
			continue // TestRulesNameWhatIsThere says so
		}
		for _, path := range p.Imports {
			if slices.Contains(impure, path) {
				t.Errorf("pure packages do no I/O and are given time and chance: %s → %s in %s", from, path, p.ImportPos[path][0])
			}
		}
	}
}

// A rule about a package that was renamed would hold of nothing.
func TestRulesNameWhatIsThere(t *testing.T) {
	all := packages(t)
	names := slices.Concat(pure, labUsers, forTests)
	for _, rules := range []map[string][]string{alone, apart} {
		for from, list := range rules {
			names = append(append(names, from), list...)
		}
	}
	for _, name := range names {
		if all[name] == nil {
			t.Errorf("a rule names %s, which is not there", name)
		}
	}
}

func TestPackagesHaveComments(t *testing.T) {
	for name, p := range packages(t) {
		if p.Doc == "" {
			t.Errorf("%s has no package comment", name)
		}
	}
}
