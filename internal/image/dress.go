package image

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// dressBase turns freshly installed packages into a machine that boots fast
// and waits for its identity.
func dressBase(ctx context.Context, t tree) error {
	root, err := os.OpenRoot(t.root)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := putTree(root); err != nil {
		return err
	}
	for dir, names := range map[string][]string{
		"etc/systemd/system": maskedUnits(), "etc/systemd/system-generators": maskedGenerators(),
		// Logins are held off by the guest, and never by this file.
		"etc/tmpfiles.d": {"systemd-nologin.conf"},
	} {
		if err := maskAll(root, dir, names); err != nil {
			return err
		}
	}
	for _, dir := range keptFolders() {
		if err := root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// Packages are installed on top of this tree: nothing may start meanwhile.
	if err := root.WriteFile("usr/sbin/policy-rc.d", []byte("#!/bin/sh\nexit 101\n"), 0o755); err != nil {
		return err
	}
	if err := root.Chmod("usr/sbin/policy-rc.d", 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"useradd", "--create-home", "--shell", "/bin/bash", "--user-group", "admin"},
		{"systemctl", "enable", "quarry-guest.service", "ssh.service"},
		{"systemctl", "set-default", "multi-user.target"},
		{"ldconfig"},
	} {
		if err := t.run(ctx, args[0], args[1:]...); err != nil {
			return err
		}
	}
	return removeAll(root, "usr/lib/udev/hwdb.bin", "etc/udev/hwdb.bin", "etc/modules-load.d/modules.conf", "etc/fstab")
}

// keptFolders are those of manual pages: the pages are left out of every
// package, but scripts of packages put links there, and fail where they cannot.
func keptFolders() []string {
	var dirs []string
	for section := 1; section <= 8; section++ {
		dirs = append(dirs, fmt.Sprintf("usr/share/man/man%d", section))
	}
	return dirs
}

// putTree copies the embedded files into the tree, for root to change.
func putTree(root *os.Root) error {
	return fs.WalkDir(baseFiles, "tree", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		to := strings.TrimPrefix(path, "tree/")
		raw, err := baseFiles.ReadFile(path)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(to, "etc/sudoers.d/") {
			mode = 0o440
		}
		if err := root.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(to, raw, mode); err != nil {
			return err
		}
		return root.Chmod(to, mode)
	})
}

func maskAll(root *os.Root, dir string, names []string) error {
	if err := root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		if err := removeAll(root, dir+"/"+name); err != nil {
			return err
		}
		if err := root.Symlink("/dev/null", dir+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

func removeAll(root *os.Root, names ...string) error {
	for _, name := range names {
		if err := root.RemoveAll(name); err != nil {
			return fmt.Errorf("clean: %w", err)
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	return out.Close()
}

// syncFilesystem puts all of the filesystem that holds path on the disk.
func syncFilesystem(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

func hexKey(name string) bool {
	raw, err := hex.DecodeString(name)
	return err == nil && len(raw) == 16
}

// oldest returns the names of all but the newest keep entries.
func oldest(entries []fs.FileInfo, keep int) []string {
	slices.SortFunc(entries, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	var names []string
	for _, e := range entries[min(keep, len(entries)):] {
		names = append(names, e.Name())
	}
	return names
}
