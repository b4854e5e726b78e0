package image

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/fault"
)

func openStore(t testing.TB, limit int64) *Store {
	t.Helper()
	s, err := OpenStore(t.TempDir(), limit)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func addressOf(n int) string {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return hex.EncodeToString(sum[:])
}

// diskContent is a disk with data, a large hole, and data again.
func diskContent(n int) []byte {
	source := rand.New(rand.NewPCG(uint64(n), 1))
	disk := make([]byte, 3<<20+123)
	for i := range 200 << 10 {
		disk[i] = byte(source.Uint32())
		disk[len(disk)-1-i] = byte(source.Uint32())
	}
	return disk
}

// addBareImage puts an image of a few bytes into a store.
func addBareImage(t testing.TB, s *Store, n int) Manifest {
	t.Helper()
	dir, err := s.stage()
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{Address: addressOf(n)}
	for _, name := range []string{DiskFile, KernelFile, InitrdFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(name))
		m.Files = append(m.Files, File{Name: name, Size: int64(len(name)), SHA256: hex.EncodeToString(sum[:])})
	}
	if err := s.commit(dir, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// addImage puts an image with real, packed content into a store.
func addImage(t testing.TB, s *Store, n int) Manifest {
	t.Helper()
	dir, err := s.stage()
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{Address: addressOf(n), KernelArguments: "root=/dev/vda"}
	disk := filepath.Join(dir, DiskFile)
	if err := os.WriteFile(disk, diskContent(n), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := pack(DiskFile, disk, disk+packedSuffix)
	if err != nil {
		t.Fatal(err)
	}
	m.Files = append(m.Files, f)
	for _, name := range []string{KernelFile, InitrdFile} {
		content := bytes.Repeat(fmt.Append(nil, name, n), 5000)
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		m.Files = append(m.Files, File{Name: name, Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])})
	}
	if err := s.commit(dir, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestStoreKeepsCompleteImagesOnly(t *testing.T) {
	s := openStore(t, 0)
	m := addImage(t, s, 1)
	if !s.Has(m.Address) || s.Has(addressOf(2)) || s.Has("../"+m.Address) || s.Has("") {
		t.Fatal("Has is wrong")
	}
	if err := s.Verify(m.Address); err != nil {
		t.Fatal(err)
	}
	// A crash while an image is staged.
	if _, err := s.stage(); err != nil {
		t.Fatal(err)
	}
	// A crash that lost the manifest.
	if err := os.MkdirAll(filepath.Join(s.dir, addressOf(3)), 0o700); err != nil {
		t.Fatal(err)
	}
	again, err := OpenStore(s.dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	list, err := again.List()
	if err != nil || len(list) != 1 || list[0].Address != m.Address {
		t.Fatalf("got %v, %v, want the one complete image", list, err)
	}
	left, _ := filepath.Glob(filepath.Join(s.dir, stagePrefix+"*"))
	if len(left) != 0 {
		t.Fatalf("staged folders stayed: %v", left)
	}
	addImage(t, again, 3) // takes the place of what the crash left
	if err := again.Verify(addressOf(3)); err != nil {
		t.Fatal(err)
	}
	addImage(t, again, 3) // a second one of the same address changes nothing
}

func TestStorePathKnowsTheFilesOfTheManifest(t *testing.T) {
	s := openStore(t, 0)
	m := addImage(t, s, 1)
	for name, want := range map[string]bool{
		DiskFile: true, DiskFile + packedSuffix: true, KernelFile: true, manifestFile: true,
		usedFile: false, "../" + m.Address + "/" + KernelFile: false, "": false, "passwd": false,
	} {
		_, err := s.Path(m.Address, name)
		if (err == nil) != want {
			t.Errorf("Path(%q): %v, want found=%t", name, err, want)
		}
		if err != nil && fault.KindOf(err) != fault.NotFound {
			t.Errorf("Path(%q): kind %q, want not_found", name, fault.KindOf(err))
		}
	}
}

func TestVerifyNamesTheWrongFile(t *testing.T) {
	for _, name := range []string{DiskFile, KernelFile, InitrdFile, DiskFile + packedSuffix} {
		s := openStore(t, 0)
		m := addImage(t, s, 1)
		path := filepath.Join(s.dir, m.Address, name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		raw[len(raw)/2] ^= 1
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		wrong, ok := errors.AsType[*DigestError](s.Verify(m.Address))
		if !ok || wrong.File != name {
			t.Errorf("%s: got %v", name, wrong)
		}
	}
}

// The store never keeps what it could remove, never removes what is wanted,
// and always removes the least recently used first.
func TestPruneRemovesLeastRecentlyUsed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := OpenStore(dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		clock := time.Unix(1_000_000, 0)
		s.now = func() time.Time { clock = clock.Add(time.Second); return clock }
		count := rapid.IntRange(1, 4).Draw(rt, "count")
		var order []string // least recently used first
		for i := range count {
			m := addBareImage(t, s, i)
			order = append(order, m.Address)
			if err := s.touch(m.Address); err != nil {
				t.Fatal(err)
			}
		}
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, count-1), 0, 5).Draw(rt, "uses") {
			if _, err := s.Path(addressOf(i), KernelFile); err != nil {
				t.Fatal(err)
			}
			order = append(slices.DeleteFunc(order, func(a string) bool { return a == addressOf(i) }), addressOf(i))
		}
		list, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		room := rapid.IntRange(0, count).Draw(rt, "room")
		each := list[0].Bytes
		s.limit = int64(room)*each + each/2
		kept := map[string]bool{}
		for _, a := range order {
			kept[a] = rapid.Bool().Draw(rt, "kept")
		}
		var want []string
		left := count
		for _, a := range order {
			if left > room && !kept[a] {
				want = append(want, a)
				left--
			}
		}
		gone, err := s.Prune(func(a string) bool { return kept[a] })
		if err != nil || !slices.Equal(gone, want) {
			rt.Fatalf("pruned %v, %v, want %v", gone, err, want)
		}
		for _, a := range order {
			if s.Has(a) == slices.Contains(want, a) {
				rt.Fatalf("image %s: there is %t", a, s.Has(a))
			}
		}
	})
}

func TestPruneDropsGivenUpFetches(t *testing.T) {
	s := openStore(t, 0)
	now := time.Now()
	s.now = func() time.Time { return now }
	for name, age := range map[string]time.Duration{"old": fetchKept + time.Minute, "live": time.Minute} {
		dir := filepath.Join(s.dir, fetchPrefix+name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Prune(func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, fetchPrefix+"*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != fetchPrefix+"live" {
		t.Fatalf("left %v, %v", left, err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"address":"` + addressOf(1) + `","files":[{"name":"disk.raw","size":1,"sha256":"` + addressOf(2) + `"}]}`))
	f.Add([]byte(`{"files":[{"name":"../../etc/passwd"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := ParseManifest(raw)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if filepath.Base(file.Name) != file.Name || file.Name == manifestFile {
				t.Errorf("accepted the file name %q", file.Name)
			}
		}
	})
}
