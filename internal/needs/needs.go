// Package needs says what a test needs of the machine that it runs on. Without
// it the test is skipped and says why; with QUARRY_TEST_NO_SKIP=1 it fails.
// Only tests import it.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Root is for a test that only root can run.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root")
	}
}

// Program returns where a program is, in the PATH or where root has it.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if found, err := exec.LookPath(candidate); err == nil {
			return found
		}
	}
	Missing(t, "needs the program %s", name)
	return ""
}

// Rocks returns a folder or file of the data about Rocks, which is in the folder
// shared beside the project, or in the one that QUARRY_SHARED names.
func Rocks(t testing.TB, parts ...string) string {
	t.Helper()
	shared := os.Getenv("QUARRY_SHARED")
	if shared == "" {
		shared = filepath.Join(project(t), "..", "shared")
	}
	path := filepath.Join(append([]string{shared, "rocks"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		Missing(t, "needs the data about Rocks in ../shared/rocks beside the project, or rocks/ in QUARRY_SHARED: %v", err)
	}
	return path
}

// project is the folder of go.mod, above that of the test.
func project(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err = os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if os.IsNotExist(err) && dir != filepath.Dir(dir) {
			err = nil
		}
	}
	t.Fatal(err)
	return ""
}

// Missing skips a test that lacks what the text names, or fails it where nothing
// may be skipped.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	why := fmt.Sprintf(format, args...)
	if os.Getenv("QUARRY_TEST_NO_SKIP") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}
