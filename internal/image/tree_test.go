package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quarry/internal/fault"
	"quarry/internal/render"
	"quarry/internal/roll"
)

// plainTree is the least that counts as a root tree.
func plainTree(t *testing.T) (string, *os.Root) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\n", "etc/group": "root:x:0:\nadm:x:4:\n", "etc/shadow": "root:*:1::::::\nadmin:!:1::::::\n",
	} {
		write(t, filepath.Join(dir, name), content)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return dir, root
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCheckSecretsFindsThemAll(t *testing.T) {
	dir, root := plainTree(t)
	if err := checkSecrets(root); err != nil {
		t.Fatalf("a clean tree: %v", err)
	}
	write(t, filepath.Join(dir, "etc/app/tls.key"), "# a comment\n-----BEGIN EC PRIVATE KEY-----\n")
	write(t, filepath.Join(dir, "etc/ssh/ssh_host_rsa_key"), "x")
	write(t, filepath.Join(dir, "home/admin/.ssh/authorized_keys"), "ssh-ed25519 AAAA")
	write(t, filepath.Join(dir, "etc/shadow"), "root:*:1\nalice:$y$j9T$x:1\nbob::1\ncarol:!$6$x:1\n")
	err := checkSecrets(root)
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"/etc/app/tls.key", "/etc/ssh/ssh_host_rsa_key", "/home/admin/.ssh/authorized_keys", `"alice"`, `"bob"`, `"carol"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
}

func TestPutFilesRefusesWhatLeadsOut(t *testing.T) {
	dir, root := plainTree(t)
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "etc/link")); err != nil {
		t.Fatal(err)
	}
	files := []roll.File{
		{Path: "etc/x", Mode: "0644"},
		{Path: "/etc/../../x", Mode: "0644"},
		{Path: "/", Mode: "0644"},
		{Path: "/etc/x", Mode: "888"},
		{Path: "/etc/x", Mode: "0644", Owner: "nobody-here:root"},
		{Path: "/etc/link/x", Mode: "0644"},
	}
	for i := range files {
		files[i].From = roll.Source{Roll: "r", File: "nodes/n.yaml", Line: i + 1}
	}
	err := putFiles(root, files)
	for _, want := range []string{":1:", ":2:", ":3:", ":4:", ":5:", ":6:", `user "nobody-here"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("files landed outside of the tree: %v", left)
	}
}

func TestFileModes(t *testing.T) {
	for in, want := range map[uint32]os.FileMode{
		0o644: 0o644, 0o4755: os.ModeSetuid | 0o755, 0o2755: os.ModeSetgid | 0o755, 0o1777: os.ModeSticky | 0o777,
	} {
		if got := fileMode(in); got != want {
			t.Errorf("%o: %v, want %v", in, got, want)
		}
	}
}

func TestMeasureLeavesRoom(t *testing.T) {
	dir, _ := plainTree(t)
	write(t, filepath.Join(dir, "big"), strings.Repeat("x", 5<<20))
	if err := settle(dir, render.Epoch); err != nil {
		t.Fatal(err)
	}
	size, err := measure(dir)
	if err != nil || size < 5<<20+slack || size%(1<<20) != 0 {
		t.Errorf("size %d, %v", size, err)
	}
	info, err := os.Stat(filepath.Join(dir, "big"))
	if err != nil || info.ModTime().Unix() != render.Epoch {
		t.Errorf("the file's time is %v, %v", info.ModTime(), err)
	}
}
