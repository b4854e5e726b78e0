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
	inodeRatio = 16384 // bytes for each inode
)

// finish writes the files of the image and puts it into the store.
func (b *Builder) finish(ctx context.Context, lock render.Lock, address string, from base, t tree, progress Progress) error {
	staged, err := b.cfg.Store.stage()
	if err != nil {
		return err
	}
	defer os.RemoveAll(staged)
	disk := filepath.Join(staged, DiskFile)
	if err := makeDisk(ctx, from, t.root, disk, address, lock.Epoch, 0); err != nil {
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

// mkfsOptions are those of every image's filesystem: what older kernels and
// programs cannot read is left out.
func mkfsOptions() []string {
	return []string{
		"-q", "-F", "-b", fmt.Sprint(block), "-i", fmt.Sprint(inodeRatio), "-I", "256", "-m", "0", "-L", "quarry",
		"-J", fmt.Sprintf("size=%d", journalMiB), "-O", "^metadata_csum_seed,^orphan_file",
	}
}

// mkfsScript runs a program of the root $1 on the tree $2, read-only, and the
// folder $3.
const mkfsScript = `set -eu
root=$1 tree=$2 out=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o nosuid,nodev,mode=0755 mnt "$root/mnt"
mkdir "$root/mnt/tree" "$root/mnt/out"
mount --bind "$tree" "$root/mnt/tree"
mount -o remount,bind,ro "$root/mnt/tree"
mount --bind "$out" "$root/mnt/out"
exec chroot "$root" "$@"`

// makeDisk writes a tree as a filesystem. Its identifiers come from the
// address, and the program that makes it comes from the lock, as all that
// makes an image: it is the same whenever and wherever it is made. It has room
// for so many bytes more than the tree needs.
func makeDisk(ctx context.Context, from base, root, disk, address string, epoch, room int64) error {
	if err := settle(root, epoch); err != nil {
		return fmt.Errorf("settle the times of the tree: %w", err)
	}
	size, err := measure(root)
	if err != nil {
		return fmt.Errorf("measure the tree: %w", err)
	}
	sum := sha256.Sum256([]byte(address))
	id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	args := []string{
		"--mount", "--propagation", "private", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL",
		"sh", "-c", mkfsScript, "mkfs", from.root(), root, filepath.Dir(disk), "mkfs.ext4",
	}
	args = append(args, mkfsOptions()...)
	args = append(args, "-U", id, "-E", "hash_seed="+id+",lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0",
		"-d", "/mnt/tree", "/mnt/out/"+filepath.Base(disk), fmt.Sprintf("%dk", (size+room)>>10))
	_, err = run(command(ctx, sameTime(epoch), "unshare", args...))
	return err
}

// sameTime makes programs that can be told so write the lock's time for now,
// and lets no order depend on chance.
func sameTime(epoch int64) []string {
	return []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", epoch), "PYTHONHASHSEED=0", "PERL_HASH_SEED=0"}
}

// settle takes the moment of making out of a tree: what is newer than epoch
// gets that time, and nothing has been read since it was written.
func settle(root string, epoch int64) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at := unix.Timeval{Sec: min(info.ModTime().Unix(), epoch)}
		return unix.Lutimes(path, []unix.Timeval{at, at})
	})
}

// measure returns how large a filesystem the tree needs, in bytes. It looks at
// nothing that depends on the filesystem that the tree is on.
func measure(root string) (int64, error) {
	var content, inodes int64
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inodes++
		switch {
		case d.IsDir():
			entries, err := os.ReadDir(path)
			if err != nil {
				return err
			}
			bytes := int64(block)
			for _, e := range entries {
				bytes += int64(len(e.Name())) + 12 // at most, in a directory of ext4
			}
			content += roundUp(bytes, block)
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			content += roundUp(info.Size(), block)
		}
		return nil
	})
	// A sixteenth covers the filesystem's own tables.
	size := content + content/16 + inodes*256 + journalMiB<<20 + slack
	size = max(size, inodes*inodeRatio)
	return roundUp(size, 1<<20), err
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }
