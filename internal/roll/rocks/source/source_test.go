package source

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/fault"
	"quarry/internal/needs"
)

var twoFiles = map[string]string{
	"graphs/default/a.xml": "<graph><edge from='a' to='b'/></graph>",
	"nodes/a.xml":          "<kickstart><package>x</package></kickstart>",
}

func open(t testing.TB, paths ...string) *Tree {
	t.Helper()
	tree, err := Open(t.Context(), paths...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// refused wants an error for people that says this.
func refused(t testing.TB, err error, say string) {
	t.Helper()
	if err == nil {
		t.Fatalf("was taken, should be refused: %s", say)
	}
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Kind != fault.Invalid || f.Details[0].Field == "" {
		t.Fatalf("%v: want a refusal that names the file", err)
	}
	if !strings.Contains(err.Error(), say) {
		t.Fatalf("%q does not say %q", err, say)
	}
}

// Every way to give the same roll gives the same tree.
func TestEveryKindGivesTheSame(t *testing.T) {
	want := map[string]string{
		"graphs/default/a.xml": `<graph roll="hpc"><edge from='a' to='b'/></graph>`,
		"nodes/a.xml":          "<kickstart roll=\"hpc\"><package>x</package></kickstart>",
	}
	sources := maps.Clone(twoFiles)
	sources["version.mk"] = "ROLLNAME = hpc\nVERSION = 7.0\n"
	rpm := kickstartRPM(want)
	image := rollISO("hpc", rpm)
	for name, given := range map[string]string{
		"a distribution tree": write(t, want),
		"a source tree":       write(t, sources),
		"a kickstart package": save(t, "k.rpm", rpm),
		"an ISO":              save(t, "hpc.iso", makeISO(image)),
		"an ISO's content":    write(t, image),
	} {
		t.Run(name, func(t *testing.T) {
			tree := open(t, given)
			if diff := cmp.Diff(want, contents(tree)); diff != "" {
				t.Error(diff)
			}
			if !strings.HasPrefix(tree.Origin("nodes/a.xml"), given) {
				t.Errorf("nodes/a.xml is said to be from %q, not from below %q", tree.Origin("nodes/a.xml"), given)
			}
			entries, err := fs.ReadDir(tree, "nodes")
			if err != nil || len(entries) != 1 || entries[0].Name() != "a.xml" {
				t.Errorf("nodes lists %v, %v", entries, err)
			}
		})
	}
}

func TestRollsSayWhatTheyAre(t *testing.T) {
	files := rollISO("hpc", kickstartRPM(twoFiles))
	maps.Copy(files, rollISO("sge", kickstartRPM(map[string]string{"nodes/b.xml": "<kickstart/>"})))
	file := save(t, "hpc+sge.iso", makeISO(files))
	want := Roll{
		Name: "hpc", Version: "7.0", Release: "0", Arch: "x86_64", OS: "linux", Interface: "4.0", Color: "tan",
		From: file + ":hpc/7.0/x86_64", Packages: []string{"tool"},
	}
	tree := open(t, file)
	if len(tree.Rolls) != 2 || tree.Rolls[1].Name != "sge" {
		t.Fatalf("rolls are %+v", tree.Rolls)
	}
	if diff := cmp.Diff(want, tree.Rolls[0]); diff != "" {
		t.Error(diff)
	}
	if names := slices.Sorted(maps.Keys(contents(tree))); !slices.Equal(names, []string{"graphs/default/a.xml", "nodes/a.xml", "nodes/b.xml"}) {
		t.Errorf("files are %v", names)
	}
}

func TestLaterReplacesEarlier(t *testing.T) {
	first := write(t, map[string]string{"nodes/a.xml": "one", "nodes/same.xml": "same"})
	second := save(t, "k.rpm", kickstartRPM(map[string]string{"nodes/a.xml": "two", "nodes/same.xml": "same"}))
	site := write(t, map[string]string{"nodes/a.xml": "three", "nodes/extend-a.xml": "more"})
	tree := open(t, first, second, site)
	want := map[string]string{"nodes/a.xml": "three", "nodes/same.xml": "same", "nodes/extend-a.xml": "more"}
	if diff := cmp.Diff(want, contents(tree)); diff != "" {
		t.Error(diff)
	}
	var found []string
	for _, f := range tree.Findings {
		found = append(found, f.Rule+" "+f.Severity+" "+f.File)
	}
	if want := []string{
		"source-overwrite warning nodes/a.xml", "source-overwrite info nodes/same.xml", "source-overwrite warning nodes/a.xml",
	}; !slices.Equal(found, want) {
		t.Errorf("findings are %q, want %q", found, want)
	}
	for _, origin := range []string{filepath.Join(first, "nodes/a.xml"), second + ":./export/profile/nodes/a.xml"} {
		if !strings.Contains(tree.Findings[0].Message, origin) {
			t.Errorf("%q does not name %s", tree.Findings[0].Message, origin)
		}
	}
}

// The whole of a real distribution, as it is and through a package on an ISO.
func TestRealDistribution(t *testing.T) {
	dir := needs.Rocks(t, "real", "distro", "r7-all")
	tree := open(t, dir)
	want := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(p)
		name, _ := filepath.Rel(dir, p)
		want[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 200 {
		t.Fatalf("only %d files are in %s", len(want), dir)
	}
	if diff := cmp.Diff(want, contents(tree)); diff != "" {
		t.Error(diff)
	}
	image := save(t, "all.iso", makeISO(rollISO("all", kickstartRPM(want))))
	if diff := cmp.Diff(want, contents(open(t, image))); diff != "" {
		t.Error(diff)
	}
}

func TestLinksInTrees(t *testing.T) {
	outside := write(t, map[string]string{"secret.xml": "secret"})
	for name, c := range map[string]struct {
		target, say string
	}{
		"out":       {filepath.Join(outside, "secret.xml"), "leads out of the tree"},
		"up":        {"../../secret.xml", "leads out of the tree"},
		"nowhere":   {"none.xml", "leads out of the tree or nowhere"},
		"circle":    {"link.xml", "leads out of the tree or nowhere"},
		"a device":  {"/dev/zero", "leads out of the tree"},
		"to folder": {".", "not a plain file"},
		"within":    {"a.xml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, twoFiles)
			if err := os.Symlink(c.target, filepath.Join(dir, "nodes/link.xml")); err != nil {
				t.Fatal(err)
			}
			tree, err := Open(t.Context(), dir)
			if c.say != "" {
				refused(t, err, c.say)
				return
			}
			if err != nil || contents(tree)["nodes/link.xml"] != twoFiles["nodes/a.xml"] {
				t.Errorf("a link within gives %v, %v", contents(tree), err)
			}
		})
	}
	dir := write(t, map[string]string{"graphs/default/a.xml": "<graph/>"})
	if err := os.Symlink(outside, filepath.Join(dir, "nodes")); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir)
	refused(t, err, "should be a folder")
}

func TestRefusedFolders(t *testing.T) {
	large := strings.Repeat("x", maxFile+1)
	deep := "include/" + strings.Repeat("d/", maxDepth) + "f"
	for name, c := range map[string]struct {
		files map[string]string
		say   string
	}{
		"nothing of Rocks": {map[string]string{"readme": "x"}, "holds no rolls"},
		"empty":            {map[string]string{"graphs/default/readme": "x"}, "no graph and no node"},
		"an OS disc":       {map[string]string{".discinfo": "x"}, "not the first disc"},
		"a large file":     {map[string]string{"nodes/a.xml": large}, "is larger than"},
		"deep":             {map[string]string{deep: "x"}, "folders"},
		"an odd name":      {map[string]string{"nodes/a\nb.xml": "x"}, "no file of a roll is called"},
		"an odd roll name": {map[string]string{"nodes/a.xml": "x", "version.mk": `ROLLNAME = "><x`}, "plain name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), write(t, c.files))
			if name == "empty" { // no one file is to blame
				if err == nil || !strings.Contains(err.Error(), c.say) {
					t.Errorf("got %v", err)
				}
				return
			}
			refused(t, err, c.say)
		})
	}
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "none"))
	refused(t, err, "no such file")
	_, err = Open(t.Context(), save(t, "x.iso", []byte("neither")))
	refused(t, err, "neither an ISO image nor an RPM")
	_, err = Open(t.Context(), "/dev/null")
	refused(t, err, "neither a folder nor a plain file")
}
