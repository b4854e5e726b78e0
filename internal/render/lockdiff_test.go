package render

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDiffLocks(t *testing.T) {
	from, to := lockFile(), lockFile()
	to.Rolls = []string{"base@1", "web@3", "new@1"}
	to.Parameters = map[string]string{"web.port": "81"}
	delete(to.Appliances, "plain")
	a := to.Appliances["web"]
	a.Image.Packages[1].Version = "8.14-3"
	a.Image.Packages[2] = LockedPackage{Name: "openssl", Version: "3.5", Architecture: "amd64", Suite: "trixie-security"}
	a.Image.Files[0].Mode = "0600"
	a.Image.Scripts[0].SHA256 = digestOf(5)
	a.Image.Enabled, a.Image.Masked = nil, []string{"m.service", "z.service"}
	a.Image.Recipe++
	a.Boot.Files[0].SHA256 = digestOf(6)
	a.Boot.Checks = nil
	to.Appliances["web"] = a
	want := []Change{
		{Kind: ChangeRoll, Change: Added, Name: "new", To: "1"},
		{Kind: ChangeRoll, Change: Changed, Name: "web", From: "2", To: "3"},
		{Kind: ChangeParameter, Change: Changed, Name: "web.port", From: "80", To: "81"},
		{Appliance: "plain", Kind: ChangeAppliance, Change: Removed, Name: "plain", From: from.Appliances["plain"].Address},
		{Appliance: "web", Kind: ChangeImage, Change: Changed, Name: "recipe", From: strconv.Itoa(RecipeVersion), To: strconv.Itoa(RecipeVersion + 1)},
		{Appliance: "web", Kind: ChangePackage, Change: Changed, Name: "curl", From: "8.14-2", To: "8.14-3", Suite: "trixie"},
		{Appliance: "web", Kind: ChangePackage, Change: Removed, Name: "nginx", From: "1.26+b1", Suite: "trixie-security", Security: true},
		{Appliance: "web", Kind: ChangePackage, Change: Added, Name: "openssl", To: "3.5", Suite: "trixie-security", Security: true},
		{Appliance: "web", Kind: ChangeFile, Change: Changed, Name: "/a", From: "0644 root:root sha256 37dbfeac32de", To: "0600 root:root sha256 37dbfeac32de"},
		{Appliance: "web", Kind: ChangeScript, Change: Changed, Name: "web/server/install", From: "sha256 a8076d3d28d2 1m0s", To: "sha256 000000000000 1m0s"},
		{Appliance: "web", Kind: ChangeUnit, Change: Changed, Name: "z.service", From: "enabled", To: "masked"},
		{Appliance: "web", Kind: ChangeFile, Change: Changed, Name: "/b", From: "  sha256 7d46a7849af2", To: "  sha256 000000000000"},
		{Appliance: "web", Kind: ChangeScript, Change: Removed, Name: "web/server/check", From: "sha256 9ab8fabc8c72"},
	}
	if diff := cmp.Diff(want, DiffLocks(from, to)); diff != "" {
		t.Error(diff)
	}
	if same := DiffLocks(from, lockFile()); len(same) != 0 {
		t.Errorf("a lock differs from itself: %v", same)
	}
}

func TestDiffSeesTheOrderOfScripts(t *testing.T) {
	from, to := lockFile(), lockFile()
	a, b := from.Appliances["web"], to.Appliances["web"]
	second := LockedScript{Name: "web/server/second"}
	a.Image.Scripts = append(a.Image.Scripts, second)
	b.Image.Scripts = append([]LockedScript{second}, b.Image.Scripts...)
	from.Appliances["web"], to.Appliances["web"] = a, b
	got := DiffLocks(from, to)
	if len(got) != 1 || got[0].Name != "order of the install scripts" || got[0].To != "web/server/second web/server/install" {
		t.Errorf("got %+v", got)
	}
}

// Two locks of different images always differ, and each change is told the
// other way round too.
func TestDiffIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) LockFile {
			f := lockFile()
			a := f.Appliances["web"]
			for i := range a.Image.Packages {
				p := &a.Image.Packages[i]
				p.Version = rapid.SampledFrom([]string{"1", "2"}).Draw(t, name+"version")
				p.SHA256 = digestOf(rapid.IntRange(0, 1).Draw(t, name+"hash"))
			}
			a.Image.Packages = a.Image.Packages[:rapid.IntRange(0, 3).Draw(t, name+"count")]
			a.Image.Files[0].Owner = rapid.SampledFrom([]string{"root:root", "x:x"}).Draw(t, name+"owner")
			f.Appliances["web"] = a
			return f
		}
		a, b := draw("a"), draw("b")
		there, back := DiffLocks(a, b), DiffLocks(b, a)
		if same := a.Appliances["web"].Image.Address() == b.Appliances["web"].Image.Address(); same != (len(there) == 0) {
			t.Fatalf("same image: %v, but %d changes", same, len(there))
		}
		for _, c := range back {
			i := slices.IndexFunc(there, func(o Change) bool { return o.Kind == c.Kind && o.Name == c.Name && o.From == c.To && o.To == c.From })
			if i < 0 {
				t.Fatalf("%+v is not among %+v", c, there)
			}
		}
	})
}
