package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl ana@home"

func TestParseKeys(t *testing.T) {
	keys, err := parseKeys([]byte("# mine\n\n" + testKey + "\r\n" + testKey))
	if err != nil || len(keys) != 2 || keys[0] != testKey {
		t.Errorf("%q, %v", keys, err)
	}
	for _, c := range []struct{ in, want string }{
		{"", "holds no"},
		{"# nothing\n", "holds no"},
		{testKey + "\nnonsense\n", "line 2"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", "private key"},
		{strings.Repeat("x", maxKeyFile+1), "larger"},
	} {
		if _, err := parseKeys([]byte(c.in)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.20q: %v, want %s", c.in, err, c.want)
		}
	}
}

func TestSSHKeysComeFrom(t *testing.T) {
	home := t.TempDir()
	a := app{env: []string{"HOME=" + home}}
	if _, err := a.sshKeys(nil, Context{}); exitCode(err) != exitUsage {
		t.Errorf("no key at all: %v", err)
	}
	if _, err := a.sshKeys([]string{filepath.Join(home, "none")}, Context{}); exitCode(err) != exitUsage {
		t.Errorf("a file that is not there: %v", err)
	}
	write(t, filepath.Join(home, ".ssh", "id_ed25519.pub"), testKey+" own")
	write(t, filepath.Join(home, "lab.pub"), testKey+" lab")
	write(t, filepath.Join(home, "flag"), testKey+" flag")
	for _, c := range []struct {
		files   []string
		context Context
		want    string
	}{
		{nil, Context{}, "own"},
		{nil, Context{SSHKey: filepath.Join(home, "lab")}, "lab"},
		{[]string{filepath.Join(home, "flag")}, Context{SSHKey: filepath.Join(home, "lab")}, "flag"},
	} {
		keys, err := a.sshKeys(c.files, c.context)
		if err != nil || len(keys) != 1 || !strings.HasSuffix(keys[0], c.want) {
			t.Errorf("%v %v: %q, %v", c.files, c.context, keys, err)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(testKey))
	f.Add([]byte("# nothing\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, err := parseKeys(raw)
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%q: %q, %v", raw, keys, err)
		}
		for _, key := range keys {
			if strings.ContainsAny(key, "\n\r") {
				t.Errorf("a key of two lines: %q", key)
			}
		}
	})
}
