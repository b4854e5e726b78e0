package source

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/roll/rocks"
)

// order is the walk from a, with the file of each node.
func order(t *testing.T, paths ...string) string {
	t.Helper()
	tree, _, err := Read(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := tree.Walk("a", nil, rocks.Options{Compat: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, n := range profile.Order {
		all = append(all, n.Name+"="+strings.Join(n.Files, "+"))
	}
	return strings.Join(all, " ")
}

// Every kind of source can be walked, alone and over another.
func TestReadAndWalk(t *testing.T) {
	files := map[string]string{
		"graphs/default/a.xml": "<graph><edge from='a' to='b'/></graph>",
		"nodes/a.xml":          "<kickstart/>", "nodes/b.xml": "<kickstart/>",
	}
	rpm := kickstartRPM(files)
	for name, given := range map[string]string{
		"tree": write(t, files), "RPM": save(t, "k.rpm", rpm), "ISO": save(t, "r.iso", makeISO(rollISO("r", rpm))),
	} {
		if got, want := order(t, given), "a=./nodes/a.xml b=./nodes/b.xml"; got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	site := write(t, map[string]string{"nodes/extend-b.xml": "<kickstart/>"})
	if got, want := order(t, save(t, "r.iso", makeISO(rollISO("r", rpm))), site), "a=./nodes/a.xml b=./nodes/b.xml+./nodes/extend-b.xml"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Rocks looks for nodes in the folder above a distribution, and so do we; for
// what is no folder there nothing is refused.
func TestNodesAbove(t *testing.T) {
	dir := write(t, map[string]string{
		"build/graphs/default/a.xml": "<graph><edge from='a' to='b'/></graph>", "build/nodes/a.xml": "<kickstart/>", "nodes/b.xml": "<kickstart/>",
	})
	if err := os.Symlink("/etc", filepath.Join(dir, "site-nodes")); err != nil {
		t.Fatal(err)
	}
	if got, want := order(t, filepath.Join(dir, "build")), "a=./nodes/a.xml b=../nodes/b.xml"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "nodes/out.xml")); err != nil {
		t.Fatal(err)
	}
	_, _, err := Read(t.Context(), filepath.Join(dir, "build"))
	refused(t, err, "leads out of the tree")
}
