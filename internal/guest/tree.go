package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Where the guest keeps its own things. Scripts lie in stateDir and not in
// runDir, which may be mounted noexec.
const (
	stateDir = "/var/lib/quarry/guest"
	runDir   = "/run/quarry/guest"
	logDir   = "/var/log/quarry"
	etcDir   = "/etc/quarry"
)

// tree is the machine's file tree below a root folder. Paths are joined rather
// than resolved through os.Root, which refuses the absolute symbolic links
// that every Debian has (/var/run).
type tree struct {
	root string
	sys  System
}

// file is a file as it is wanted.
type file struct {
	path     string
	mode     uint32 // permission bits with setuid, setgid and sticky
	uid, gid int
	content  []byte
}

func (t tree) at(path string) string { return filepath.Join(t.root, path) }

func (t tree) read(path string) ([]byte, error) { return os.ReadFile(t.at(path)) }

func (t tree) exists(path string) bool {
	_, err := os.Lstat(t.at(path))
	return err == nil
}

func (t tree) remove(path string) error {
	if err := os.Remove(t.at(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mkdir makes a folder of a mode, and its parents for everybody to enter.
func (t tree) mkdir(path string, mode fs.FileMode) error {
	if err := os.MkdirAll(t.at(path), 0o755); err != nil {
		return err
	}
	return os.Chmod(t.at(path), mode)
}

// write makes a file what it is wanted to be, at once or not at all. Its
// parents are made when missing. A file that is so already stays untouched.
func (t tree) write(f file) error {
	full := t.at(f.path)
	if t.same(full, f) {
		return t.sys.Chown(full, f.uid, f.gid)
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	// The dot in the name keeps it out of sudoers.d and its like.
	tmp, err := os.CreateTemp(filepath.Dir(full), ".quarry-*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(f.content)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	// Owner first: a change of owner clears setuid.
	if err := t.sys.Chown(tmp.Name(), f.uid, f.gid); err != nil {
		return err
	}
	if err := unix.Chmod(tmp.Name(), f.mode); err != nil {
		return fmt.Errorf("mode of %s: %w", f.path, err)
	}
	return os.Rename(tmp.Name(), full)
}

func (t tree) same(full string, f file) bool {
	var st unix.Stat_t
	if err := unix.Lstat(full, &st); err != nil {
		return false
	}
	if st.Mode != unix.S_IFREG|f.mode || st.Size != int64(len(f.content)) {
		return false
	}
	old, err := os.ReadFile(full)
	return err == nil && bytes.Equal(old, f.content)
}

// symlink makes path a link to target, at once.
func (t tree) symlink(target, path string) error {
	full := t.at(path)
	if old, err := os.Readlink(full); err == nil && old == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return err
	}
	tmp := full + ".quarry.tmp"
	if err := errors.Join(t.remove(path+".quarry.tmp"), os.Symlink(target, tmp)); err != nil {
		return err
	}
	return os.Rename(tmp, full)
}

// account is one line of the machine's passwd file.
type account struct {
	uid, gid int
	home     string
}

func (t tree) account(name string) (account, bool) {
	f, ok := t.entry("/etc/passwd", name, 7)
	if !ok {
		return account{}, false
	}
	uid, err1 := strconv.Atoi(f[2])
	gid, err2 := strconv.Atoi(f[3])
	return account{uid: uid, gid: gid, home: f[5]}, err1 == nil && err2 == nil
}

func (t tree) group(name string) (int, bool) {
	f, ok := t.entry("/etc/group", name, 4)
	if !ok {
		return 0, false
	}
	gid, err := strconv.Atoi(f[2])
	return gid, err == nil
}

// entry returns the fields of name's line in a colon-separated file.
func (t tree) entry(path, name string, fields int) ([]string, bool) {
	raw, err := t.read(path)
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) >= fields && f[0] == name {
			return f, true
		}
	}
	return nil, false
}

// owner reads "user:group"; empty is root, and a missing group the user's own.
func (t tree) owner(owner string) (uid, gid int, err error) {
	user, group, _ := strings.Cut(owner, ":")
	if user != "" && user != "root" {
		a, ok := t.account(user)
		if !ok {
			return 0, 0, fmt.Errorf("owner %q: no user %q on this machine", owner, user)
		}
		uid, gid = a.uid, a.gid
	}
	if group != "" && group != "root" {
		g, ok := t.group(group)
		if !ok {
			return 0, 0, fmt.Errorf("owner %q: no group %q on this machine", owner, group)
		}
		gid = g
	} else if group == "root" {
		gid = 0
	}
	return uid, gid, nil
}
