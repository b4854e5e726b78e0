package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Names of the files of every image.
const (
	DiskFile   = "disk.raw" // one ext4 filesystem, no partition table; sparse
	KernelFile = "kernel"
	InitrdFile = "initrd"

	manifestFile = "manifest.json"
	maxManifest  = 1 << 20 // bytes
)

// Manifest says what an image consists of. It is written last, so an image
// that has one is complete.
type Manifest struct {
	Address   string    `json:"address"` // render.Lock.Address
	CreatedAt time.Time `json:"createdAt"`
	Files     []File    `json:"files"`
	Packages  int       `json:"packages"` // how many are installed
	// KernelArguments boot the image directly, the disk being /dev/vda.
	KernelArguments string `json:"kernelArguments"`
	// KernelVersion is the release of the kernel ("6.12.1-cloud-amd64").
	KernelVersion string `json:"kernelVersion"`
	// Suite and Architecture are those of the recipe.
	Suite        string `json:"suite"`
	Architecture string `json:"architecture"`
}

// File is one file of an image.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
	// Packed is the compressed copy that is shipped instead, if there is one.
	Packed *Packed `json:"packed,omitempty"`
}

// Packed is a zstd stream of a file.
type Packed struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// File returns the entry of a name.
func (m Manifest) File(name string) (File, bool) {
	for _, f := range m.Files {
		if f.Name == name {
			return f, true
		}
	}
	return File{}, false
}

var (
	hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)
	plainName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
)

// ParseManifest reads a manifest and refuses one that could lead outside of
// its image's folder or that lacks a file needed to boot.
func ParseManifest(raw []byte) (Manifest, error) {
	var m Manifest
	if len(raw) > maxManifest {
		return m, fmt.Errorf("manifest: %d bytes, at most %d are read", len(raw), maxManifest)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	if !hexDigest.MatchString(m.Address) {
		return m, fmt.Errorf("manifest: address %q is no SHA-256 in hex", m.Address)
	}
	seen := map[string]bool{manifestFile: true}
	for _, f := range m.Files {
		if err := checkFile(seen, f.Name, f.Size, f.SHA256); err != nil {
			return m, err
		}
		if f.Packed == nil {
			continue
		}
		if err := checkFile(seen, f.Packed.Name, f.Packed.Size, f.Packed.SHA256); err != nil {
			return m, err
		}
	}
	for _, name := range []string{DiskFile, KernelFile, InitrdFile} {
		if _, ok := m.File(name); !ok {
			return m, fmt.Errorf("manifest: file %q is missing", name)
		}
	}
	return m, nil
}

func checkFile(seen map[string]bool, name string, size int64, digest string) error {
	if !plainName.MatchString(name) || path.Base(name) != name {
		return fmt.Errorf("manifest: file name %q: want small letters, digits, '.', '_', '-'", name)
	}
	if seen[name] {
		return fmt.Errorf("manifest: file %q is there twice", name)
	}
	seen[name] = true
	if size < 0 {
		return fmt.Errorf("manifest: file %q: size %d is negative", name, size)
	}
	if !hexDigest.MatchString(digest) {
		return fmt.Errorf("manifest: file %q: %q is no SHA-256 in hex", name, digest)
	}
	return nil
}

// Digest is the one digest of all that the image boots from: the SHA-256, in
// hex, of what "sha256sum" prints for its files in the order of their names.
// Where and when it was made is no part of it.
func (m Manifest) Digest() string {
	lines := make([]string, len(m.Files))
	for i, f := range m.Files {
		lines[i] = f.SHA256 + "  " + f.Name + "\n"
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	sum := sha256.Sum256([]byte(strings.Join(lines, "")))
	return hex.EncodeToString(sum[:])
}
