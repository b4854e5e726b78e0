// Package render turns a profile into what makes machines of it: the recipe
// of an image, locked to exact packages. Pure.
package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"quarry/internal/roll"
)

// RecipeVersion changes whenever the way an image is made from a recipe
// changes, so that old images are not taken for new ones.
const RecipeVersion = 1

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
}

// LockedPackage is one exact package.
type LockedPackage struct {
	Name         string `json:"name"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	Size         int64  `json:"size"` // bytes
	SHA256       string `json:"sha256"`
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

// Address is the content address of the image that the lock makes: the
// SHA-256 of its canonical JSON, in hex. Where a thing stands in its roll
// never changes what is made of it, and so is no part of it.
func (l Lock) Address() string {
	l.Recipe.Files = slices.Clone(l.Recipe.Files)
	for i := range l.Recipe.Files {
		l.Recipe.Files[i].From = roll.Source{}
	}
	l.Recipe.Scripts = slices.Clone(l.Recipe.Scripts)
	for i := range l.Recipe.Scripts {
		l.Recipe.Scripts[i].From = roll.Source{}
	}
	raw, err := json.Marshal(l)
	if err != nil {
		panic(fmt.Sprintf("render: a lock is always JSON: %v", err))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
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
