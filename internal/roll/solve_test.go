package roll

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseRequirement(t *testing.T) {
	for in, want := range map[string]string{
		"base":              "base",
		" base>=1.2 ,<2 ":   "base >= 1.2, < 2",
		"a_b = 23.9~rc1-1":  "a_b = 23.9~rc1-1",
		"base != 2, != 3.1": "base != 2, != 3.1",
	} {
		r, err := ParseRequirement(in)
		if err != nil || r.String() != want {
			t.Errorf("%q: %v, %v, want %q", in, r, err, want)
		}
	}
	for in, want := range map[string]string{
		"":              "does not begin with the name",
		">= 1":          "does not begin with the name",
		"Base":          "does not begin with the name",
		"base 1":        "does not begin with one of",
		"base >= v1":    `"v1" is not a version`,
		"base >= 1,":    "a comma without a comparison",
		"base >":        `"" is not a version`,
		"base >= 1 < 2": `"1 < 2" is not a version`,
		"base" + strings.Repeat(" > 1,", 8) + "> 1": "more than 8 comparisons",
	} {
		if _, err := ParseRequirement(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func FuzzParseRequirement(f *testing.F) {
	f.Add("base >= 1.2, < 2", "1.5")
	f.Add("a!=0:1-~", "~")
	f.Fuzz(func(t *testing.T, in, have string) {
		r, err := ParseRequirement(in)
		if err != nil {
			return
		}
		again, err := ParseRequirement(r.String())
		if err != nil || again.String() != r.String() {
			t.Fatalf("%q is read as %q, which is read as %q: %v", in, r, again, err)
		}
		if again.allows(have) != r.allows(have) {
			t.Fatalf("%q allows %q only sometimes", in, have)
		}
	})
}

func TestCompareVersions(t *testing.T) {
	inOrder := []string{"", "1~rc1", "1", "1.0.1", "1.9", "1.10", "2-1", "2-2", "23.9", "23.10"}
	for i, a := range inOrder {
		for j, b := range inOrder {
			if got, want := compareVersions(a, b), i-j; got*want < 0 || (got == 0) != (want == 0) {
				t.Errorf("%q and %q: %d, want the sign of %d", a, b, got, want)
			}
		}
	}
}

// release makes a roll of "name version" with relations like
// "requires base >= 2".
func release(t testing.TB, ref string, relations ...string) *Roll {
	t.Helper()
	name, version, _ := strings.Cut(ref, " ")
	r := &Roll{Name: name, Version: version, dir: name}
	for _, text := range relations {
		kind, rest, _ := strings.Cut(text, " ")
		req, err := ParseRequirement(rest)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "requires":
			r.Requires = append(r.Requires, req)
		case "conflicts":
			r.Conflicts = append(r.Conflicts, req)
		default:
			p := Provision{Name: req.Name}
			if len(req.Bounds) > 0 {
				p.Version = req.Bounds[0].Version
			}
			r.Provides = append(r.Provides, p)
		}
	}
	return r
}

func TestResolve(t *testing.T) {
	c := NewCatalog(
		release(t, "base 1"), release(t, "base 2"), release(t, "gateway 1"),
		release(t, "old 1", "requires base < 2"),
		release(t, "condor 9"), release(t, "condor 23.9"), release(t, "condor 23.10", "requires base >= 2"),
		release(t, "openmpi 4", "provides mpi = 3.1", "conflicts mpi"), release(t, "mpich 4", "provides mpi", "conflicts mpi"),
		release(t, "lammps 1", "requires mpi"), release(t, "precise 1", "requires mpi >= 3"),
		release(t, "web 1", "provides httpd"), release(t, "wiki 1", "requires httpd"),
		release(t, "lost 1", "requires nowhere != 2"), release(t, "late 1", "requires condor > 24"),
	)
	cases := []struct {
		ask, want string
		wrong     []string
	}{
		{ask: "", want: "base@2 gateway@1"},
		{ask: "condor", want: "base@2 condor@23.10 gateway@1"},
		{ask: "condor@9 condor", want: "base@2 condor@9 gateway@1"},
		{ask: "condor@23.10.0", wrong: []string{`rolls[0]: there is no version "23.10.0" of roll condor; there are 23.10, 23.9, 9`}},
		{ask: "condor old", want: "base@1 condor@23.9 gateway@1 old@1"},
		{ask: "old condor@23.10", wrong: []string{
			"rolls: roll old 1 requires base < 2, but every cluster has base, of which 2 is the newest: no version of base fits both",
		}},
		{ask: "wiki", want: "base@2 gateway@1 web@1 wiki@1"},
		{ask: "lammps", wrong: []string{"rolls: roll lammps 1 requires mpi: mpich, openmpi provide it: add one of them"}},
		{ask: "lammps mpich", want: "base@2 gateway@1 lammps@1 mpich@4"},
		{ask: "precise", want: "base@2 gateway@1 openmpi@4 precise@1"},
		{ask: "lammps precise", want: "base@2 gateway@1 lammps@1 openmpi@4 precise@1"},
		{ask: "mpich openmpi", wrong: []string{"rolls: roll mpich conflicts with roll openmpi, which provides mpi: choose one"}},
		{ask: "mpi", wrong: []string{`rolls[0]: there is no roll "mpi"`}},
		{ask: "lost late condr old condor@23.10 mpich openmpi", wrong: []string{
			`rolls[2]: there is no roll "condr"; did you mean "condor"?`,
			"rolls: roll mpich conflicts with roll openmpi",
			"rolls: roll late 1 requires condor > 24, but the cluster asks for condor = 23.10, of which 23.10 is the newest: no version of condor fits both",
			"rolls: roll old 1 requires base < 2, but",
			"rolls: roll lost 1 requires nowhere != 2: there is no such roll",
		}},
	}
	for _, k := range cases {
		t.Run(k.ask, func(t *testing.T) {
			s, err := c.Select(strings.Fields(k.ask))
			wantDetails(t, err, k.wrong...)
			if got := strings.Join(s.Refs(), " "); err == nil && got != k.want {
				t.Errorf("chose %s, want %s", got, k.want)
			}
		})
	}
}

func TestCatalogKeepsVersions(t *testing.T) {
	c := NewCatalog(release(t, "a 1"), release(t, "a 10"), release(t, "a 9"))
	other := release(t, "a 9")
	d := c.With(other, release(t, "b 1"))
	if got := c.versions("a"); got != "10, 9, 1" || len(c["b"]) != 0 || d["a"][1] != other {
		t.Errorf("versions %s; With changed the catalog, or did not replace", got)
	}
	for ref, want := range map[string]string{"a": "a@10", "a@9": "a@9", "a@8": "", "c": "", "a@": ""} {
		r, err := d.Find(ref)
		if (err == nil) != (want != "") || err == nil && r.Ref() != want {
			t.Errorf("%s: %v, %v", ref, r, err)
		}
	}
}

// TestResolveProperties: what is chosen goes together, and something is
// chosen whenever anything goes together; a refusal has a reason.
func TestResolveProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"base", "gateway", "x", "y"}
		c := Catalog{}
		for _, name := range names {
			for v := 1; v <= rapid.IntRange(1, 3).Draw(t, "versions"); v++ {
				r := &Roll{Name: name, Version: fmt.Sprint(v)}
				for _, list := range []*[]Requirement{&r.Requires, &r.Conflicts} {
					for range rapid.IntRange(0, 1).Draw(t, "relations") {
						other := rapid.SampledFrom(names).Filter(func(n string) bool { return n != name }).Draw(t, "other")
						b := Bound{rapid.SampledFrom(relations).Draw(t, "relation"), fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "bound"))}
						*list = append(*list, Requirement{Name: other, Bounds: []Bound{b}})
					}
				}
				c = c.With(r)
			}
		}
		s, err := c.Select([]string{"x"})
		if err == nil && !together(s.rolls) {
			t.Fatalf("%v do not go together", s.Refs())
		}
		if err != nil && possible(c, names, nil) {
			t.Fatalf("refused, but it is possible: %v", err)
		}
	})
}

func together(rolls []*Roll) bool {
	for i, r := range rolls {
		for _, req := range r.Requires {
			if !slices.ContainsFunc(rolls, func(o *Roll) bool { return o.meets(req) }) {
				return false
			}
		}
		if slices.ContainsFunc(rolls[i+1:], func(o *Roll) bool { return o.Name == r.Name || clash(r, o) != "" }) {
			return false
		}
	}
	return true
}

// possible tries every choice of versions; y may be left out.
func possible(c Catalog, names []string, chosen []*Roll) bool {
	if len(names) == 0 {
		return together(chosen)
	}
	if names[0] == "y" && possible(c, names[1:], chosen) {
		return true
	}
	return slices.ContainsFunc(c[names[0]], func(r *Roll) bool {
		return possible(c, names[1:], append(slices.Clone(chosen), r))
	})
}

func TestManyVersionsAreRefusedInTime(t *testing.T) {
	c := NewCatalog(release(t, "base 1"), release(t, "gateway 1"))
	var ask []string
	for i := range 12 {
		name := fmt.Sprintf("r%d", i)
		ask = append(ask, name)
		for v := range 8 {
			c = c.With(release(t, fmt.Sprintf("%s %d", name, v+1), "requires base", "requires r11 > 9"))
		}
	}
	_, err := c.Select(ask)
	if got := details(t, err); !strings.Contains(got[len(got)-1], "too many combinations") {
		t.Errorf("%v", got)
	}
}
