//go:build lab

package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quarry/internal/render"
	"quarry/internal/roll"
	"quarry/rolls"
)

// TestLabReproducible builds one lock twice, each time with a cache of
// packages, a base root and a work folder of its own, and wants the same image
// to the bit. QUARRY_TEST_PACKAGES adds packages to it.
func TestLabReproducible(t *testing.T) {
	var lock render.Lock
	var made [2]Manifest
	var stores [2]*Store
	for i := range made {
		b := coldBuilder(t)
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
		made[i], stores[i] = m, b.cfg.Store
		t.Logf("build %d of %d packages in %s: digest %s", i+1, len(lock.Packages), time.Since(start).Round(time.Second), m.Digest())
	}
	if made[0].Digest() == made[1].Digest() {
		return
	}
	lines, err := differences(t.Context(), stores[0], stores[1], made[0], made[1], t.TempDir())
	t.Errorf("one lock made two images (%v):\n%s", err, strings.Join(lines, "\n"))
}

// TestLabReproduceTells builds what cannot be built twice.
func TestLabReproduceTells(t *testing.T) {
	b := labBuilder(t)
	r := recipe()
	r.Scripts = []roll.Script{{Name: "test/chance", Body: "#!/bin/sh\nhead -c 8 /dev/urandom | od -x >/srv/drawn\n"}}
	lock, err := b.Lock(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := b.Reproduce(t.Context(), lock)
	if err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0], "/srv/drawn\n") {
		t.Errorf("differences %q, %v; want /srv/drawn alone", lines, err)
	}
	if left, err := filepath.Glob(filepath.Join(b.cfg.Dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
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
