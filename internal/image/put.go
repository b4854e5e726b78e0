package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/roll"
)

// putFiles puts the static files of a profile into a tree. It lists every one
// that cannot be put.
func putFiles(root *os.Root, files []roll.File) error {
	users, err := readAccounts(root, "etc/passwd")
	if err != nil {
		return err
	}
	groups, err := readAccounts(root, "etc/group")
	if err != nil {
		return err
	}
	var faults fault.List
	for _, f := range files {
		if err := putRollFile(root, f, users, groups); err != nil {
			faults.Add(fmt.Sprintf("rolls/%s/%s:%d", f.From.Roll, f.From.File, f.From.Line), fmt.Sprintf("file %q: %v", f.Path, err))
		}
	}
	return faults.Err(fault.Invalid, "files of the rolls cannot be put into the image")
}

func putRollFile(root *os.Root, f roll.File, users, groups map[string]int) error {
	if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" {
		return errors.New("want an absolute path without \".\" and \"..\"")
	}
	mode, err := strconv.ParseUint(f.Mode, 8, 32)
	if err != nil || mode > 0o7777 {
		return fmt.Errorf("mode %q: want octal digits like \"0644\"", f.Mode)
	}
	user, group, _ := strings.Cut(f.Owner, ":")
	if group == "" {
		group = user
	}
	uid, err := account(users, user)
	if err != nil {
		return fmt.Errorf("user %q: %w", user, err)
	}
	gid, err := account(groups, group)
	if err != nil {
		return fmt.Errorf("group %q: %w", group, err)
	}
	return putFile(root, strings.TrimPrefix(f.Path, "/"), []byte(f.Content), uint32(mode), uid, gid)
}

// putFile replaces a file. The tree's own links cannot lead out of it.
func putFile(root *os.Root, name string, content []byte, mode uint32, uid, gid int) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := root.WriteFile(name, content, 0o600); err != nil {
		return err
	}
	if err := root.Lchown(name, uid, gid); err != nil {
		return err
	}
	return root.Chmod(name, fileMode(mode))
}

// fileMode turns the digits of chmod(1) into Go's mode.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if mode&bit != 0 {
			m |= flag
		}
	}
	return m
}

// readAccounts reads names and numbers of passwd or group.
func readAccounts(root *os.Root, name string) (map[string]int, error) {
	raw, err := root.ReadFile(name)
	if err != nil {
		return nil, err
	}
	ids := map[string]int{}
	for line := range strings.Lines(string(raw)) {
		fields := strings.Split(line, ":")
		if len(fields) < 3 {
			continue
		}
		if id, err := strconv.Atoi(fields[2]); err == nil {
			ids[fields[0]] = id
		}
	}
	return ids, nil
}

func account(known map[string]int, name string) (int, error) {
	if name == "" {
		return 0, nil // root
	}
	if id, ok := known[name]; ok {
		return id, nil
	}
	id, err := strconv.Atoi(name)
	if err != nil || id < 0 {
		return 0, errors.New("there is none of that name in the image: add the package that makes it")
	}
	return id, nil
}
