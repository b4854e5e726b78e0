package source

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// write makes files below a new folder.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents are the files of a tree.
func contents(t *Tree) map[string]string {
	all := map[string]string{}
	for name, f := range t.files {
		all[name] = string(f.Data)
	}
	return all
}

// cpioFile is a file of a handmade archive.
type cpioFile struct {
	name, body string
	mode       int
	links      int
}

func makeCpio(files ...cpioFile) []byte {
	var b bytes.Buffer
	for _, f := range append(files, cpioFile{name: cpioEnd}) {
		if f.mode == 0 {
			f.mode = modeRegular | 0o644
		}
		fmt.Fprintf(&b, cpioMagic+"%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, f.mode, 0, 0, max(f.links, 1), 0, len(f.body), 0, 0, 0, 0, len(f.name)+1, 0)
		b.WriteString(f.name + "\x00")
		b.Write(make([]byte, padding(int64(b.Len()))))
		b.WriteString(f.body)
		b.Write(make([]byte, padding(int64(b.Len()))))
	}
	return b.Bytes()
}

func makeHeader(texts map[uint32]string, padded bool) []byte {
	var index, data bytes.Buffer
	for _, tag := range slices.Sorted(maps.Keys(texts)) {
		for _, n := range []uint32{tag, typeString, uint32(data.Len()), 1} {
			_ = binary.Write(&index, binary.BigEndian, n)
		}
		data.WriteString(texts[tag] + "\x00")
	}
	var b bytes.Buffer
	b.WriteString(headerMagic + "\x00\x00\x00\x00")
	_ = binary.Write(&b, binary.BigEndian, uint32(len(texts)))
	_ = binary.Write(&b, binary.BigEndian, uint32(data.Len()))
	b.Write(index.Bytes())
	b.Write(data.Bytes())
	for padded && b.Len()%8 != 0 {
		b.WriteByte(0)
	}
	return b.Bytes()
}

// makeRPM makes a package around a payload that is packed already.
func makeRPM(compressor string, payload []byte) []byte {
	lead := append([]byte(rpmMagic), make([]byte, leadSize-4)...)
	texts := map[uint32]string{tagFormat: "cpio"}
	if compressor != "" {
		texts[tagCompress] = compressor
	}
	return slices.Concat(lead, makeHeader(map[uint32]string{269: "0123456789"}, true), makeHeader(texts, false), payload)
}

func gzipped(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// kickstartRPM makes a package as "make profile" makes it.
func kickstartRPM(files map[string]string) []byte {
	var all []cpioFile
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, cpioFile{name: "./export/profile/" + name, body: files[name]})
	}
	return makeRPM("gzip", gzipped(makeCpio(all...)))
}

// makeISO makes an image with Rock Ridge names: every folder and file starts
// at a sector of its own. A name that ends in / is an empty folder.
func makeISO(files map[string]string) []byte {
	m := isoMaker{files: files, image: make([]byte, 18*sector)}
	m.image[16*sector] = 1
	copy(m.image[isoMagicAt:], isoMagic)
	binary.LittleEndian.PutUint16(m.image[16*sector+128:], sector)
	m.image[17*sector] = 255
	copy(m.image[17*sector+1:], isoMagic)
	at, size := m.folder("")
	copy(m.image[16*sector+156:], isoRecord("\x00", at, size, true, nil))
	return m.image
}

type isoMaker struct {
	files map[string]string
	image []byte
}

func (m *isoMaker) place(data []byte) (at, size uint32) {
	at = uint32(len(m.image) / sector)
	m.image = append(m.image, data...)
	m.image = append(m.image, make([]byte, (sector-len(data)%sector)%sector)...)
	return at, uint32(len(data))
}

func (m *isoMaker) folder(dir string) (at, size uint32) {
	below := map[string]bool{} // name: is a folder
	for name := range m.files {
		if rest, ok := strings.CutPrefix(name, dir); ok && rest != "" {
			first, _, isDir := strings.Cut(rest, "/")
			below[first] = isDir
		}
	}
	sp := []byte{'S', 'P', 7, 1, 0xbe, 0xef, 0}
	records := slices.Concat(isoRecord("\x00", 0, 0, true, sp), isoRecord("\x01", 0, 0, true, nil))
	for i, name := range slices.Sorted(maps.Keys(below)) {
		nm := append([]byte{'N', 'M', byte(5 + len(name)), 1, 0}, name...)
		var at, size uint32
		if below[name] {
			at, size = m.folder(dir + name + "/")
		} else {
			at, size = m.place([]byte(m.files[dir+name]))
		}
		rec := isoRecord(fmt.Sprintf("F%03d.;1", i), at, size, below[name], nm)
		if left := sector - len(records)%sector; left < len(rec) {
			records = append(records, make([]byte, left)...)
		}
		records = append(records, rec...)
	}
	records = append(records, make([]byte, (sector-len(records)%sector)%sector)...)
	return m.place(records)
}

func isoRecord(name string, at, size uint32, dir bool, use []byte) []byte {
	rec := make([]byte, 33, 255)
	binary.LittleEndian.PutUint32(rec[2:], at)
	binary.LittleEndian.PutUint32(rec[10:], size)
	if dir {
		rec[25] = flagDirectory
	}
	rec[32] = byte(len(name))
	rec = append(rec, name...)
	rec = append(rec, make([]byte, len(rec)%2)...)
	rec = append(rec, use...)
	rec = append(rec, make([]byte, len(rec)%2)...)
	rec[0] = byte(len(rec))
	return rec
}

func rollInfo(name string) string {
	return `<roll name="` + name + `" interface="4.0"><color edge="red" node="blue"/><color edge="tan" node="tan"/>` +
		`<info version="7.0" release="0" arch="x86_64" os="linux"/></roll>`
}

// rollISO are the files of one roll on its disc.
func rollISO(roll string, kickstart []byte) map[string]string {
	dir := path.Join(roll, "7.0/x86_64")
	return map[string]string{
		".discinfo":                              "0\n" + roll + "\nx86_64\n1\n",
		dir + "/roll-" + roll + ".xml":           rollInfo(roll),
		dir + "/RedHat/RPMS/tool-1-2.x86_64.rpm": "not looked at",
		dir + "/RedHat/RPMS/roll-" + roll + "-kickstart-7.0-0.noarch.rpm": string(kickstart),
	}
}

func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
