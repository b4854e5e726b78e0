package image

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/fault"
	"quarry/internal/needs"
	"quarry/internal/render"
)

// poolBuilder is a builder whose mirror is a folder with these packages.
func poolBuilder(t *testing.T, packages map[string]string) (*Builder, []render.LockedPackage) {
	t.Helper()
	if _, err := os.Stat("/usr/lib/apt/apt-helper"); err != nil {
		needs.Missing(t, "needs apt")
	}
	dir := t.TempDir()
	var locked []render.LockedPackage
	for name, content := range packages {
		sum := sha256.Sum256([]byte(content))
		p := render.LockedPackage{
			Name: name, Version: "1.0+b1", Architecture: "amd64", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:]),
			Filename: "pool/main/" + name + "_1.0_amd64.deb",
		}
		write(t, filepath.Join(dir, "mirror", p.Filename), content)
		locked = append(locked, p)
	}
	b, err := NewBuilder(BuilderConfig{
		Dir: filepath.Join(dir, "work"), CacheDir: filepath.Join(dir, "cache"),
		Mirror: Mirror{Sources: []Source{{URL: "copy:" + filepath.Join(dir, "mirror"), Components: []string{"main"}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, locked
}

func (b *Builder) fetchForTest(t *testing.T, packages []render.LockedPackage) error {
	t.Helper()
	return b.download(t.Context(), render.Recipe{Suite: "trixie", Architecture: "amd64"}, packages, func(string, int) {})
}

func TestPackagesAreVerified(t *testing.T) {
	b, packages := poolBuilder(t, map[string]string{"alpha": "first", "beta": "second", "gamma": "third"})
	if err := b.fetchForTest(t, packages); err != nil {
		t.Fatal(err)
	}
	// A file of the cache that changed is had again, not used.
	at := filepath.Join(b.poolDir(), poolFile(packages[0]))
	write(t, at, strings.Repeat("x", int(packages[0].Size)))
	if err := b.fetchForTest(t, packages); err != nil {
		t.Fatal(err)
	}
	if err := verifyFile(at, packages[0].Size, packages[0].SHA256); err != nil {
		t.Error(err)
	}
}

func TestChangedHashesNameTheirPackages(t *testing.T) {
	b, packages := poolBuilder(t, map[string]string{"alpha": "first", "beta": "second", "gamma": "third"})
	true0 := packages[0].SHA256
	packages[0].SHA256 = strings.Repeat("0", 64)
	packages[1].Size++
	err := b.fetchForTest(t, packages)
	if fault.KindOf(err) != fault.Refused {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{
		"package " + packages[0].Name + " 1.0+b1 amd64: the lock says sha256 " + strings.Repeat("0", 64) + ", the file has " + true0,
		"package " + packages[1].Name + " 1.0+b1 amd64: the lock says",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
	if strings.Contains(err.Error(), packages[2].Name) {
		t.Errorf("the sound package is named: %v", err)
	}
}

func TestPackagesThatAreGoneAreUnavailable(t *testing.T) {
	b, packages := poolBuilder(t, map[string]string{"alpha": "first"})
	packages[0].Filename = "pool/main/gone.deb"
	err := b.fetchForTest(t, packages)
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "alpha 1.0+b1") {
		t.Errorf("got %v", err)
	}
}
