// Package standin has what tests of several packages put in the place of the
// world. Only tests import it.
package standin

import (
	"fmt"
	"slices"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/render"
)

// Lock locks a recipe as an image store does whose every package is there in
// version 1, but for those that are unknown.
func Lock(r render.Recipe, unknown ...string) (render.Lock, error) {
	var l fault.List
	lock := render.Lock{Recipe: r, Guest: strings.Repeat("0", 64), Epoch: render.Epoch}
	for _, p := range r.Packages {
		lock.Packages = append(lock.Packages, render.LockedPackage{
			Name: p, Version: "1", Architecture: r.Architecture, Size: 1, SHA256: strings.Repeat("1", 64), Filename: "pool/" + p + ".deb",
		})
		if slices.Contains(unknown, p) {
			l.Add("", fmt.Sprintf("there is no package %q in %s", p, r.Suite))
		}
	}
	return lock, l.Err(fault.Invalid, "unknown packages")
}
