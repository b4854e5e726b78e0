// Package sbom writes what a lock holds as a software bill of materials in the
// format SPDX 2.3. Pure: one lock gives one document.
package sbom

import (
	"crypto/sha1" //nolint:gosec // SPDX wants it of every file, beside SHA-256
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"quarry/internal/render"
)

const unknown = "NOASSERTION"

// FromLock makes the document of a lock file; version is this Quarry's. Each
// appliance's image is a package that contains the packages and files in it.
func FromLock(f render.LockFile, version string) *v2_3.Document {
	sum := sha256.Sum256(f.Encode())
	w := writer{lock: f, seen: map[common.ElementID]bool{}, doc: &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName:      "quarry-" + strings.Join(slices.Sorted(maps.Keys(f.Appliances)), "-"),
		DocumentNamespace: "urn:quarry:lock:sha256:" + hex.EncodeToString(sum[:]),
		CreationInfo: &v2_3.CreationInfo{
			Created:  lockedAt(f).UTC().Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "quarry-" + version}},
		},
	}}
	for _, name := range slices.Sorted(maps.Keys(f.Appliances)) {
		w.appliance(name, f.Appliances[name])
	}
	return w.doc
}

// lockedAt is the newest time that the lock knows of: a document says when its
// facts were gathered, not when somebody printed it.
func lockedAt(f render.LockFile) time.Time {
	var at time.Time
	for _, a := range f.Appliances {
		at = later(at, time.Unix(a.Image.Epoch, 0))
	}
	for _, i := range f.Indexes {
		at = later(at, i.Date)
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

type writer struct {
	lock render.LockFile
	doc  *v2_3.Document
	seen map[common.ElementID]bool // appliances share packages
}

func (w *writer) appliance(name string, a render.LockedAppliance) {
	image := identifier("Image", name, a.Address)
	w.pkg(&v2_3.Package{
		PackageName: "quarry-image-" + name, PackageSPDXIdentifier: image, PackageVersion: a.Address,
		PrimaryPackagePurpose: "OPERATING-SYSTEM",
		PackageComment:        fmt.Sprintf("%s %s, of the rolls %s", a.Image.Suite, a.Image.Architecture, strings.Join(w.lock.Rolls, ", ")),
	})
	w.relate("DOCUMENT", "DESCRIBES", image)
	for _, p := range a.Image.Packages {
		w.relate(image, "CONTAINS", w.locked(p, a.Image.Suite))
	}
	guest := identifier("Package", "quarry-guest", a.Image.Guest)
	w.pkg(&v2_3.Package{
		PackageName: "quarry-guest", PackageSPDXIdentifier: guest, PrimaryPackagePurpose: "APPLICATION",
		PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: a.Image.Guest}},
	})
	w.relate(image, "CONTAINS", guest)
	for _, file := range a.Image.Files {
		w.relate(image, "CONTAINS", w.file(file.Path, file.SHA256, "OTHER", a.Origins.Files[file.Path].Roll))
	}
	for _, s := range a.Image.Scripts {
		w.relate(image, "GENERATED_FROM", w.file(s.Name, s.SHA256, "SOURCE", a.Origins.Scripts[s.Name].Roll))
	}
}

// pkg adds a package once.
func (w *writer) pkg(p *v2_3.Package) {
	if w.seen[p.PackageSPDXIdentifier] {
		return
	}
	w.seen[p.PackageSPDXIdentifier] = true
	p.PackageDownloadLocation, p.PackageCopyrightText = unknown, unknown
	p.PackageLicenseConcluded, p.PackageLicenseDeclared = unknown, unknown
	w.doc.Packages = append(w.doc.Packages, p)
}

func (w *writer) locked(p render.LockedPackage, suite string) common.ElementID {
	id := identifier("Package", p.Name+"-"+p.Architecture, p.SHA256)
	purl := packageurl.NewPackageURL(packageurl.TypeDebian, "debian", p.Name, p.Version,
		packageurl.QualifiersFromMap(map[string]string{"arch": p.Architecture, "distro": suite}), "")
	w.pkg(&v2_3.Package{
		PackageName: p.Name, PackageSPDXIdentifier: id, PackageVersion: p.Version, PackageFileName: path.Base(p.Filename),
		PackageSupplier:   &common.Supplier{Supplier: unknown},
		PackageSourceInfo: fmt.Sprintf("%s %s, %s", p.Suite, p.Component, p.Filename),
		PackageChecksums:  []common.Checksum{{Algorithm: common.SHA256, Value: p.SHA256}},
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: "PACKAGE-MANAGER", RefType: "purl", Locator: purl.ToString(),
		}},
	})
	return id
}

// file adds a file of a roll once.
func (w *writer) file(name, digest, kind, from string) common.ElementID {
	id := identifier("File", name, digest)
	if w.seen[id] {
		return id
	}
	w.seen[id] = true
	sum := sha1.Sum([]byte(w.lock.Contents[digest])) //nolint:gosec // see the import
	w.doc.Files = append(w.doc.Files, &v2_3.File{
		FileName: "./" + strings.TrimPrefix(name, "/"), FileSPDXIdentifier: id, FileTypes: []string{kind},
		Checksums: []common.Checksum{
			{Algorithm: common.SHA1, Value: hex.EncodeToString(sum[:])}, {Algorithm: common.SHA256, Value: digest},
		},
		LicenseConcluded: unknown, LicenseInfoInFiles: []string{unknown}, FileCopyrightText: unknown, FileComment: "roll " + from,
	})
	return id
}

func (w *writer) relate(from common.ElementID, how string, to common.ElementID) {
	w.doc.Relationships = append(w.doc.Relationships, &v2_3.Relationship{
		RefA: common.MakeDocElementID("", string(from)), Relationship: how, RefB: common.MakeDocElementID("", string(to)),
	})
}

var notInIdentifier = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// identifier names an element: readable, and its own for each name and digest.
func identifier(kind, name, digest string) common.ElementID {
	sum := sha256.Sum256([]byte(name + "\n" + digest))
	readable := strings.Trim(notInIdentifier.ReplaceAllString(name, "-"), "-")
	return common.ElementID(fmt.Sprintf("%s-%s-%x", kind, readable, sum[:6]))
}
