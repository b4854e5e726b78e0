package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing/fstest"

	"quarry/internal/roll"
	"quarry/internal/roll/archive"
)

// versionLine is where a roll.yaml says its version.
var versionLine = regexp.MustCompile(`(?m)^version:.*$`)

// read reads the rolls of a trial, the tried one first, and returns the
// archive of each by its reference.
func (t *trial) read(dirs []string) (map[string][]byte, error) {
	packs := map[string][]byte{}
	for i, dir := range dirs {
		full, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("find the roll: %w", err)
		}
		if info, err := os.Stat(full); err != nil || !info.IsDir() {
			return nil, usage("%s is not a folder: name the folder that holds roll.yaml", dir)
		}
		if err := roll.Lint(os.DirFS(filepath.Dir(full)), filepath.Base(full)); err != nil {
			return nil, err
		}
		r, packed, err := forTrial(os.DirFS(full))
		if err != nil {
			return nil, err
		}
		packs[r.Ref()] = packed
		t.pushed = append(t.pushed, r.Ref())
		if i == 0 {
			t.roll = r
		}
	}
	return packs, nil
}

// forTrial packs a roll under a version that no other content ever has: what
// it says with a digest behind it. So a roll can be tried again and again
// while it is written, and its own version stays free.
func forTrial(fsys fs.FS) (*roll.Roll, []byte, error) {
	a, err := archive.FromFolder(fsys)
	if err != nil {
		return nil, nil, err
	}
	r, err := roll.Load(a.FS(), ".")
	if err != nil {
		return nil, nil, err
	}
	files, err := copyFS(a.FS())
	if err != nil {
		return nil, nil, err
	}
	version := fmt.Sprintf("%s+try.%.8s", r.Version, a.Digest())
	doc := files["roll.yaml"]
	doc.Data = versionLine.ReplaceAll(doc.Data, fmt.Appendf(nil, "version: %q", version))
	if a, err = archive.FromFolder(files); err != nil {
		return nil, nil, err
	}
	if r, err = roll.Load(a.FS(), "."); err != nil {
		return nil, nil, err
	}
	if r.Version != version {
		return nil, nil, fmt.Errorf(`roll.yaml: the version cannot be found: write it as a line of its own, version: "1"`)
	}
	packed, err := a.Pack()
	return r, packed, err
}

func copyFS(fsys fs.FS) (fstest.MapFS, error) {
	files := fstest.MapFS{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		files[name] = &fstest.MapFile{Data: data, Mode: info.Mode()}
		return err
	})
	return files, err
}

// push publishes the rolls in the lab.
func (t *trial) push(ctx context.Context, packs map[string][]byte) error {
	config, err := LoadConfig(ConfigPath(t.env))
	if err != nil {
		return err
	}
	where, err := config.find(providerContext)
	if err != nil {
		return err
	}
	if t.provider, err = connect(where); err != nil {
		return err
	}
	for _, ref := range t.pushed {
		if _, err := t.provider.PushRoll(ctx, ref, packs[ref]); err != nil {
			return err
		}
	}
	return nil
}
