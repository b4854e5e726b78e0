package hypervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
)

const mebibyte = 1 << 20

// CreateOverlay makes the qcow2 file overlay of sizeMiB on top of the raw file
// base. An overlay that is there and has that base stays as it is, with all
// that was written to it; one with another base is a fault.Conflict. After a
// crash there is a whole overlay or none.
func CreateOverlay(ctx context.Context, base, overlay string, sizeMiB int) error {
	base, err := filepath.Abs(base)
	if err != nil {
		return fmt.Errorf("create overlay %s: %w", overlay, err)
	}
	if _, err := os.Stat(overlay); err == nil {
		return checkOverlay(ctx, base, overlay)
	}
	image, err := os.Stat(base)
	if err != nil {
		return fmt.Errorf("create overlay %s: %w", overlay, err)
	}
	if int64(sizeMiB)*mebibyte < image.Size() {
		return fault.New(fault.Invalid, "the disk is too small for its image", fault.Detail{
			Field:   "diskMiB",
			Message: fmt.Sprintf("%d MiB asked for, the image has %d MiB: ask for that or more", sizeMiB, (image.Size()+mebibyte-1)/mebibyte),
		})
	}
	temporary := overlay + ".new"
	if _, err := qemuImg(ctx, "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base,
		temporary, fmt.Sprintf("%dM", sizeMiB)); err != nil {
		return fmt.Errorf("create overlay %s: %w", overlay, err)
	}
	if err := publish(temporary, overlay); err != nil {
		return fmt.Errorf("create overlay %s: %w", overlay, err)
	}
	return nil
}

func checkOverlay(ctx context.Context, base, overlay string) error {
	raw, err := qemuImg(ctx, "info", "--force-share", "-f", "qcow2", "--output=json", overlay)
	if err != nil {
		return fmt.Errorf("look at overlay %s: %w", overlay, err)
	}
	var info struct {
		Backing string `json:"backing-filename"`
		Format  string `json:"backing-filename-format"`
	}
	if err := json.Unmarshal(raw, &info); err != nil {
		return fmt.Errorf("look at overlay %s: %w", overlay, err)
	}
	if info.Backing != base || info.Format != "raw" {
		return fault.New(fault.Conflict, "the disk is of another image", fault.Detail{
			Field:   overlay,
			Message: fmt.Sprintf("it lies on %q (%s), wanted is %q: wipe it first", info.Backing, info.Format, base),
		})
	}
	return nil
}

// publish renames a file to its name such that a power cut leaves the whole
// file or none.
func publish(temporary, name string) error {
	for _, step := range []func() error{
		func() error { return flush(temporary) },
		func() error { return os.Rename(temporary, name) },
		func() error { return flush(filepath.Dir(name)) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// WipeDisk gives all blocks of a guest's disk back to the file system and
// removes the file. Absent is fine.
//
// Later guests cannot read what was there: a file system hands out zeroed
// blocks. It is not overwritten: who reads the pnode's bare device may still
// find it, unless the file system is mounted with discard on a device that
// zeroes, or is encrypted.
func WipeDisk(path string) error {
	for _, p := range []string{path, path + ".new"} {
		if err := wipe(p); err != nil {
			return fmt.Errorf("wipe disk %s: %w", p, err)
		}
	}
	return nil
}

func wipe(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() > 0 {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, info.Size())
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			return err
		}
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	return os.Remove(path)
}

func qemuImg(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "qemu-img", args...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("qemu-img %s: %w: %s", args[0], err, bytes.TrimSpace(complaints.Bytes()))
	}
	return out, nil
}
