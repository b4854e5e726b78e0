package image

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"quarry/internal/fault"
	"quarry/internal/needs"
)

// wild is a tar of headers as they are.
func wild(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		h.Uid, h.Gid, h.Format = os.Getuid(), os.Getgid(), tar.FormatPAX
		content := ""
		if h.Typeflag == tar.TypeReg {
			content, h.Size = "content", int64(len("content"))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpacked makes a tree of a tar beside a file that must stay as it is.
func unpacked(t testing.TB, raw []byte) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "host"), []byte("host"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "out.raw")
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	err = readTree(file, filepath.Join(dir, "made"))
	if got, readErr := os.ReadFile(filepath.Join(dir, "host")); readErr != nil || string(got) != "host" {
		t.Errorf("a file outside was changed: %q, %v", got, readErr)
	}
	entries, readErr := os.ReadDir(dir)
	if readErr != nil || len(entries) != 3 {
		t.Errorf("something was made outside: %v, %v", entries, readErr)
	}
	return dir, err
}

func TestReadTree(t *testing.T) {
	dir, err := unpacked(t, append(wild(t,
		tar.Header{Typeflag: tar.TypeDir, Name: "etc/", Mode: 0o750},
		tar.Header{Typeflag: tar.TypeReg, Name: "etc/app", Mode: 0o4755},
		tar.Header{Typeflag: tar.TypeLink, Name: "etc/second", Linkname: "etc/app"},
		tar.Header{Typeflag: tar.TypeSymlink, Name: "etc/up", Linkname: "../../../../host"},
	), make([]byte, 1<<20)...))
	if err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(dir, "made")
	if info, err := os.Stat(filepath.Join(made, "etc")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("etc: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(made, "etc/second")); err != nil || info.Mode()&os.ModeSetuid == 0 || info.Mode().Perm() != 0o755 {
		t.Errorf("etc/second: %v, %v", info, err)
	}
	if target, err := os.Readlink(filepath.Join(made, "etc/up")); err != nil || target != "../../../../host" {
		t.Errorf("etc/up: %q, %v", target, err)
	}
}

// What makes ping work for everybody survives.
func TestReadTreeKeepsCapabilities(t *testing.T) {
	needs.Root(t)
	const netRaw = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	h := tar.Header{Typeflag: tar.TypeReg, Name: "ping", Mode: 0o755, PAXRecords: map[string]string{
		"SCHILY.xattr.security.capability": netRaw, "SCHILY.xattr.security.selinux": "x", "SCHILY.xattr.trusted.overlay.opaque": "y",
	}}
	dir, err := unpacked(t, wild(t, h))
	if err != nil {
		t.Fatal(err)
	}
	list := make([]byte, 1000)
	n, err := unix.Llistxattr(filepath.Join(dir, "made", "ping"), list)
	if err != nil || string(list[:n]) != "security.capability\x00" {
		t.Errorf("it has the attributes %q, %v", list[:max(0, n)], err)
	}
	value := make([]byte, 100)
	n, err = unix.Lgetxattr(filepath.Join(dir, "made", "ping"), "security.capability", value)
	if err != nil || string(value[:n]) != netRaw {
		t.Errorf("its capability is %q, %v", value[:max(0, n)], err)
	}
}

// A tar may have been written by a tenant: nothing of it lands outside.
func TestHostileTrees(t *testing.T) {
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }
	dir := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }
	link := func(kind byte, name, target string) tar.Header {
		return tar.Header{Typeflag: kind, Name: name, Linkname: target, Mode: 0o777}
	}
	for name, c := range map[string]struct {
		entries []tar.Header
		want    string
	}{
		"way up":               {[]tar.Header{file("../host")}, "no clean relative name"},
		"absolute":             {[]tar.Header{file("/host")}, "no clean relative name"},
		"way up within":        {[]tar.Header{dir("a/"), file("a/../../host")}, "no clean relative name"},
		"through a link":       {[]tar.Header{link(tar.TypeSymlink, "out", ".."), file("out/host")}, "escapes"},
		"through absolute":     {[]tar.Header{link(tar.TypeSymlink, "out", "/tmp"), file("out/host")}, "escapes"},
		"over a link":          {[]tar.Header{link(tar.TypeSymlink, "l", "../host"), file("l")}, "exists"},
		"hard link up":         {[]tar.Header{link(tar.TypeLink, "l", "../host")}, "no such file"},
		"hard link via a link": {[]tar.Header{link(tar.TypeSymlink, "out", ".."), link(tar.TypeLink, "l", "out/host")}, "escapes"},
		"twice":                {[]tar.Header{file("a"), file("a")}, "exists"},
		"device":               {[]tar.Header{{Typeflag: tar.TypeBlock, Name: "sda", Devmajor: 8}}, "/sda: is a device or a pipe"},
		"pipe":                 {[]tar.Header{{Typeflag: tar.TypeFifo, Name: "etc\x1b"}}, "/etc: is a device or a pipe"},
		"long name":            {[]tar.Header{file(strings.Repeat("n", maxTreePath+1))}, "no clean relative name"},
		"folder replaced":      {[]tar.Header{dir("a/"), link(tar.TypeSymlink, "a", "..")}, "exists"},
	} {
		_, err := unpacked(t, wild(t, c.entries...))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for name, raw := range map[string][]byte{
		"nothing": nil, "noise": []byte(strings.Repeat("noise", 1000)), "cut": wild(t, file("a"))[:515],
	} {
		if _, err := unpacked(t, raw); err == nil || fault.KindOf(err) != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadTree(f *testing.F) {
	f.Add(wild(f, tar.Header{Typeflag: tar.TypeSymlink, Name: "out", Linkname: ".."}, tar.Header{Typeflag: tar.TypeReg, Name: "out/host"}))
	f.Add(wild(f, tar.Header{Typeflag: tar.TypeDir, Name: "a/"}, tar.Header{Typeflag: tar.TypeLink, Name: "a/b", Linkname: "../host"}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = unpacked(t, raw) // it looks itself whether anything landed outside
	})
}

func TestReports(t *testing.T) {
	v := throwaway{progress: func(string, int) {}}
	v.job.Steps = slices.Repeat(v.job.Steps[:0], 1)
	for said, want := range map[string]string{
		"":                            "ended before it began",
		"{\"step\":0}\n":              "ended during step 1",
		"hello\n":                     "no report",
		"{\"step\":7}\n":              "no report",
		"{\"step\":-1}\n":             "no report",
		strings.Repeat("x", vmLine+1): "said too much",
		"{\"step\":0,\"error\":\"\\u001b[2J\"}\n": "could not do its job",
		"{\"step\":0,\"done\":true}\n":            "",
	} {
		err := v.follow(strings.NewReader(said), func() {})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b")) {
			t.Errorf("%.40q: %v, want %q", said, err, want)
		}
	}
}
