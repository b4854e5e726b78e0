package roll

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quarry/internal/fault"
)

// Catalog is every roll that somebody may use, by name; the versions of one
// roll newest first. Make one with NewCatalog, LoadAll or With.
type Catalog map[string][]*Roll

// NewCatalog makes a catalog. Of two rolls with the same name and version the
// later one counts.
func NewCatalog(rolls ...*Roll) Catalog { return Catalog{}.With(rolls...) }

// With returns a catalog with more rolls in it; c stays as it is.
func (c Catalog) With(more ...*Roll) Catalog {
	all := make(Catalog, len(c)+len(more))
	for name, versions := range c {
		all[name] = slices.Clone(versions)
	}
	for _, r := range more {
		at, found := slices.BinarySearchFunc(all[r.Name], r, newestFirst)
		if found {
			all[r.Name][at] = r
			continue
		}
		all[r.Name] = slices.Insert(all[r.Name], at, r)
	}
	return all
}

func newestFirst(a, b *Roll) int { return compareVersions(b.Version, a.Version) }

// Names are the names of all rolls, sorted.
func (c Catalog) Names() []string { return slices.Sorted(maps.Keys(c)) }

// Newest are the newest versions of all rolls, by name.
func (c Catalog) Newest() []*Roll {
	var list []*Roll
	for _, name := range c.Names() {
		list = append(list, c[name][0])
	}
	return list
}

// Find returns the roll that a reference ("condor" or "condor@23.9") means:
// without a version the newest. What is not there is fault.NotFound.
func (c Catalog) Find(ref string) (*Roll, error) {
	req, message := c.reference(ref)
	if message != "" {
		return nil, fault.New(fault.NotFound, "no such roll", fault.Detail{Message: message})
	}
	return c.allowed(req)[0], nil
}

// reference reads "name" or "name@version"; the message says what is wrong
// with it, "" if nothing is.
func (c Catalog) reference(ref string) (req Requirement, message string) {
	name, exact, pinned := strings.Cut(ref, "@")
	req = Requirement{Name: name}
	if pinned {
		req.Bounds = []Bound{{"=", exact}}
	}
	switch {
	case len(c[name]) == 0:
		return req, fmt.Sprintf("there is no roll %q%s; there are %s",
			name, didYouMean(name, slices.Values(c.Names())), strings.Join(c.Names(), ", "))
	case pinned && checkVersion(exact) != nil, len(c.allowed(req)) == 0:
		return req, fmt.Sprintf("there is no version %q of roll %s; there are %s", exact, name, c.versions(name))
	}
	return req, ""
}

// allowed are the versions of the roll of that name that fit, newest first.
func (c Catalog) allowed(req Requirement) []*Roll {
	var list []*Roll
	for _, r := range c[req.Name] {
		if req.allows(r.Version) {
			list = append(list, r)
		}
	}
	return list
}

func (c Catalog) versions(name string) string {
	var list []string
	for _, r := range c[name] {
		list = append(list, r.Version)
	}
	return strings.Join(list, ", ")
}

// providers are the rolls of which some version goes by the other name that
// is required, sorted by name and newest first.
func (c Catalog) providers(req Requirement) (names []string, rolls []*Roll) {
	for _, name := range c.Names() {
		for _, r := range c[name] {
			if !r.provides(req) {
				continue
			}
			rolls = append(rolls, r)
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, rolls
}
