package cli

import (
	"os"
	"path/filepath"
	"strings"

	"quarry/internal/render"
	"quarry/internal/roll"
)

// testLock is a small lock whose package nginx has this version.
func testLock(version string) render.LockFile {
	p := roll.Profile{
		Appliance: "web", Rolls: []string{"web@1"}, Order: []string{"web/server"},
		Files: []roll.File{{Path: "/etc/motd", Mode: "0644", Owner: "root:root", Content: "welcome\n"}},
	}
	return render.NewLockFile(nil, map[string]roll.Profile{"web": p}, map[string]render.Lock{"web": {
		Recipe: render.FromProfile(p, suite, "amd64"), Guest: strings.Repeat("7", 64), Epoch: render.Epoch,
		Packages: []render.LockedPackage{{
			Name: "nginx", Version: version, Architecture: "amd64", Size: 6, SHA256: strings.Repeat("2", 64),
			Suite: "trixie-security", Component: "main", Filename: "pool/updates/main/nginx.deb",
		}},
	}})
}

// writeLocks makes the locks that scripts read.
func writeLocks(dir string) error {
	changed := testLock("1.0-1")
	changed.Appliances["web"].Image.Packages[0].SHA256 = strings.Repeat("3", 64)
	for name, lock := range map[string]render.LockFile{
		"old.lock": testLock("1.0-1"), "new.lock": testLock("1.0-2"), "changed.lock": changed,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), lock.Encode(), 0o600); err != nil {
			return err
		}
	}
	return nil
}
