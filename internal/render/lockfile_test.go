package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"quarry/internal/fault"
	"quarry/internal/roll"
)

func digestOf(n int) string { return fmt.Sprintf("%064x", n) }

// lockFile is of two appliances, with a bit of everything in it.
func lockFile() LockFile {
	p := profile()
	p.Appliance, p.Rolls, p.Order = "web", []string{"base@1", "web@2"}, []string{"base/all", "web/server"}
	p.Files[0] = roll.File{Path: "/a", Owner: "root:root", Mode: "0644", Content: "a <&> \u2028\n", From: roll.Source{Roll: "web", File: "nodes/server.yaml", Line: 4}}
	p.Files[1].Content = "{{.Hostname}}"
	p.Install[0] = roll.Script{Name: "web/server/install", Body: "#!/bin/sh\n", Timeout: time.Minute, Tenant: "chem", From: roll.Source{Roll: "web", File: "nodes/server.yaml", Line: 9}}
	p.Checks = []roll.Script{{Name: "web/server/check", Body: "#!/bin/sh\ntrue\n"}}
	l := Lock{
		Recipe: FromProfile(p, "trixie", "amd64"), Guest: digestOf(7), Epoch: Epoch,
		Indexes: []Index{{Suite: "trixie", Date: time.Unix(Epoch, 0).UTC(), SHA256: digestOf(8)}},
		Packages: []LockedPackage{
			{Name: "busybox-static", Version: "1:1.37-6", Architecture: "amd64", Size: 9, SHA256: digestOf(3), Suite: "trixie", Component: "main", Filename: "pool/main/b.deb", Part: PartBoot},
			{Name: "curl", Version: "8.14-2", Architecture: "amd64", Size: 5, SHA256: digestOf(1), Suite: "trixie", Component: "main", Filename: "pool/main/c.deb", Part: PartBase},
			{Name: "nginx", Version: "1.26+b1", Architecture: "amd64", Size: 6, SHA256: digestOf(2), Suite: "trixie-security", Component: "main", Filename: "pool/updates/main/n.deb"},
		},
	}
	q, m := roll.Profile{Appliance: "plain", Rolls: []string{"base@1"}, Order: []string{"base/all"}}, l
	m.Recipe, m.Packages = FromProfile(q, "trixie", "amd64"), l.Packages[:2]
	return NewLockFile(map[string]string{"web.port": "80"}, map[string]roll.Profile{"web": p, "plain": q}, map[string]Lock{"web": l, "plain": m})
}

func TestLockFileIsReadAsWritten(t *testing.T) {
	f := lockFile()
	raw := f.Encode()
	got, err := ParseLock("x.lock", raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f, got); diff != "" {
		t.Error(diff)
	}
	if again := got.Encode(); !bytes.Equal(again, raw) {
		t.Error("written again, the file has other bytes")
	}
	if wrong := got.Changed(); wrong != nil {
		t.Errorf("nothing was changed: %v", wrong)
	}
	lock, ok := got.Lock("web")
	if !ok || lock.Address() != got.Appliances["web"].Address {
		t.Errorf("%v, its lock's address is %s, want %s", ok, lock.Address(), got.Appliances["web"].Address)
	}
	if s := lock.Recipe.Scripts[0]; s.Timeout != time.Minute || s.Body != "#!/bin/sh\n" || s.Tenant != "chem" || s.From.Line != 9 {
		t.Errorf("script %+v", s)
	}
	if _, ok := got.Lock("none"); ok {
		t.Error("there is a lock of no appliance")
	}
}

// The address is the SHA-256 of the image's member with its names sorted and
// no spaces: what other programs can compute.
func TestAddressCanBeCheckedElsewhere(t *testing.T) {
	var plain struct {
		Appliances map[string]struct {
			Address string         `json:"address"`
			Image   map[string]any `json:"image"`
		} `json:"appliances"`
	}
	if err := json.Unmarshal(lockFile().Encode(), &plain); err != nil {
		t.Fatal(err)
	}
	for name, a := range plain.Appliances {
		a.Image["epoch"] = int64(a.Image["epoch"].(float64))
		sorted, err := json.Marshal(a.Image)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(sorted); hex.EncodeToString(sum[:]) != a.Address {
			t.Errorf("%s: address %s, computed %x", name, a.Address, sum)
		}
	}
}

// Whatever is changed in an image's member changes its address.
func TestEveryChangeIsSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := lockFile()
		a := f.Appliances["web"]
		i := &a.Image
		p := &i.Packages[rapid.IntRange(0, len(i.Packages)-1).Draw(t, "package")]
		changes := []func(){
			func() { p.SHA256 = digestOf(99) }, func() { p.Version += "1" }, func() { p.Size++ }, func() { p.Filename += "x" },
			func() { p.Suite += "x" }, func() { p.Component += "x" }, func() { p.Architecture += "x" }, func() { p.Part += "x" },
			func() { i.Files[0].SHA256 = digestOf(98) }, func() { i.Files[0].Mode = "0600" }, func() { i.Files[0].Owner = "x" },
			func() { i.Scripts[0].SHA256 = digestOf(97) }, func() { i.Scripts = nil }, func() { i.Epoch++ }, func() { i.Recipe++ },
			func() { i.Suite = "sid" }, func() { i.Guest = digestOf(96) }, func() { i.Enabled = append(i.Enabled, "x.service") },
		}
		changes[rapid.IntRange(0, len(changes)-1).Draw(t, "change")]()
		f.Appliances["web"] = a
		wrong := f.Changed()
		if len(wrong) != 1 || wrong[0].Field != "appliances.web.image" {
			t.Fatalf("got %v", wrong)
		}
	})
}

func TestParseLockRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*LockFile)
		want   []string
	}{
		"format":  {func(f *LockFile) { f.Format = "quarry-lock/9" }, []string{`"quarry-lock/9"`, `"quarry-lock/1"`}},
		"nothing": {func(f *LockFile) { f.Appliances = nil }, []string{"there are none"}},
		"content": {func(f *LockFile) {
			for digest := range f.Contents {
				f.Contents[digest] += "x"
			}
		}, []string{"was changed after", "bytes, its content has"}},
		"missing content": {func(f *LockFile) { f.Contents = nil }, []string{`file "/a"`, `script "web/server/install"`, `script "web/server/check"`, `file "/b"`}},
		"package": {func(f *LockFile) {
			p := f.Appliances["web"].Image.Packages
			p[0].SHA256, p[1].Size, p[2].Part = "none", 0, "extra"
		}, []string{`packages[0]: package busybox-static 1:1.37-6 amd64: "none" is no SHA-256`, "packages[1]: package curl", `packages[2]: package nginx 1.26+b1 amd64: part "extra"`}},
		"twice": {func(f *LockFile) { p := f.Appliances["web"].Image.Packages; p[2] = p[1] }, []string{"curl 8.14-2 amd64 is there twice"}},
		"times": {func(f *LockFile) {
			a := f.Appliances["web"]
			a.Image.Epoch, a.Image.Scripts[0].Timeout = 0, "soon"
			f.Appliances["web"] = a
		}, []string{"0 is no time", `"soon"`}},
	} {
		f := lockFile()
		c.change(&f)
		_, err := ParseLock("x.lock", f.Encode())
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nlacks %s", name, err, want)
			}
		}
	}
	for text, want := range map[string]string{
		"": "x.lock", "{\n\"format\":\n7}": "x.lock:3", "{\"format\": \"quarry-lock/1\",\n\"rolls\": 7}": "x.lock:2",
		`{"format": "quarry-lock/1", "colour": 1}`: `"colour"`, string(lockFile().Encode()) + "{}": "after top-level value",
	} {
		if _, err := ParseLock("x.lock", []byte(text)); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func FuzzParseLock(f *testing.F) {
	f.Add(lockFile().Encode())
	f.Add([]byte(`{"format":"quarry-lock/1","appliances":{"a":{}}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, err := ParseLock("x", raw)
		if err != nil {
			return
		}
		file.Changed()
		for name := range file.Appliances {
			file.Lock(name)
		}
		if _, err := ParseLock("x", file.Encode()); err != nil {
			t.Errorf("written again, it is refused: %v", err)
		}
	})
}

func BenchmarkAddress(b *testing.B) {
	l, _ := lockFile().Lock("web")
	for i := range 300 {
		p := l.Packages[0]
		p.Name, p.SHA256 = fmt.Sprintf("package-%d", i), digestOf(i)
		l.Packages = append(l.Packages, p)
	}
	for b.Loop() {
		l.Address()
	}
}
