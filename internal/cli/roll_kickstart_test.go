package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/needs"
)

// An unmodified tree of 17 Rocks rolls: its compute node's kickstart is
// printed, and its graph drawn.
func TestRealRocksRolls(t *testing.T) {
	dir := needs.Rocks(t, "real")
	quarry := func(args ...string) string {
		var out, said bytes.Buffer
		args = append(args, "--rocks", filepath.Join(dir, "distro", "r7-all"), "--compat", "rocks", "--appliance", "compute",
			"--attrs", filepath.Join(dir, "cases", "c02-compute-r7-all", "attrs"))
		if code := Main(context.Background(), args, nil, &out, &said, nil); code != 0 {
			t.Fatalf("exit %d: %s", code, said.String())
		}
		return out.String()
	}
	text := quarry("roll", "kickstart")
	packages, err := os.ReadFile(filepath.Join(dir, "cases", "c02-compute-r7-all", "packages-sorted.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, string(packages)) {
		t.Error("the section of packages is not that of Rocks")
	}
	if n := strings.Count(text, "\n%post"); n != 74 {
		t.Errorf("%d posts, want 74", n)
	}
	page := quarry("roll", "graph", "--path-to", "condor")
	if want := "compute → compute-appliance → client → ["; !strings.Contains(page, want) {
		t.Errorf("the way to condor is not told: want %q", want)
	}
	if n := strings.Count(page, `<g class="n `); n != 98 {
		t.Errorf("%d nodes are drawn, want all 98 that edges lead to", n)
	}
}
