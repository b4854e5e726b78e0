package sbom_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/package-url/packageurl-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"quarry/internal/render"
	"quarry/internal/render/sbom"
	"quarry/internal/roll"
)

func lockFile() render.LockFile {
	p := roll.Profile{
		Appliance: "web", Rolls: []string{"web@2"}, Order: []string{"web/server"},
		Files: []roll.File{
			{Path: "/etc/web.conf", Mode: "0644", Owner: "root:root", Content: "abc", From: roll.Source{Roll: "web"}},
			{Path: "/etc/name", Mode: "0644", Owner: "root:root", Content: "{{.Hostname}}", Template: true},
		},
		Install: []roll.Script{{Name: "web/server/install", Body: "#!/bin/sh\n", From: roll.Source{Roll: "web"}}},
	}
	l := render.Lock{
		Recipe: render.FromProfile(p, "trixie", "amd64"), Guest: strings.Repeat("7", 64), Epoch: render.Epoch,
		Indexes: []render.Index{{Suite: "trixie", Date: time.Date(2026, 9, 12, 7, 55, 41, 0, time.UTC), SHA256: strings.Repeat("8", 64)}},
		Packages: []render.LockedPackage{
			{Name: "libstdc++6", Version: "1:14.2~rc+dfsg-1", Architecture: "amd64", Size: 5, SHA256: strings.Repeat("1", 64), Suite: "trixie", Component: "main", Filename: "pool/main/l.deb"},
			{Name: "nginx", Version: "1.26-3+deb13u1", Architecture: "amd64", Size: 6, SHA256: strings.Repeat("2", 64), Suite: "trixie-security", Component: "main", Filename: "pool/updates/main/n.deb"},
		},
	}
	return render.NewLockFile(nil, map[string]roll.Profile{"web": p, "other": p}, map[string]render.Lock{"web": l, "other": l})
}

// read writes the document and reads it with the library's own reader.
func read(t *testing.T, f render.LockFile) *v2_3.Document {
	t.Helper()
	var raw bytes.Buffer
	if err := spdxjson.Write(sbom.FromLock(f, "1.0"), &raw); err != nil {
		t.Fatal(err)
	}
	checkShape(t, raw.Bytes())
	var doc v2_3.Document
	if err := spdxjson.ReadInto(&raw, &doc); err != nil {
		t.Fatal(err)
	}
	return &doc
}

var elementID = regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`)

// checkShape wants what the specification calls mandatory: sections 6 to 8 and 11.
func checkShape(t *testing.T, raw []byte) {
	t.Helper()
	var doc struct {
		SPDXVersion, DataLicense, SPDXID, Name, DocumentNamespace string
		CreationInfo                                              struct {
			Created  string
			Creators []string
		}
		Packages []struct {
			SPDXID, Name, DownloadLocation string
			FilesAnalyzed                  *bool
		}
		Files []struct {
			SPDXID, FileName string
			Checksums        []struct{ Algorithm, ChecksumValue string }
		}
		Relationships []struct{ SPDXElementID, RelatedSPDXElement, RelationshipType string }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.SPDXVersion != "SPDX-2.3" || doc.DataLicense != "CC0-1.0" || doc.SPDXID != "SPDXRef-DOCUMENT" || doc.Name == "" ||
		!strings.HasPrefix(doc.DocumentNamespace, "urn:quarry:lock:sha256:") || strings.Contains(doc.DocumentNamespace, "#") {
		t.Errorf("head %+v", doc)
	}
	if at, err := time.Parse("2006-01-02T15:04:05Z", doc.CreationInfo.Created); err != nil || at.Year() != 2026 || len(doc.CreationInfo.Creators) != 1 {
		t.Errorf("creation %+v, %v", doc.CreationInfo, err)
	}
	known := map[string]bool{doc.SPDXID: true}
	add := func(id string) {
		if !elementID.MatchString(id) || known[id] {
			t.Errorf("identifier %q is wrong or there twice", id)
		}
		known[id] = true
	}
	for _, p := range doc.Packages {
		if add(p.SPDXID); p.Name == "" || p.DownloadLocation == "" || p.FilesAnalyzed == nil || *p.FilesAnalyzed {
			t.Errorf("package %+v", p)
		}
	}
	for _, f := range doc.Files {
		sums := map[string]int{}
		for _, s := range f.Checksums {
			sums[s.Algorithm] = len(s.ChecksumValue)
		}
		if add(f.SPDXID); !strings.HasPrefix(f.FileName, "./") || sums["SHA1"] != 40 || sums["SHA256"] != 64 {
			t.Errorf("file %+v", f)
		}
	}
	for _, r := range doc.Relationships {
		if !known[r.SPDXElementID] || !known[r.RelatedSPDXElement] || r.RelationshipType == "" {
			t.Errorf("relationship %+v", r)
		}
	}
}

func TestDocument(t *testing.T) {
	doc := read(t, lockFile())
	var names []string
	for _, p := range doc.Packages {
		names = append(names, p.PackageName)
		if len(p.PackageExternalReferences) == 0 {
			continue
		}
		purl, err := packageurl.FromString(p.PackageExternalReferences[0].Locator)
		if err != nil || purl.Name != p.PackageName || purl.Version != p.PackageVersion || purl.Qualifiers.Map()["distro"] != "trixie" {
			t.Errorf("%s: purl %+v, %v", p.PackageName, purl, err)
		}
	}
	slices.Sort(names)
	if want := []string{"libstdc++6", "nginx", "quarry-guest", "quarry-image-other", "quarry-image-web"}; !slices.Equal(names, want) {
		t.Errorf("packages %v, want %v", names, want)
	}
	if len(doc.Files) != 2 { // the template is no part of the image
		t.Errorf("%d files", len(doc.Files))
	}
	count := map[string]int{}
	for _, r := range doc.Relationships {
		count[r.Relationship]++
	}
	if count["DESCRIBES"] != 2 || count["CONTAINS"] != 8 || count["GENERATED_FROM"] != 2 {
		t.Errorf("relationships %v", count)
	}
}

func TestOneLockOneDocument(t *testing.T) {
	write := func() string {
		var raw bytes.Buffer
		if err := spdxjson.Write(sbom.FromLock(lockFile(), "1.0"), &raw); err != nil {
			t.Fatal(err)
		}
		return raw.String()
	}
	if first, second := write(), write(); first != second {
		t.Error("the same lock gave two documents")
	}
}
