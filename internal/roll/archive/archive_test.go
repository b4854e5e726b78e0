package archive_test

import (
	"archive/tar"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/internal/roll/archive"
	"quarry/internal/roll/archive/archivetest"
	"quarry/rolls"
)

func TestEveryHostileArchiveIsRefused(t *testing.T) {
	for _, h := range archivetest.All() {
		t.Run(h.Name, func(t *testing.T) {
			began := time.Now()
			_, err := archive.Open(h.Packed)
			if took := time.Since(began); took > time.Minute {
				t.Errorf("it took %s", took)
			}
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("got %v", err)
			}
			for _, want := range h.Want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var links []archivetest.Entry
	for i := range 500 {
		links = append(links, archivetest.Special(tar.TypeSymlink, fmt.Sprintf("l%d", i), "x"))
	}
	_, err := archive.Open(archivetest.Tar(links...))
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Details) != 101 || e.Details[100].Message != "and 400 problems more" {
		t.Errorf("got %v", err)
	}
}

func TestGoodArchives(t *testing.T) {
	text := archivetest.Text("fine", "1")
	plain := archivetest.Tar(archivetest.File("roll.yaml", text), archivetest.File("nodes/a.yaml", "x"))
	first, err := archive.Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	nested := archivetest.Tar(
		archivetest.Special(tar.TypeDir, "./", ""), archivetest.Special(tar.TypeDir, "./fine/", ""),
		archivetest.File("./fine/nodes/a.yaml", "x"), archivetest.Special(tar.TypeDir, "./fine/nodes/", ""),
		archivetest.File("./fine/roll.yaml", text),
	)
	// What git archive writes first.
	comment := archivetest.Header("pax_global_header", 'g', len("16 comment=1234\n"), "16 comment=1234\n")
	for name, packed := range map[string][]byte{
		"with a comment": append(comment, plain...),
		"gzip":           archivetest.Gzip(plain), "zstd": archivetest.Zstd(plain), "in a folder": nested,
	} {
		a, err := archive.Open(packed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if a.Digest() != first.Digest() {
			t.Errorf("%s has another digest", name)
		}
		if err := fstest.TestFS(a.FS(), "roll.yaml", "nodes/a.yaml"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := archive.Open(archivetest.Tar(archivetest.File("roll.yaml", text), archivetest.File("nodes/a.yaml", "y")))
	if err != nil || other.Digest() == first.Digest() {
		t.Errorf("other content has the same digest (%v)", err)
	}
}

// Every roll that ships comes through packing and opening as it is.
func TestShippedRolls(t *testing.T) {
	entries, err := fs.ReadDir(rolls.FS(), ".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range entries {
		sub, err := fs.Sub(rolls.FS(), e.Name())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fs.Stat(sub, "roll.yaml"); err != nil {
			continue
		}
		seen++
		a, err := archive.FromFolder(sub)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := a.Pack()
		if err != nil {
			t.Fatal(err)
		}
		again, err := archive.Open(packed)
		if err != nil || again.Digest() != a.Digest() {
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		if _, err := roll.Load(again.FS(), "."); err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
	if seen < 4 {
		t.Errorf("only %d rolls were seen", seen)
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	put := func(name, content string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put("roll.yaml", archivetest.Text("fine", "1"))
	put(".git/objects/x", strings.Repeat("x", archive.MaxFile+1))
	a, err := archive.FromFolder(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := fs.Stat(a.FS(), "roll.yaml"); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the mode is lost: %v, %v", info, err)
	}
	put("large", strings.Repeat("x", archive.MaxFile+1))
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	_, err = archive.FromFolder(os.DirFS(dir))
	for _, want := range []string{"large: has more than", "link: is no plain file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

// However files are packed, they come out the same, with the same digest.
func TestPackAndOpen(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,8}`), rapid.ID[string]).Draw(rt, "names")
		fsys := fstest.MapFS{"roll.yaml": {Data: []byte("x")}}
		for _, n := range names {
			fsys["d/"+n] = &fstest.MapFile{Data: rapid.SliceOf(rapid.Byte()).Draw(rt, "content"), Mode: 0o644}
		}
		a, err := archive.FromFolder(fsys)
		if err != nil {
			rt.Fatal(err)
		}
		packed, err := a.Pack()
		if err != nil {
			rt.Fatal(err)
		}
		again, err := archive.Open(packed)
		if err != nil || again.Digest() != a.Digest() {
			rt.Fatalf("%v", err)
		}
		for name, f := range fsys {
			got, err := fs.ReadFile(again.FS(), name)
			if err != nil || string(got) != string(f.Data) {
				rt.Fatalf("%s: %q, %v", name, got, err)
			}
		}
	})
}

func FuzzOpen(f *testing.F) {
	for _, h := range archivetest.All() {
		if len(h.Packed) < 10000 {
			f.Add(h.Packed)
		}
	}
	f.Add(archivetest.Roll("fine", "1"))
	f.Add(archivetest.Zstd(archivetest.Tar(archivetest.File("fine/roll.yaml", archivetest.Text("fine", "1")))))
	f.Fuzz(func(t *testing.T, packed []byte) {
		a, err := archive.Open(packed)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("not for people: %v", err)
			}
			return
		}
		var total int64
		err = fs.WalkDir(a.FS(), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if !fs.ValidPath(name) {
				t.Errorf("name %q", name)
			}
			info, err := d.Info()
			if err != nil || !info.Mode().IsRegular() || info.Mode()&^0o755 != 0 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
			total += info.Size()
			return nil
		})
		if err != nil || total > archive.MaxUnpacked {
			t.Errorf("%d bytes, %v", total, err)
		}
		again, err := a.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if b, err := archive.Open(again); err != nil || b.Digest() != a.Digest() {
			t.Errorf("packed again it is another: %v", err)
		}
	})
}
