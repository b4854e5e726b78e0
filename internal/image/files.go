package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

func writeManifest(dir string, m Manifest) error {
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, usedFile), nil, 0o600); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, manifestFile), append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return nil
}

// digestFile returns the size and the SHA-256 of a file.
func digestFile(path string) (int64, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return 0, "", err
	}
	return n, hex.EncodeToString(h.Sum(nil)), nil
}

// digested is the SHA-256 of a file that is asked for often. It is read again
// when the file looks different. The zero value is ready to use.
type digested struct {
	mu   sync.Mutex
	info os.FileInfo
	sum  string
}

func (d *digested) of(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.info != nil && os.SameFile(d.info, info) && d.info.Size() == info.Size() && d.info.ModTime().Equal(info.ModTime()) {
		return d.sum, nil
	}
	_, sum, err := digestFile(path)
	if err != nil {
		return "", err
	}
	d.info, d.sum = info, sum
	return sum, nil
}

// verifyFile returns an error naming the file unless it has that size and digest.
func verifyFile(path string, size int64, digest string) error {
	n, sum, err := digestFile(path)
	if err != nil {
		return err
	}
	if n != size || sum != digest {
		return &DigestError{File: filepath.Base(path), Size: n, SHA256: sum, WantSize: size, WantSHA256: digest}
	}
	return nil
}

// DigestError says that a file is not what its manifest says.
type DigestError struct {
	File               string
	Size, WantSize     int64
	SHA256, WantSHA256 string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("file %q is %d bytes with SHA-256 %s, but %d bytes with %s were expected",
		e.File, e.Size, e.SHA256, e.WantSize, e.WantSHA256)
}

// syncTree puts a flat folder and its files on the disk.
func syncTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncPath(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return syncPath(dir)
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
