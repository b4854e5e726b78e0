//go:build lab

package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"quarry/internal/render"
	"quarry/internal/roll"
	"quarry/rolls"
)

// TestLabReproducible builds one lock twice, each time with a cache, a base
// root and a work folder of its own, and wants the same image to the bit.
func TestLabReproducible(t *testing.T) {
	var lock render.Lock
	var images [2]Manifest
	var stores [2]*Store
	for i := range images {
		dir := t.TempDir()
		b := labBuilderIn(t, dir, filepath.Join(dir, "cache"))
		if i == 0 {
			r := gatewayRecipe(t)
			r.Packages = append(r.Packages, strings.Fields(os.Getenv("QUARRY_TEST_PACKAGES"))...)
			var err error
			if lock, err = b.Lock(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		m, err := b.Build(t.Context(), lock, nil)
		if err != nil {
			t.Fatal(err)
		}
		images[i], stores[i] = m, b.cfg.Store
		t.Logf("build %d of %d packages in %s: digest %s", i+1, len(lock.Packages), time.Since(start).Round(time.Second), m.Digest())
		time.Sleep(1100 * time.Millisecond) // a second later: times in whole seconds would show
	}
	if images[0].Digest() == images[1].Digest() {
		return
	}
	for i, f := range images[0].Files {
		t.Logf("%s: %s and %s", f.Name, f.SHA256, images[1].Files[i].SHA256)
	}
	differing := compareTrees(t, listing(t, dump(t, stores[0], images[0])), listing(t, dump(t, stores[1], images[1])))
	t.Errorf("one lock made two images; these files differ:\n%s", strings.Join(differing, "\n"))
}

// gatewayRecipe is of the largest machine that the shipped rolls make.
func gatewayRecipe(t *testing.T) render.Recipe {
	t.Helper()
	catalog, err := roll.LoadAll(rolls.FS())
	if err != nil {
		t.Fatal(err)
	}
	selection, err := catalog.Select([]string{"condor", "web"})
	if err != nil {
		t.Fatal(err)
	}
	params, err := selection.Check(nil)
	if err != nil {
		t.Fatal(err)
	}
	attrs := roll.Attributes{
		"os": "debian", "release": "trixie", "architecture": "amd64",
		"nodes": map[string]int{"gateway": 1, "compute": 2, "web": 2},
	}
	for name, value := range params {
		attrs[name] = value
	}
	profile, err := selection.Walk("gateway", attrs)
	if err != nil {
		t.Fatal(err)
	}
	return render.FromProfile(profile, "trixie", "amd64")
}

// dump takes the filesystem of an image apart.
func dump(t *testing.T, s *Store, m Manifest) string {
	t.Helper()
	disk, err := s.Path(m.Address, DiskFile)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "tree")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("debugfs", "-R", "rdump / "+dir, disk).CombinedOutput(); err != nil {
		t.Fatalf("debugfs: %v: %s", err, out)
	}
	return dir
}

// listing describes every file of a tree in one line.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		files["/"+strings.TrimPrefix(strings.TrimPrefix(path, dir), "/")], err = describe(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func describe(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", err
	}
	line := fmt.Sprintf("mode %o owner %d:%d mtime %d", st.Mode, st.Uid, st.Gid, st.Mtim.Sec)
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFLNK:
		target, err := os.Readlink(path)
		return fmt.Sprintf("link to %s owner %d:%d", target, st.Uid, st.Gid), err // debugfs gives links no time
	case syscall.S_IFREG:
		raw, err := os.ReadFile(path)
		sum := sha256.Sum256(raw)
		return fmt.Sprintf("%s size %d sha256 %s", line, st.Size, hex.EncodeToString(sum[:])), err
	}
	return line, nil
}

// compareTrees returns a line for every path that is not the same in both.
func compareTrees(t *testing.T, a, b map[string]string) []string {
	t.Helper()
	all := maps.Clone(a)
	maps.Copy(all, b)
	var lines []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if a[path] != b[path] {
			lines = append(lines, fmt.Sprintf("%s\n  - %s\n  + %s", path, a[path], b[path]))
		}
	}
	if lines == nil {
		lines = []string{"none: the same files are laid out otherwise"}
	}
	return lines
}

func TestCompareTrees(t *testing.T) {
	a := map[string]string{"/same": "x", "/gone": "x", "/other": "x"}
	b := map[string]string{"/same": "x", "/new": "x", "/other": "y"}
	got := compareTrees(t, a, b)
	if len(got) != 3 || !strings.HasPrefix(got[0], "/gone") || !strings.HasPrefix(got[1], "/new") || !strings.HasPrefix(got[2], "/other") {
		t.Errorf("got %q", got)
	}
}
