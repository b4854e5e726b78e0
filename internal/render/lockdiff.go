package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What changed from one lock to another.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Kinds of things that change.
const (
	ChangeRoll      = "roll"
	ChangeParameter = "parameter"
	ChangeAppliance = "appliance"
	ChangePackage   = "package"
	ChangeFile      = "file"
	ChangeScript    = "script"
	ChangeUnit      = "unit"
	ChangeImage     = "image" // what all of an image depends on
)

// Change is one difference between two locks.
type Change struct {
	// Appliance is whose it is, "" for what all share.
	Appliance string `json:"appliance,omitempty"`
	Kind      string `json:"kind"`
	Change    string `json:"change"` // Added, Removed or Changed
	Name      string `json:"name"`
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	// Suite is where the package comes from now, or came from.
	Suite string `json:"suite,omitempty"`
	// Security is set if the package comes from the suite's security archive.
	Security bool `json:"security,omitempty"`
}

// DiffLocks returns what changed from one lock file to another, in a fixed
// order; nothing if both make the same machines.
func DiffLocks(from, to LockFile) []Change {
	d := differ{}
	d.values(ChangeRoll, versions(from.Rolls), versions(to.Rolls))
	d.values(ChangeParameter, from.Parameters, to.Parameters)
	for _, name := range union(from.Appliances, to.Appliances) {
		a, hadIt := from.Appliances[name]
		b, hasIt := to.Appliances[name]
		d.appliance = name
		if !hadIt || !hasIt {
			d.add(ChangeAppliance, name, a.Address, b.Address)
			continue
		}
		d.image(a.Image, b.Image)
		d.boot(a.Boot, b.Boot)
	}
	return d.list
}

type differ struct {
	appliance string
	list      []Change
}

// add records a change; an empty side is where the thing is not.
func (d *differ) add(kind, name, from, to string) *Change {
	c := Change{Appliance: d.appliance, Kind: kind, Change: Changed, Name: name, From: from, To: to}
	switch {
	case from == "":
		c.Change = Added
	case to == "":
		c.Change = Removed
	}
	d.list = append(d.list, c)
	return &d.list[len(d.list)-1]
}

func (d *differ) values(kind string, from, to map[string]string) {
	for _, name := range union(from, to) {
		a, hadIt := from[name]
		b, hasIt := to[name]
		switch {
		case !hadIt:
			d.add(kind, name, "", cmp.Or(b, `""`))
		case !hasIt:
			d.add(kind, name, cmp.Or(a, `""`), "")
		case a != b:
			d.add(kind, name, cmp.Or(a, `""`), cmp.Or(b, `""`))
		}
	}
}

func (d *differ) image(a, b LockedImage) {
	d.values(ChangeImage, a.facts(), b.facts())
	d.packages(a.Packages, b.Packages)
	d.values(ChangeFile, describeFiles(a.Files), describeFiles(b.Files))
	d.values(ChangeScript, describeScripts(a.Scripts), describeScripts(b.Scripts))
	d.order("install scripts", names(a.Scripts), names(b.Scripts))
	d.values(ChangeUnit, a.units(), b.units())
}

func (d *differ) boot(a, b LockedBoot) {
	d.values(ChangeFile, describeFiles(a.Files), describeFiles(b.Files))
	for _, kind := range []struct {
		name string
		a, b []LockedScript
	}{{"boot scripts", a.Scripts, b.Scripts}, {"cluster scripts", a.Cluster, b.Cluster}, {"checks", a.Checks, b.Checks}} {
		d.values(ChangeScript, describeScripts(kind.a), describeScripts(kind.b))
		d.order(kind.name, names(kind.a), names(kind.b))
	}
	d.values(ChangeUnit, started(a), started(b))
	d.order("started units", a.Started, b.Started)
}

// order tells when what both have comes in another order.
func (d *differ) order(what string, a, b []string) {
	inBoth := func(list, other []string) string {
		kept := slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !slices.Contains(other, s) })
		return strings.Join(kept, " ")
	}
	if from, to := inBoth(a, b), inBoth(b, a); from != to {
		d.add(ChangeImage, "order of the "+what, from, to)
	}
}

func (d *differ) packages(from, to []LockedPackage) {
	a, b := byKey(from), byKey(to)
	for _, key := range union(a, b) {
		p, q := a[key], b[key]
		if p == q {
			continue
		}
		was, is := p.Version, q.Version
		if was == is && p.SHA256 != q.SHA256 {
			was, is = fmt.Sprintf("%s sha256 %.12s", was, p.SHA256), fmt.Sprintf("%s sha256 %.12s", is, q.SHA256)
		} else if was == is { // it only moved
			was, is = was+" in "+p.Suite, is+" in "+q.Suite
		}
		suite := cmp.Or(q.Suite, p.Suite)
		c := d.add(ChangePackage, cmp.Or(q.Name, p.Name), was, is)
		c.Suite, c.Security = suite, strings.HasSuffix(suite, "-security")
	}
}

// byKey tells apart a package that is installed from one that is only unpacked.
func byKey(list []LockedPackage) map[string]LockedPackage {
	m := map[string]LockedPackage{}
	for _, p := range list {
		unpacked := ""
		if p.Part == PartBoot {
			unpacked = PartBoot
		}
		m[p.Name+" "+p.Architecture+" "+unpacked] = p
	}
	return m
}

func (i LockedImage) facts() map[string]string {
	return map[string]string{
		"recipe": fmt.Sprint(i.Recipe), "suite": i.Suite, "architecture": i.Architecture,
		"epoch": fmt.Sprint(i.Epoch), "guest program": "sha256 " + i.Guest[:min(12, len(i.Guest))],
	}
}

func (i LockedImage) units() map[string]string {
	m := map[string]string{}
	for state, units := range map[string][]string{"enabled": i.Enabled, "disabled": i.Disabled, "masked": i.Masked} {
		for _, u := range units {
			m[u] = state
		}
	}
	return m
}

// started leaves out the state that a unit has in the image.
func started(b LockedBoot) map[string]string {
	m := map[string]string{}
	for _, u := range b.Started {
		m[u] = "started"
	}
	return m
}

func describeFiles(files []LockedFile) map[string]string {
	m := map[string]string{}
	for _, f := range files {
		m[f.Path] = fmt.Sprintf("%s %s sha256 %.12s", f.Mode, f.Owner, f.SHA256)
	}
	return m
}

func describeScripts(scripts []LockedScript) map[string]string {
	m := map[string]string{}
	for _, s := range scripts {
		m[s.Name] = strings.TrimSpace(fmt.Sprintf("sha256 %.12s %s", s.SHA256, s.Timeout))
	}
	return m
}

func names(scripts []LockedScript) []string {
	list := make([]string, len(scripts))
	for i, s := range scripts {
		list[i] = s.Name
	}
	return list
}

// versions turns "name@version" into the version by the name.
func versions(rolls []string) map[string]string {
	m := map[string]string{}
	for _, r := range rolls {
		name, version, _ := strings.Cut(r, "@")
		m[name] = version
	}
	return m
}

func union[T any](a, b map[string]T) []string {
	all := slices.Collect(maps.Keys(a))
	all = slices.AppendSeq(all, maps.Keys(b))
	slices.Sort(all)
	return slices.Compact(all)
}
