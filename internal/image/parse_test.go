package image

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/render"
	"quarry/internal/roll"
)

const targets = `MetaKey: main/binary-amd64/Packages
URI: http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages
Label: Debian
Origin: Debian
Component: main
Repo-URI: http://mirror.example/debian/
Sourcesentry: /etc/apt/sources.list.d/debian.sources:1

Label: Debian-Security
Origin: Debian
Component: main
Repo-URI: http://mirror.example/debian-security/
Sourcesentry: /etc/apt/sources.list.d/debian.sources:2

Label: Node
Origin: Node
Component: main
Repo-URI: https://elsewhere.example/
Sourcesentry: /etc/apt/sources.list.d/node.list:1

Label: Debian
Origin: Debian
Component: main
Repo-URI: http://second.example/debian/
Sourcesentry: /etc/apt/sources.list:3
`

func TestParseTargets(t *testing.T) {
	m, entries := parseTargets([]byte(targets))
	want := []Source{
		{URL: "http://mirror.example/debian/", Components: []string{"main"}},
		{URL: "http://mirror.example/debian-security/", Suffix: "-security", Components: []string{"main"}},
	}
	if diff := cmp.Diff(want, m.Sources); diff != "" {
		t.Error(diff)
	}
	if len(entries) != 2 {
		t.Errorf("entries %v", entries)
	}
	security := targets[strings.Index(targets, "Label: Debian-Security"):strings.Index(targets, "Label: Node")]
	if m, _ := parseTargets([]byte(security)); len(m.Sources) != 0 {
		t.Errorf("the security archive alone makes a mirror: %v", m)
	}
}

func TestParseSignedBy(t *testing.T) {
	for in, want := range map[string][]string{
		"Types: deb\nSigned-By: /a/b.gpg\n":                   {"/a/b.gpg"},
		"deb [arch=amd64 signed-by=/a.gpg,/b.gpg] http://x y": {"/a.gpg", "/b.gpg"},
		"deb http://x y main":                                 nil,
	} {
		if got := parseSignedBy([]byte(in)); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}

func TestParseSettings(t *testing.T) {
	got := parseSettings([]byte("APT \"\";\nAcquire::http::Proxy \"http://p:1\";\nAcquire::httpx \"no\";\nDPkg::Post-Invoke:: \"rm\";\n"))
	if !slices.Equal(got, []string{`Acquire::http::Proxy "http://p:1";`}) {
		t.Error(got)
	}
}

func TestParseURIs(t *testing.T) {
	pins, err := parseURIs([]byte("noise\n'http://x/libcap2_1%3a2.75_amd64.deb' libcap2_1%3a2.75+b3_amd64.deb 12 MD5Sum:0\n"))
	if err != nil || !slices.Equal(pins, []string{"libcap2=1:2.75+b3"}) {
		t.Errorf("%v, %v", pins, err)
	}
	for _, bad := range []string{"'x'\n", "'x' name.deb 1\n", "'x' _1_amd64.deb 1\n", "'x' a_%zz_amd64.deb 1\n"} {
		if pins, err := parseURIs([]byte(bad)); err == nil {
			t.Errorf("%q gave %v", bad, pins)
		}
	}
}

var stanza = "Package: nginx\nVersion: 1.2-3\nArchitecture: amd64\nDescription: a\n b: c\nFilename: pool/main/n/nginx/nginx_1.2-3_amd64.deb\nSize: 42\nSHA256: " + addressOf(1) + "\n"

func TestParseStanzas(t *testing.T) {
	want := []render.LockedPackage{{
		Name: "nginx", Version: "1.2-3", Architecture: "amd64", Size: 42, SHA256: addressOf(1),
		Filename: "pool/main/n/nginx/nginx_1.2-3_amd64.deb",
	}}
	got, err := parseStanzas([]byte(stanza + "\n" + stanza))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for field, bad := range map[string]string{
		"Filename": "Filename: pool/../../etc/passwd.deb", "Size": "Size: -1", "SHA256": "SHA256: none",
		"Package": "Package: --force", "Version": "Version: $(rm)",
	} {
		var lines []string
		for line := range strings.Lines(stanza) {
			if strings.HasPrefix(line, field+":") {
				line = bad + "\n"
			}
			lines = append(lines, line)
		}
		if got, err := parseStanzas([]byte(strings.Join(lines, ""))); err == nil {
			t.Errorf("%s gave %v", bad, got)
		}
	}
}

func TestRefusalNamesEverything(t *testing.T) {
	failed := &CommandError{Program: "apt-get", Output: "E: Unable to locate package alpha\nE: Package 'beta' has no installation candidate\n"}
	r := render.Recipe{Suite: "trixie", Origins: map[string]roll.Source{"beta": {Roll: "web", File: "nodes/web.yaml", Line: 3}}}
	text := refusal(failed, r).Error()
	for _, want := range []string{`"alpha"`, `rolls/web/nodes/web.yaml:3: package "beta"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	failed.Output = "The following packages have unmet dependencies:\n a : Conflicts: b but 1 is to be installed\nE: Unable to correct problems\n"
	if text := refusal(failed, r).Error(); !strings.Contains(text, "a : Conflicts: b") || strings.Contains(text, "Unable") {
		t.Error(text)
	}
}

func TestRecipeNamesAreChecked(t *testing.T) {
	for name, ok := range map[string]bool{
		"nginx": true, "g++": true, "libstdc++6": true, "0ad": true, "python3.13": true,
		"nginx-": false, "-o": false, "?essential": false, "a b": false, "a=1": false, "": false, "a/trixie": false, "Nginx": false,
	} {
		err := checkRecipe(render.Recipe{Version: render.RecipeVersion, Suite: "trixie", Architecture: "amd64", Packages: []string{name}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestModuleOrder(t *testing.T) {
	needs, files := parseDependencies([]byte("kernel/fs/ext4.ko.xz: kernel/fs/jbd2.ko.xz kernel/lib/crc16.ko.xz\nkernel/fs/jbd2.ko.xz:\nkernel/crypto/crc32c-intel.ko:\n"))
	if files["ext4"] != "kernel/fs/ext4.ko.xz" || files["crc32c_intel"] != "kernel/crypto/crc32c-intel.ko" {
		t.Error(files)
	}
	if !slices.Equal(needs["kernel/fs/ext4.ko.xz"], []string{"kernel/fs/jbd2.ko.xz", "kernel/lib/crc16.ko.xz"}) {
		t.Error(needs)
	}
}

func FuzzParseTargets(f *testing.F) {
	f.Add([]byte(targets))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, entries := parseTargets(raw); len(m.Sources) > len(entries) {
			t.Errorf("%d sources of %d entries", len(m.Sources), len(entries))
		}
		parseSignedBy(raw)
		parseSettings(raw)
	})
}

func FuzzParseURIs(f *testing.F) {
	f.Add([]byte("'http://x/a_1_all.deb' a_1%3a2_all.deb 12 SHA256:0\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		pins, err := parseURIs(raw)
		for _, pin := range pins {
			if name, version, ok := strings.Cut(pin, "="); err == nil && (!ok || name == "" || version == "") {
				t.Errorf("pin %q", pin)
			}
		}
	})
}

func FuzzParseStanzas(f *testing.F) {
	f.Add([]byte(stanza))
	f.Fuzz(func(t *testing.T, raw []byte) {
		packages, err := parseStanzas(raw)
		if err != nil {
			return
		}
		for _, p := range packages {
			if strings.Contains("/"+p.Filename, "/..") || strings.HasPrefix(p.Name, "-") || p.Size <= 0 {
				t.Errorf("accepted %+v", p)
			}
		}
	})
}

func FuzzParseDependencies(f *testing.F) {
	f.Add([]byte("a.ko.xz: b.ko c.ko\n"))
	f.Fuzz(func(_ *testing.T, raw []byte) { parseDependencies(raw) })
}
