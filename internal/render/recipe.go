// Package render turns a profile into what makes machines of it: the recipe
// of an image, locked to exact packages. Pure.
package render

import (
	"slices"
	"time"

	"quarry/internal/roll"
)

// RecipeVersion changes whenever the way an image is made from a recipe
// changes, so that old images are not taken for new ones.
const RecipeVersion = 4

// Epoch is the time of everything in an image that is newer: an image shows
// what is in it, not when it was made. A lock keeps the one it was made with.
const Epoch = 1735689600 // seconds since 1970: 2025-01-01

// Recipe says what goes into an image. It names no vnode and holds no secret.
type Recipe struct {
	Version      int           `json:"version"`
	Suite        string        `json:"suite"`        // "trixie"
	Architecture string        `json:"architecture"` // "amd64"
	Packages     []string      `json:"packages"`     // sorted, each once
	Files        []roll.File   `json:"files"`        // none of them a template
	Enabled      []string      `json:"enabled"`      // units, sorted
	Disabled     []string      `json:"disabled"`
	Masked       []string      `json:"masked"`
	Scripts      []roll.Script `json:"scripts"` // install scripts, in order
	// Origins say which roll brought a package, for messages only: they never
	// change what is installed, and so are no part of the address.
	Origins map[string]roll.Source `json:"-"`
}

// Lock is a recipe with every package pinned.
type Lock struct {
	Recipe   Recipe          `json:"recipe"`
	Packages []LockedPackage `json:"packages"` // sorted by name, the whole closure
	// Guest is the SHA-256 (hex) of the guest program put into the image.
	Guest string `json:"guest"`
	// Epoch is the newest time that anything in the image has, in seconds
	// since 1970.
	Epoch int64 `json:"epoch"`
	// Indexes are what the hashes were taken from. What is made does not
	// depend on them, and so they are no part of the address.
	Indexes []Index `json:"indexes,omitempty"`
}

// Index is a signed index of packages whose signature was verified.
type Index struct {
	Suite  string    `json:"suite"`
	Date   time.Time `json:"date"`   // when it was signed
	SHA256 string    `json:"sha256"` // of the signed file
}

// LockedPackage is one exact package.
type LockedPackage struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	Size         int64  `json:"size"` // bytes
	SHA256       string `json:"sha256"`
	// Suite and Component are where the index had it ("trixie-security", "main").
	Suite     string `json:"suite"`
	Component string `json:"component"`
	// Filename is the path below the mirror's root ("pool/main/…"): a mirror
	// is the provider's own affair and no part of the lock.
	Filename string `json:"filename"`
	// Part is PartBase, PartBoot or empty: what the profile adds.
	Part string `json:"part,omitempty"`
}

// The parts of an image that all profiles of one release share.
const (
	PartBase = "base" // the plain machine
	PartBoot = "boot" // unpacked, not installed: the kernel and what starts it
)

// Address is the content address of the image that the lock makes, see
// [LockedImage.Address]. Where a thing stands in its roll never changes what is
// made of it, nor do names of packages that are locked anyway.
func (l Lock) Address() string {
	var none LockFile // the hashes are enough
	return none.image(l).Address()
}

// FromProfile makes the recipe of a profile for one OS release. Packages are
// sorted: their order never changes what is installed.
func FromProfile(p roll.Profile, suite, architecture string) Recipe {
	r := Recipe{
		Version: RecipeVersion, Suite: suite, Architecture: architecture, Scripts: p.Install,
		Origins: map[string]roll.Source{},
	}
	for _, pkg := range p.Packages {
		r.Packages = append(r.Packages, pkg.Name)
		if _, known := r.Origins[pkg.Name]; !known {
			r.Origins[pkg.Name] = pkg.From
		}
	}
	for _, f := range p.Files {
		if !f.Template {
			r.Files = append(r.Files, f)
		}
	}
	for _, s := range p.Services {
		switch s.State {
		case "enabled":
			r.Enabled = append(r.Enabled, s.Unit)
		case "masked":
			r.Masked = append(r.Masked, s.Unit)
		default: // the guest starts "started" units itself, later
			r.Disabled = append(r.Disabled, s.Unit)
		}
	}
	for _, list := range []*[]string{&r.Packages, &r.Enabled, &r.Disabled, &r.Masked} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return r
}
