//go:build lab

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/internal/render"
)

// machine runs commands as a person at a shell does, with folders of its own.
type machine struct {
	t     *testing.T
	dir   string
	cache string
}

func newMachine(t *testing.T) machine {
	t.Helper()
	needs.Root(t)
	self, err := program()
	if err != nil {
		t.Fatal(err)
	}
	guest := filepath.Join(filepath.Dir(self), "quarry-guest")
	write(t, guest, "#!/bin/sh\n")
	t.Cleanup(func() { os.Remove(guest) })
	m := machine{t: t, dir: t.TempDir(), cache: os.Getenv("QUARRY_TEST_CACHE")}
	if m.cache == "" {
		m.cache = filepath.Join(m.dir, "cache")
	}
	return m
}

func (m machine) path(name string) string { return filepath.Join(m.dir, name) }

// quarry runs a command and returns its exit code and what it printed.
func (m machine) quarry(args ...string) (code int, stdout, stderr string) {
	m.t.Helper()
	var out, err bytes.Buffer
	code = Main(context.Background(), args, strings.NewReader(""), &out, &err, []string{"HOME=" + m.dir})
	m.t.Logf("quarry %s: exit %d\n%s%s", strings.Join(args, " "), code, out.String(), err.String())
	return code, out.String(), err.String()
}

// build makes the images of a lock that was changed a little.
func (m machine) build(lock render.LockFile, name string) (code int, stdout, stderr string) {
	m.t.Helper()
	write(m.t, m.path(name), string(lock.Encode()))
	return m.quarry("image", "build", m.path(name), "--cache", m.cache, "--store", m.path("images"), "-o", "json")
}

// TestLabBuildLock takes a lock from rolls, refuses what was made of it by
// changing one hash, and builds it.
func TestLabBuildLock(t *testing.T) {
	m := newMachine(t)
	if code, _, _ := m.quarry("roll", "lock", "--roll", "web", "--appliance", "web", "--cache", m.cache, m.path("web.lock")); code != 0 {
		t.Fatal("the roll cannot be locked")
	}
	raw, err := os.ReadFile(m.path("web.lock"))
	if err != nil {
		t.Fatal(err)
	}
	read := func() render.LockFile {
		lock, err := render.ParseLock("web.lock", raw)
		if err != nil {
			t.Fatal(err)
		}
		return lock
	}
	for name, forge := range map[string]bool{"changed.lock": false, "forged.lock": true} {
		lock := read()
		web := lock.Appliances["web"]
		p := &web.Image.Packages[len(web.Image.Packages)/2]
		was := p.SHA256
		p.SHA256 = strings.Repeat("0", 64)
		if forge { // whoever changes a hash can write an address, too
			web.Address = web.Image.Address()
			lock.Appliances["web"] = web
		}
		code, _, stderr := m.build(lock, name)
		want := "package " + p.Name + " " + p.Version + " " + p.Architecture + ": the lock says sha256 " + p.SHA256 + ", the file has " + was
		if code != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d, want %d and %q", name, code, exitFailed, want)
		}
		if forge == strings.Contains(stderr, "was changed after") {
			t.Errorf("%s: the address is told of wrongly", name)
		}
	}
	var built [2][]builtImage
	for i := range built {
		code, stdout, _ := m.build(read(), "web.lock")
		if code != 0 || json.Unmarshal([]byte(stdout), &built[i]) != nil || len(built[i]) != 1 {
			t.Fatalf("build %d: exit %d, %s", i+1, code, stdout)
		}
	}
	if a, b := built[0][0], built[1][0]; a.Digest != b.Digest || a.Address != read().Appliances["web"].Address || len(a.Files) != 3 {
		t.Errorf("built %+v, then %+v", a, b)
	}
	images, err := os.ReadDir(m.path("images"))
	if err != nil || len(images) != 1 {
		t.Errorf("the store has %v, want one image (%v)", images, err)
	}
}
