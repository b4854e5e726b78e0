package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func zstded(t testing.TB, data []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

var xmlFile = cpioFile{name: "./export/profile/nodes/a.xml", body: "<kickstart/>"}

// zeros unpacks to n bytes.
func zeros(n int64) []byte {
	var b bytes.Buffer
	w, _ := zstd.NewWriter(&b)
	_, _ = io.CopyN(w, zeroReader{}, n)
	_ = w.Close()
	return b.Bytes()
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestPayloads(t *testing.T) {
	plain := makeCpio(cpioFile{name: "./export/profile", mode: modeFolder}, xmlFile, cpioFile{name: "./etc/other", body: "x"},
		cpioFile{name: "./etc/link", mode: 0o120777, body: "/etc/passwd"})
	for name, rpm := range map[string][]byte{
		"gzip": makeRPM("gzip", gzipped(plain)), "zstd": makeRPM("zstd", zstded(t, plain)), "none": makeRPM("", plain), "unsaid gzip": makeRPM("", gzipped(plain)),
	} {
		tree := open(t, save(t, "k.rpm", rpm))
		if got := contents(tree); len(got) != 1 || got["nodes/a.xml"] != "<kickstart/>" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestHostilePackages(t *testing.T) {
	entry := func(f cpioFile) []byte { return makeRPM("gzip", gzipped(makeCpio(f))) }
	header := func(change func(h []byte)) []byte {
		rpm := makeRPM("gzip", gzipped(makeCpio(xmlFile)))
		at := bytes.LastIndex(rpm, []byte(headerMagic))
		change(rpm[at:])
		return rpm
	}
	named := func(name string) cpioFile { return cpioFile{name: name, body: "x"} }
	for name, c := range map[string]struct {
		rpm []byte
		say string
	}{
		"up":             {entry(named("./nodes/../../a.xml")), "not plain"},
		"absolute":       {entry(named("//nodes/a.xml")), "not plain"},
		"link":           {entry(cpioFile{name: "./nodes/a.xml", mode: 0o120777, body: "/etc/passwd"}), "a link or a device"},
		"device":         {entry(cpioFile{name: "./nodes/a.xml", mode: 0o020666}), "a link or a device"},
		"hard link":      {entry(cpioFile{name: "./nodes/a.xml", links: 2}), "second name"},
		"long name":      {entry(named("./nodes/" + strings.Repeat("a", 2000))), "bytes, 1 to"},
		"large file":     {entry(cpioFile{name: "./nodes/a.xml", body: strings.Repeat("x", maxFile+1)}), "larger than"},
		"no cpio":        {makeRPM("gzip", gzipped([]byte(strings.Repeat("x", 200)))), "no cpio archive"},
		"bomb":           {makeRPM("zstd", append(zstded(t, cpioOf()), zeros(maxUnpack)...)), "unpack to more than"},
		"cut off":        {makeRPM("", makeCpio(xmlFile)[:150]), "cut off"},
		"only the lead":  {makeRPM("", nil)[:100], "cut off"},
		"packed oddly":   {makeRPM("lzma", nil), `packed with "lzma"`},
		"no gzip":        {makeRPM("gzip", []byte("xxxxxxxxxxxxxx")), "unpack the gzip payload"},
		"no xz":          {makeRPM("xz", []byte("xxxxxxxxxxxxxxxxxxxxxxxxx")), "xz"},
		"many tags":      {header(func(h []byte) { binary.BigEndian.PutUint32(h[8:], 1<<31) }), "tags and"},
		"large header":   {header(func(h []byte) { binary.BigEndian.PutUint32(h[12:], 1<<31) }), "tags and"},
		"text outside":   {header(func(h []byte) { binary.BigEndian.PutUint32(h[16+8:], 1<<31) }), "lies outside"},
		"text unending":  {header(func(h []byte) { binary.BigEndian.PutUint32(h[12:], 3) }), "has no end"},
		"no header":      {header(func(h []byte) { h[0] = 'x' }), "does not start"},
		"a number amiss": {makeRPM("", bytes.Replace(makeCpio(xmlFile), []byte("000081a4"), []byte("0000zzzz"), 1)), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), save(t, "k.rpm", c.rpm))
			refused(t, err, c.say)
		})
	}
}

// Packages that unpack to much are refused for their sum.
func TestManyBombs(t *testing.T) {
	bomb := makeRPM("zstd", zstded(t, makeCpio(cpioFile{name: "./x", body: strings.Repeat("x", 10<<20)})))
	b := newBuilder()
	b.left = 15 << 20
	if err := b.rpm(t.Context(), "k.rpm", bytes.NewReader(bomb)); err != nil {
		t.Fatal(err)
	}
	refused(t, b.rpm(t.Context(), "k.rpm", bytes.NewReader(bomb)), "unpack to more than")
}

// cpioOf is the start of an archive whose first file has 1 GiB.
func cpioOf() []byte {
	start := makeCpio(cpioFile{name: "./x"})
	copy(start[6+8*cpioSize:], "40000000")
	return start[:cpioHeader+4+padding(cpioHeader+4)]
}

func TestHostileImages(t *testing.T) {
	good := makeISO(map[string]string{"hpc/7.0/x86_64/roll-hpc.xml": rollInfo("hpc")})
	change := func(at int, data ...byte) []byte {
		image := slices.Clone(good)
		copy(image[at:], data)
		return image
	}
	number := func(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
	rootAt := int(binary.LittleEndian.Uint32(good[16*sector+158:])) * sector
	child := rootAt + int(good[rootAt]) + int(good[rootAt+int(good[rootAt])]) // "hpc"
	for name, c := range map[string]struct {
		image []byte
		say   string
	}{
		"cut off":           {good[:17*sector], "cut off"},
		"root outside":      {change(16*sector+158, number(1<<30)...), "cut off or damaged"},
		"huge root":         {change(16*sector+166, number(1<<31)...), "at most"},
		"huge folder":       {change(child+10, number(1<<32-1)...), "at most"},
		"folder outside":    {change(child+2, number(1<<31)...), "cut off or damaged"},
		"holds itself":      {change(child+2, number(uint32(rootAt/sector))...), "holds itself"},
		"short record":      {change(child, 20), "damaged record"},
		"long name":         {change(child+32, 250), "damaged record"},
		"interleaved":       {change(child+26, 1), "interleaved"},
		"no Rock Ridge":     {change(rootAt+34, 'X'), "no Rock Ridge"},
		"no name":           {change(child+33+7, 0, 'X', 'X'), "no Rock Ridge name"},
		"other blocks":      {change(16*sector+128, 0, 4), "blocks of 1024"},
		"no primary volume": {change(16*sector, 2), "no primary volume descriptor"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), save(t, "x.iso", c.image))
			refused(t, err, c.say)
		})
	}
}

// A record whose fields go on in an area that says it goes on in itself.
func TestEndlessContinuation(t *testing.T) {
	ce := slices.Concat([]byte("CE\x1c\x01"), make([]byte, 24))
	binary.LittleEndian.PutUint32(ce[4:], 0)
	binary.LittleEndian.PutUint32(ce[20:], uint32(len(ce)))
	v := &volume{r: bytes.NewReader(ce), size: int64(len(ce))}
	if _, err := v.entry(isoRecord("A", 0, 0, false, ce)); err == nil || !strings.Contains(err.Error(), "go on in more than") {
		t.Errorf("got %v", err)
	}
	binary.LittleEndian.PutUint32(ce[20:], 1<<31)
	if _, err := v.entry(isoRecord("A", 0, 0, false, ce)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("got %v", err)
	}
}

func TestHostileDiscs(t *testing.T) {
	disc := func(name, content string) map[string]string {
		files := rollISO("hpc", kickstartRPM(twoFiles))
		files[name] = content
		return files
	}
	for name, c := range map[string]struct {
		files map[string]string
		say   string
	}{
		"no XML":          {disc("hpc/7.0/x86_64/roll-hpc.xml", "<roll"), "is not XML"},
		"no roll":         {disc("hpc/7.0/x86_64/roll-hpc.xml", "<x/>"), "has no <roll>"},
		"an odd name":     {disc("hpc/7.0/x86_64/roll-hpc.xml", `<roll name="../x"/>`), "plain name"},
		"nested deep":     {disc("hpc/7.0/x86_64/roll-hpc.xml", strings.Repeat("<roll>", 1000)), "nested"},
		"package no RPM":  {disc("hpc/7.0/x86_64/RedHat/RPMS/roll-hpc-kickstart-7.0-0.noarch.rpm", strings.Repeat("x", 100)), "is no RPM"},
		"an operating CD": {map[string]string{".discinfo": "x", "a/b": "x"}, "not the first disc"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), save(t, "x.iso", makeISO(c.files)))
			refused(t, err, c.say)
			_, err = Open(t.Context(), write(t, c.files))
			refused(t, err, c.say)
		})
	}
}

func TestOpenEndsWhenToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, given := range map[string]string{"tree": write(t, twoFiles), "iso": save(t, "x.iso", makeISO(rollISO("a", nil))), "rpm": save(t, "k.rpm", kickstartRPM(twoFiles))} {
		if _, err := Open(ctx, given); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The system area, which nothing reads, is left out of what is fuzzed.
func FuzzImage(f *testing.F) {
	const skipped = 16 * sector
	f.Add(makeISO(map[string]string{"roll-r.xml": rollInfo("r"), "RedHat/RPMS/roll-r-kickstart-1-1.noarch.rpm": string(kickstartRPM(twoFiles))})[skipped:])
	f.Fuzz(func(t *testing.T, image []byte) {
		image = append(make([]byte, skipped), image...)
		b := newBuilder()
		_ = b.iso(t.Context(), "x.iso", bytes.NewReader(image), int64(len(image)))
	})
}

func FuzzPackage(f *testing.F) {
	payload := makeCpio(xmlFile, cpioFile{name: "./graphs/default/g.xml", body: "<graph/>"})
	f.Add(makeRPM("", payload))
	f.Add(makeRPM("gzip", gzipped(payload)))
	f.Add(makeRPM("zstd", zstded(f, payload)))
	f.Add(makeRPM("xz", []byte("\xfd7zXZ\x00\x00\x04")))
	f.Add(makeRPM("bzip2", []byte("BZh91AY&SY")))
	f.Fuzz(func(t *testing.T, rpm []byte) {
		b := newBuilder()
		if b.rpm(t.Context(), "k.rpm", bytes.NewReader(rpm)) != nil {
			return
		}
		for name := range b.out.files {
			if plainPath(name) != nil || !wanted(name) {
				t.Errorf("%q came in", name)
			}
		}
	})
}

func FuzzRollInfo(f *testing.F) {
	f.Add(rollInfo("hpc"))
	f.Add(`<!DOCTYPE a [<!ENTITY b "c">]><roll name="&b;"/>`)
	f.Fuzz(func(t *testing.T, text string) {
		roll, err := parseRollInfo(strings.NewReader(text))
		if err == nil && !plainName.MatchString(roll.Name) {
			t.Errorf("a roll called %q came in", roll.Name)
		}
	})
}

func FuzzMakefile(f *testing.F) {
	f.Add("ROLLNAME = $(A)b\nA = $(ROLLNAME)$(ROLLNAME)\n")
	f.Fuzz(func(t *testing.T, text string) {
		v := variables{}
		v.parse(text)
		if got := v.value("ROLLNAME"); len(got) > 2*maxName || strings.Contains(got, "$") {
			t.Errorf("gives %q", got)
		}
	})
}
