package guest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ext4Magic    = 0xEF53
	ext4IOResize = 0x40086610 // EXT4_IOC_RESIZE_FS: _IOW('f', 16, __u64)
)

// GrowRoot is System's. The kernel grows a mounted ext4 by itself when asked:
// what resize2fs does, without the program.
func (Machine) GrowRoot() error { return growExt4("/") }

// growExt4 grows the ext4 mounted at path to its whole disk. Other file
// systems are left alone.
func growExt4(path string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return fmt.Errorf("statfs %s: %w", path, err)
	}
	if fs.Type != ext4Magic {
		return nil
	}
	size, err := deviceSize(path)
	if err != nil {
		return err
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	blocks := uint64(size) / uint64(fs.Bsize)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, dir.Fd(), ext4IOResize, uintptr(unsafe.Pointer(&blocks)))
	if errno != 0 {
		return fmt.Errorf("grow %s to %d blocks: %w", path, blocks, errno)
	}
	return nil
}

// deviceSize returns the bytes of the disk under a path.
func deviceSize(path string) (int64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("stat %s: %w", path, err)
	}
	name := fmt.Sprintf("/sys/dev/block/%d:%d/size", unix.Major(st.Dev), unix.Minor(st.Dev))
	raw, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	sectors, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	return sectors * 512, nil
}
