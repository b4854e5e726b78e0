package image

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"quarry/internal/render"
)

const (
	block      = 4096     // bytes, of the filesystem
	slack      = 24 << 20 // bytes: room for a first boot before the disk is grown
	journalMiB = 8
)

// imageTime is the time of every file that is newer than it: an image shows
// what is in it, not when it was made.
const imageTime = 1735689600 // seconds, 2025-01-01

// finish writes the files of the image and puts it into the store.
func (b *Builder) finish(ctx context.Context, lock render.Lock, address string, from base, t tree, progress Progress) error {
	staged, err := b.cfg.Store.stage()
	if err != nil {
		return err
	}
	defer os.RemoveAll(staged)
	disk := filepath.Join(staged, DiskFile)
	if err := makeDisk(ctx, t.root, disk, address); err != nil {
		return err
	}
	progress("disk", 50)
	m := Manifest{
		Address: address, CreatedAt: b.now().UTC(), KernelArguments: kernelArguments, KernelVersion: from.kernelVersion,
		Suite: lock.Recipe.Suite, Architecture: lock.Recipe.Architecture,
		Packages: len(lock.Packages) - len(part(lock, render.PartBoot)),
	}
	packed, err := pack(DiskFile, disk, filepath.Join(staged, DiskFile+packedSuffix))
	if err != nil {
		return fmt.Errorf("pack the disk: %w", err)
	}
	m.Files = append(m.Files, packed)
	for _, name := range []string{KernelFile, InitrdFile} {
		if err := copyFile(filepath.Join(from.dir, name), filepath.Join(staged, name)); err != nil {
			return err
		}
		size, sum, err := digestFile(filepath.Join(staged, name))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, File{Name: name, Size: size, SHA256: sum})
	}
	progress("store", 90)
	return b.cfg.Store.commit(staged, m)
}

// makeDisk writes a tree as a filesystem. Its identifiers come from the
// address: they are the same whenever and wherever it is made.
func makeDisk(ctx context.Context, root, disk, address string) error {
	size, err := measure(root)
	if err != nil {
		return fmt.Errorf("measure the tree: %w", err)
	}
	sum := sha256.Sum256([]byte(address))
	id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	cmd := command(ctx, []string{
		fmt.Sprintf("E2FSPROGS_FAKE_TIME=%d", imageTime),
		fmt.Sprintf("SOURCE_DATE_EPOCH=%d", imageTime),
	}, "mkfs.ext4", "-q", "-F", "-b", fmt.Sprint(block), "-i", "16384", "-I", "256", "-m", "0", "-L", "quarry",
		"-J", fmt.Sprintf("size=%d", journalMiB), "-U", id,
		"-E", "hash_seed="+id+",lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0",
		"-d", root, disk, fmt.Sprintf("%dk", size>>10))
	_, err = run(cmd)
	return err
}

// measure returns how large a filesystem the tree needs, in bytes, and sets
// newer times back to imageTime on the way.
func measure(root string) (int64, error) {
	var content, inodes int64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inodes++
		switch {
		case d.IsDir():
			content += max(info.Size(), block)
		case info.Mode().IsRegular():
			content += (info.Size() + block - 1) / block * block
		}
		if info.ModTime().Unix() > imageTime {
			return unix.Lutimes(path, []unix.Timeval{{Sec: imageTime}, {Sec: imageTime}})
		}
		return nil
	})
	// A sixteenth covers the filesystem's own tables.
	size := content + content/16 + inodes*256 + journalMiB<<20 + slack
	size = max(size, inodes*16384) // -i 16384 gives one inode to so many bytes
	return (size + 1<<20 - 1) >> 20 << 20, err
}
