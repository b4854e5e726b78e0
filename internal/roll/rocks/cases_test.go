package rocks_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks"
)

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func attributes(t testing.TB, path string) map[string]string {
	t.Helper()
	attrs, err := rocks.ParseAttributes([]byte(read(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	return attrs
}

func tree(t testing.TB, dir string) *rocks.Tree {
	t.Helper()
	full, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	tr, err := rocks.Read(os.DirFS(filepath.Dir(full)), filepath.Base(full))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func names(order []rocks.Node) []string {
	list := []string{}
	for _, n := range order {
		list = append(list, n.Name)
	}
	return list
}

// orderText is what order.txt holds.
func orderText(order []rocks.Node) string {
	var b strings.Builder
	for _, n := range order {
		fmt.Fprintf(&b, "%s\t%s\n", n.Name, n.Files[len(n.Files)-1])
	}
	return b.String()
}

func packagesText(p *rocks.Profile) string {
	lines := append([]string{"%packages --ignoremissing"}, p.On...)
	for _, name := range p.Off {
		lines = append(lines, "-"+name)
	}
	return strings.Join(append(lines, "%end"), "\n") + "\n"
}

func elementsText(p *rocks.Profile) string {
	var b strings.Builder
	for _, e := range p.Packages {
		state := "off"
		if e.On {
			state = "on"
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", filepath.Base(e.File), e.Roll, state, e.Name)
	}
	return b.String()
}

func mainText(p *rocks.Profile) string {
	var b strings.Builder
	for _, l := range p.Main {
		b.WriteString(l.Text + "\n")
	}
	return b.String()
}

func postsText(p *rocks.Profile) string {
	var b strings.Builder
	for i, s := range p.Posts {
		kind := "post"
		if s.Log {
			kind = "log"
		}
		sum := sha256.Sum256([]byte(s.Body))
		fmt.Fprintf(&b, "%03d\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", i, kind, filepath.Base(s.File), s.Roll, s.Interpreter, s.Arg, len(s.Body), hex.EncodeToString(sum[:8]))
	}
	return b.String()
}

// data leaves out the first line, which is a comment.
func data(text string) string {
	_, rest, _ := strings.Cut(text, "\n")
	return rest
}

func same(t *testing.T, what, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	wrong := 0
	for i := range max(len(w), len(g)) {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			if wrong++; wrong <= 5 {
				t.Errorf("%s, line %d: want %q, got %q", what, i+1, a, b)
			}
		}
	}
	t.Errorf("%s: %d lines differ", what, wrong)
}

func TestRealCases(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(needs.Rocks(t, "real", "cases"), "*"))
	trees := map[string]*rocks.Tree{}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			facts := map[string]string{}
			sc := bufio.NewScanner(strings.NewReader(read(t, filepath.Join(dir, "CASE"))))
			for sc.Scan() {
				k, v, _ := strings.Cut(sc.Text(), ": ")
				facts[k] = v
			}
			if trees[facts["distro"]] == nil {
				trees[facts["distro"]] = tree(t, needs.Rocks(t, "real", "distro", facts["distro"]))
			}
			p, err := trees[facts["distro"]].Walk(facts["root-node"], attributes(t, filepath.Join(dir, "attrs")), rocks.Options{Compat: true})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "order", read(t, filepath.Join(dir, "order.txt")), orderText(p.Order))
			same(t, "packages", data(read(t, filepath.Join(dir, "packages.tsv"))), elementsText(p))
			same(t, "sorted packages", read(t, filepath.Join(dir, "packages-sorted.txt")), packagesText(p))
			same(t, "main", read(t, filepath.Join(dir, "main.txt")), mainText(p))
			same(t, "posts", data(read(t, filepath.Join(dir, "posts.tsv"))), postsText(p))
			constraints(t, filepath.Join(dir, "constraints.tsv"), names(p.Order))
		})
	}
}

// constraints checks the order against those that Rocks' files state.
func constraints(t *testing.T, path string, order []string) {
	t.Helper()
	for line := range strings.SplitSeq(strings.TrimSpace(data(read(t, path))), "\n") {
		before, after, ok := strings.Cut(line, "\t")
		a, b := slices.Index(order, before), slices.Index(order, after)
		if ok && (a < 0 || b < 0 || a > b) {
			t.Errorf("%s is not before %s", before, after)
		}
	}
}

func TestSyntheticCases(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(needs.Rocks(t, "synthetic"), "*"))
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) { synthetic(t, dir) })
	}
}

func synthetic(t *testing.T, dir string) {
	root := ""
	for line := range strings.SplitSeq(read(t, filepath.Join(dir, "NOTE")), "\n") {
		if v, ok := strings.CutPrefix(line, "root-node: "); ok {
			root = v
		}
	}
	var want struct {
		Order []string
		Error string
		RC    int
	}
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "result.json"))), &want); err != nil {
		t.Fatal(err)
	}
	p, err := tree(t, filepath.Join(dir, "in")).Walk(root, attributes(t, filepath.Join(dir, "attrs")), rocks.Options{Compat: true})
	if (err != nil) != (want.RC != 0) {
		t.Fatalf("want %q, got %v", want.Error, err)
	}
	if want.Order != nil && !slices.Equal(want.Order, names(p.Order)) {
		t.Errorf("order: want %v, got %v", want.Order, names(p.Order))
	}
	if err != nil {
		refused(t, want.Error, err)
		return
	}
	same(t, "order", read(t, filepath.Join(dir, "out", "order.txt")), orderText(p.Order))
	same(t, "packages", data(read(t, filepath.Join(dir, "out", "packages.tsv"))), elementsText(p))
	same(t, "sorted packages", read(t, filepath.Join(dir, "out", "packages-sorted.txt")), packagesText(p))
}

// refused compares with what Rocks printed and the exception that it raised.
func refused(t *testing.T, want string, err error) {
	t.Helper()
	for part := range strings.SplitSeq(want, " | ") {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("want %q, got %q", part, err)
		}
	}
}
