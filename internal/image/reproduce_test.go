package image

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCompareTrees(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	at := time.Unix(1, 0)
	for dir, files := range map[string]map[string]string{
		a: {"same": "x", "gone": "x", "other": "x", "late": "x"},
		b: {"same": "x", "new": "x", "other": "y", "late": "x"},
	} {
		for name, content := range files {
			write(t, filepath.Join(dir, name), content)
			if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(filepath.Base(dir), filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(b, "late"), at, time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	var trees [2]map[string]string
	for i, dir := range []string{a, b} {
		trees[i] = map[string]string{}
		for _, name := range []string{"same", "gone", "new", "other", "late", "link"} {
			if line, err := describe(filepath.Join(dir, name)); err == nil {
				trees[i]["/"+name] = line
			}
		}
	}
	var paths []string
	for _, line := range compareTrees(trees[0], trees[1]) {
		path, sides, _ := strings.Cut(line, "\n")
		paths = append(paths, path)
		if strings.Count(sides, "\n") != 1 {
			t.Errorf("%q does not show both sides", line)
		}
	}
	if want := []string{"/gone", "/late", "/link", "/new", "/other"}; !slices.Equal(paths, want) {
		t.Errorf("differing %v, want %v", paths, want)
	}
	if same := compareTrees(trees[0], trees[0]); same != nil {
		t.Errorf("a tree differs from itself: %v", same)
	}
}
