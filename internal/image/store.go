package image

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"quarry/internal/fault"
)

const (
	stagePrefix = "tmp-"   // an image being made: nothing of it is promised
	fetchPrefix = "fetch-" // an image being fetched: its files may be resumed
	usedFile    = "used"   // its time of change is when the image was last used

	fetchKept = 24 * time.Hour
)

// Store keeps images in a folder, one folder each, named by address.
type Store struct {
	dir   string
	limit int64
	now   func() time.Time
	mu    sync.Mutex // guards removal against use

	fetches flights
}

// Entry is one image of a store.
type Entry struct {
	Manifest
	UsedAt time.Time `json:"usedAt"`
	// Bytes is what the image takes on the disk (holes take nothing).
	Bytes int64 `json:"bytes"`
}

// OpenStore opens the store in dir, making it if needed, and removes what a
// crash left half made. Prune keeps it below limitBytes; 0 means no limit.
func OpenStore(dir string, limitBytes int64) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), stagePrefix) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("image store: %w", err)
		}
	}
	return &Store{dir: dir, limit: limitBytes, now: time.Now}, nil
}

// Has reports whether the image is there, complete.
func (s *Store) Has(address string) bool {
	_, err := s.Manifest(address)
	return err == nil
}

// Manifest returns the manifest of an image; fault.NotFound if it is not there.
func (s *Store) Manifest(address string) (Manifest, error) {
	if !hexDigest.MatchString(address) {
		return Manifest{}, notFound(address)
	}
	raw, err := os.ReadFile(filepath.Join(s.dir, address, manifestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, notFound(address)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("image store: %w", err)
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return Manifest{}, fmt.Errorf("image %s: %w", address, err)
	}
	if m.Address != address {
		return Manifest{}, fmt.Errorf("image %s: its manifest is of %s", address, m.Address)
	}
	return m, nil
}

func notFound(address string) error {
	return fault.New(fault.NotFound, "no such image",
		fault.Detail{Field: "image", Message: fmt.Sprintf("no image %q in this store", address)})
}

// Path returns where a file of an image is and marks the image as used;
// fault.NotFound if there is no such image or file.
func (s *Store) Path(address, file string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.Manifest(address)
	if err != nil {
		return "", err
	}
	at := filepath.Join(s.dir, address, file)
	if !m.has(file) {
		return "", notFound(address + "/" + file)
	}
	if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) {
		return "", notFound(address + "/" + file) // a packed copy is optional
	}
	return at, s.touch(address)
}

func (m Manifest) has(name string) bool {
	return name == manifestFile || slices.ContainsFunc(m.Files, func(f File) bool {
		return f.Name == name || f.Packed != nil && f.Packed.Name == name
	})
}

func (s *Store) touch(address string) error {
	now := s.now()
	if err := os.Chtimes(filepath.Join(s.dir, address, usedFile), now, now); err != nil {
		return fmt.Errorf("image %s: %w", address, err)
	}
	return nil
}

// List returns every complete image, most recently used first.
func (s *Store) List() ([]Entry, error) {
	dirs, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("image store: %w", err)
	}
	var list []Entry
	for _, d := range dirs {
		m, err := s.Manifest(d.Name())
		if err != nil {
			continue // of no use, and so not there
		}
		used, err := os.Stat(filepath.Join(s.dir, d.Name(), usedFile))
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", d.Name(), err)
		}
		list = append(list, Entry{Manifest: m, UsedAt: used.ModTime(), Bytes: allocated(filepath.Join(s.dir, d.Name()))})
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(b.UsedAt.Compare(a.UsedAt), cmp.Compare(a.Address, b.Address))
	})
	return list, nil
}

// Prune removes images, the least recently used first, until the store is
// below its limit. It never removes one that keep wants. It returns the
// addresses that went. Halves that nobody has gone on fetching for a day go too.
func (s *Store) Prune(keep func(address string) bool) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.dropFetches(); err != nil {
		return nil, err
	}
	list, err := s.List()
	if err != nil || s.limit <= 0 {
		return nil, err
	}
	var total int64
	for _, e := range list {
		total += e.Bytes
	}
	var gone []string
	for _, e := range slices.Backward(list) {
		if total <= s.limit {
			break
		}
		if keep(e.Address) {
			continue
		}
		if err := s.remove(e.Address); err != nil {
			return gone, err
		}
		gone = append(gone, e.Address)
		total -= e.Bytes
	}
	return gone, nil
}

// dropFetches removes halves of images that were given up.
func (s *Store) dropFetches() error {
	halves, err := filepath.Glob(filepath.Join(s.dir, fetchPrefix+"*"))
	if err != nil {
		return fmt.Errorf("image store: %w", err)
	}
	for _, half := range halves {
		info, err := os.Stat(half)
		if err != nil || s.now().Sub(info.ModTime()) < fetchKept {
			continue
		}
		if err := os.RemoveAll(half); err != nil {
			return fmt.Errorf("image store: %w", err)
		}
	}
	return nil
}

// remove takes the image out of sight before it takes it apart.
func (s *Store) remove(address string) error {
	doomed := filepath.Join(s.dir, stagePrefix+"gone-"+address)
	if err := os.Rename(filepath.Join(s.dir, address), doomed); err != nil {
		return fmt.Errorf("image %s: %w", address, err)
	}
	if err := os.RemoveAll(doomed); err != nil {
		return fmt.Errorf("image %s: %w", address, err)
	}
	return nil
}

// Verify reads every file of an image again. It returns an error that names
// the first file that is not what the manifest says.
func (s *Store) Verify(address string) error {
	m, err := s.Manifest(address)
	if err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := verifyFile(filepath.Join(s.dir, address, f.Name), f.Size, f.SHA256); err != nil {
			return fmt.Errorf("image %s: %w", address, err)
		}
		if f.Packed == nil {
			continue
		}
		err := verifyFile(filepath.Join(s.dir, address, f.Packed.Name), f.Packed.Size, f.Packed.SHA256)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("image %s: %w", address, err)
		}
	}
	return nil
}

// stage makes an empty folder for an image to be made in.
func (s *Store) stage() (string, error) {
	dir, err := os.MkdirTemp(s.dir, stagePrefix)
	if err != nil {
		return "", fmt.Errorf("image store: %w", err)
	}
	return dir, nil
}

// commit makes a staged image visible, complete and durable.
func (s *Store) commit(staged string, m Manifest) error {
	if err := writeManifest(staged, m); err != nil {
		return err
	}
	if err := syncTree(staged); err != nil {
		return fmt.Errorf("image %s: %w", m.Address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Has(m.Address) { // somebody was faster: theirs is as good
		return os.RemoveAll(staged)
	}
	at := filepath.Join(s.dir, m.Address)
	if err := os.RemoveAll(at); err != nil { // of no use: it has no good manifest
		return fmt.Errorf("image %s: %w", m.Address, err)
	}
	if err := os.Rename(staged, at); err != nil {
		return fmt.Errorf("image %s: %w", m.Address, err)
	}
	return syncPath(s.dir)
}

// allocated is what the files of a folder take on the disk, in bytes.
func allocated(dir string) int64 {
	var total int64
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				total += st.Blocks * 512
			}
		}
	}
	return total
}
