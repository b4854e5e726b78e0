// Package archivetest makes archives of rolls for tests: good ones, and one of
// every kind that has to be refused.
package archivetest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"quarry/internal/roll/archive"
)

// Hostile is an archive that must be refused.
type Hostile struct {
	Name   string
	Packed []byte
	Want   []string // what the refusal has to say
}

// Tar packs headers and contents as they are, mistakes included.
func Tar(entries ...Entry) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		h := e.Header
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o644
		}
		h.Size = int64(len(e.Content))
		must(w.WriteHeader(&h))
		_, err := io.WriteString(w, e.Content)
		must(err)
	}
	must(w.Close())
	return out.Bytes()
}

// Entry is one entry of an archive.
type Entry struct {
	tar.Header
	Content string
}

// File is a plain file.
func File(name, content string) Entry { return Entry{tar.Header{Name: name}, content} }

// Special is an entry of another kind.
func Special(kind byte, name, target string) Entry {
	return Entry{tar.Header{Typeflag: kind, Name: name, Linkname: target}, ""}
}

// Roll is a plain roll of that name and version.
func Roll(name, version string) []byte {
	return Gzip(Tar(File("roll.yaml", Text(name, version))))
}

// Text is the roll.yaml of a plain roll.
func Text(name, version string) string {
	return fmt.Sprintf("name: %s\nversion: %q\nsummary: A roll for a test\n", name, version)
}

// Gzip compresses.
func Gzip(raw []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	must(err)
	_, err = w.Write(raw)
	must(err)
	must(w.Close())
	return out.Bytes()
}

// Zstd compresses.
func Zstd(raw []byte) []byte {
	w, err := zstd.NewWriter(nil)
	must(err)
	return w.EncodeAll(raw, nil)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// All is one archive of each kind, made once; each holds a good roll.yaml too,
// of the roll "evil", version 1.
var All = sync.OnceValue(all)

func all() []Hostile {
	good := File("roll.yaml", Text("evil", "1"))
	with := func(entries ...Entry) []byte { return Gzip(Tar(append([]Entry{good}, entries...)...)) }
	mode := func(m int64) []byte { return with(Entry{tar.Header{Name: "run", Mode: m}, "x"}) }
	var many []Entry
	for i := range archive.MaxFiles + 1 {
		many = append(many, File(fmt.Sprintf("f%d", i), ""))
	}
	var bomb []Entry
	for i := range archive.MaxUnpacked/archive.MaxFile + 1 {
		bomb = append(bomb, File(fmt.Sprintf("zeros%d", i), strings.Repeat("\x00", archive.MaxFile)))
	}
	return []Hostile{
		{"symbolic link", with(Special(tar.TypeSymlink, "nodes", "/etc")), []string{"nodes: is a symbolic link"}},
		{"hard link", with(Special(tar.TypeLink, "shadow", "/etc/shadow")), []string{"shadow: is a hard link"}},
		{"character device", with(Special(tar.TypeChar, "mem", "")), []string{"mem: is a device"}},
		{"block device", with(Special(tar.TypeBlock, "sda", "")), []string{"sda: is a device"}},
		{"named pipe", with(Special(tar.TypeFifo, "pipe", "")), []string{"pipe: is a named pipe"}},
		{"set-uid", mode(0o4755), []string{"run: has the mode 4755", "set-uid"}},
		{"set-gid", mode(0o2755), []string{"set-gid"}},
		{"sticky", mode(0o1644), []string{"sticky"}},
		{"set-gid folder", with(Entry{tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o2755}, ""}), []string{"set-gid"}},
		{"way up", with(File("../../etc/cron.d/evil", "x")), []string{`has a ".." in its name`}},
		{"way up within", with(File("nodes/../../x", "x")), []string{`has a ".." in its name`}},
		{"absolute", with(File("/etc/passwd", "x")), []string{"/etc/passwd: has an absolute name"}},
		{"backslash", with(File(`..\..\x`, "x")), []string{`has a \ in its name`}},
		{"not UTF-8", with(Entry{tar.Header{Name: "\xff\xfe", Format: tar.FormatGNU}, "x"}), []string{"not UTF-8"}},
		{"control characters", with(File("a\nb\x1b[2J", "x")), []string{"cannot be printed"}},
		{"twice", with(File("a", "1"), File("a", "2")), []string{"a: is there twice"}},
		{"twice, as ./", with(File("a", "1"), File("./a", "2")), []string{"is there twice"}},
		{"file and folder", with(File("a", "1"), File("a/b", "2")), []string{"a file here and a folder there"}},
		{"case", with(File("README", "1"), File("readme", "2")), []string{"differs from README in case alone"}},
		{"case of folders", with(File("A/x", "1"), File("a/y", "2")), []string{"in case alone"}},
		{"long name", with(File(strings.Repeat("n", archive.MaxPath+1), "x")), []string{"at most 200 are allowed"}},
		{"deep", with(File(strings.Repeat("d/", archive.MaxDepth+1)+"x", "x")), []string{"lies in 11 folders"}},
		{"long header", Gzip(slices.Concat(Header("h", 'x', 2<<20, ""), make([]byte, 2<<20), Tar(good))), []string{"breaks off"}},
		{"sparse", sparse(), []string{"sparse"}},
		{"large file", with(File("large", strings.Repeat("x", archive.MaxFile+1))), []string{"large: has 2097153 bytes"}},
		{"many files", with(many...), []string{"more than 2000 files"}},
		{"bomb in gzip", with(bomb...), []string{"the files have more than"}},
		{"bomb in zstd", Zstd(Tar(append([]Entry{good}, bomb...)...)), []string{"the files have more than"}},
		{"endless", Gzip(slices.Concat(Header("endless", '0', 64<<20, ""), make([]byte, 64<<20))), []string{"endless: has 67108864 bytes", "it unpacks to more than"}},
		{"large", append(Tar(good), make([]byte, archive.MaxPacked)...), []string{"at most 4194304 are allowed"}},
		{"zip", []byte("PK\x03\x04xxxx"), []string{"zip archive"}},
		{"empty", nil, []string{"it is empty"}},
		{"no archive", []byte("hello, world"), []string{"no tar archive"}},
		{"broken gzip", Gzip(Tar(good))[:40], []string{"breaks off"}},
		{"no roll", Gzip(Tar(File("a/x", ""), File("b/roll.yaml", Text("evil", "1")))), []string{"there is no roll.yaml"}},
		{"several", with(Special(tar.TypeSymlink, "l", "x"), File("../x", ""), Special(tar.TypeFifo, "p", "")), []string{
			"l: is a symbolic link", `../x: has a ".." in its name`, "p: is a named pipe",
		}},
	}
}

// sparse is an archive whose one file claims far more than it holds, in the
// PAX form: archive/tar writes none itself.
func sparse() []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	// The records of the format are refused by the writer: write the header of
	// the records as a file of its own kind.
	var records string
	for _, kv := range [][2]string{
		{"GNU.sparse.major", "1"}, {"GNU.sparse.minor", "0"}, {"GNU.sparse.name", "hole"}, {"GNU.sparse.realsize", "1000000"},
	} {
		records += record(kv[0], kv[1])
	}
	out.Write(Header("PaxHeaders.0/hole", 'x', len(records), records))
	const spans = "1\n0\n1\n"
	content := spans + strings.Repeat("\x00", 512-len(spans)) + "x"
	must(w.WriteHeader(&tar.Header{Name: "GNUSparseFile.0/hole", Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}))
	_, err := io.WriteString(w, content)
	must(err)
	must(w.Close())
	return Gzip(out.Bytes())
}

// Header is a USTAR header of any kind for size bytes, with that content and
// its padding behind it.
func Header(name string, kind byte, size int, content string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x00%011o\x00        %c", size, 0, kind))
	copy(h[257:], "ustar\x0000")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return append(h, content+strings.Repeat("\x00", -len(content)&511)...)
}

// record is one PAX record: its length counts itself.
func record(key, value string) string {
	size := len(key) + len(value) + 3
	size += len(fmt.Sprint(size))
	if line := fmt.Sprintf("%d %s=%s\n", size, key, value); len(line) == size {
		return line
	}
	size++
	return fmt.Sprintf("%d %s=%s\n", size, key, value)
}
