package source

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quarry/internal/needs"
)

func TestProfileMakesTheChangesOfMake(t *testing.T) {
	for _, c := range []struct{ file, in, want string }{
		{"graphs/default/a.xml", "<graph><graph>\n<graph os='x'>", "<graph roll=\"r\"><graph roll=\"r\">\n<graph os='x'>"},
		{"nodes/a.xml", "<kickstart>\n <kickstart>\n<kickstart interface=''>", "<kickstart roll=\"r\">\n <kickstart>\n<kickstart roll=\"r\" interface=''>"},
		{"site-nodes/a.xml", "<jumpstart>", `<jumpstart roll="r">`},
		{"nodes/a.xml", "<changelog>a & b\n \t</changelog>", "<changelog><![CDATA[a & b\n]]></changelog>"},
		{"nodes/a.xml", "x  <changelog/> <changelog>", "x  <changelog/><changelog><![CDATA["},
		{"include/a.xml", "<kickstart><changelog>", "<kickstart><changelog>"},
		{"graphs/default/a.xml", "<kickstart>", "<kickstart>"},
	} {
		if got := string(profile(c.file, "r", []byte(c.in))); got != c.want {
			t.Errorf("%s: %q becomes %q, want %q", c.file, c.in, got, c.want)
		}
	}
}

// The same text goes through sed with the expressions that Rocks uses.
func TestProfileIsLikeSed(t *testing.T) {
	needs.Program(t, "sed")
	changelog := []string{`s%[[:space:]]*<changelog>%<changelog><![CDATA[%g`, `s%[[:space:]]*</changelog>%]]></changelog>%g`}
	first := map[string][]string{
		"graphs/default/a.xml": {`s%<graph>%<graph roll="r">%g`},
		"nodes/a.xml":          {`s%^<kickstart%<kickstart roll="r"%g`, `s%^<jumpstart%<jumpstart roll="r"%g`},
	}
	words := []string{"<graph>", "<graph ", "<kickstart>", "<kickstart", "<jumpstart", "<changelog>", "</changelog>", "\n", "\n", " ", "\t", "\r", "x", "&", "é"}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 30).Draw(t, "text"), "")
		for file, expressions := range first {
			var args []string
			for _, e := range append(expressions, changelog...) {
				args = append(args, "-e", e)
			}
			c := exec.Command("sed", args...)
			c.Stdin = strings.NewReader(text)
			c.Env = []string{"LC_ALL=C"}
			want, err := c.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := profile(file, "r", []byte(text)); string(got) != string(want) {
				t.Errorf("%s: %q becomes %q, sed says %q", file, text, got, want)
			}
		}
	})
}

func TestRollNames(t *testing.T) {
	for _, c := range []struct{ makefile, version, want, rule string }{
		{"", "ROLLNAME = hpc", "hpc", ""},
		{"ROLLNAME = other\n", "NAME = roll-$(ROLLNAME)\nexport ROLLNAME := hpc # yes", "hpc", ""},
		{"", "X = hp\nROLLNAME=${X}c\n\nall:\n\tROLLNAME=no", "hpc", ""},
		{"", "ROLLNAME ?= hpc\nROLLNAME ?= no", "hpc", ""},
		{"", "NAME = roll-hpc", "hpc", "source-name"},
		{"", "A = $(B)\nB = $(A)$(A)\nROLLNAME = $(A)\nNAME = hpc", "hpc", "source-name"},
		{"", "ROLLNAME = $(shell hostname)\nNAME = hpc", "hpc", "source-name"},
	} {
		files := map[string]string{"nodes/a.xml": "<kickstart>", "Makefile": c.makefile, "version.mk": c.version}
		tree := open(t, write(t, files))
		if got := tree.Rolls[0].Name; got != c.want {
			t.Errorf("%q: called %q, want %q", c.version, got, c.want)
		}
		rule := ""
		for _, f := range tree.Findings {
			rule = f.Rule
		}
		if rule != c.rule {
			t.Errorf("%q: finding %q, want %q", c.version, rule, c.rule)
		}
	}
}

func TestSourceTreeFindings(t *testing.T) {
	tree := open(t, write(t, map[string]string{
		"version.mk": "ROLLNAME = x\nVERSION = 7.0\nRELEASE = $(VERSION)-1", "nodes/a.xml": "<kickstart>", "nodes/b.xml.in": "", "nodes/c.xml": "", "nodes/c.xml.in": "",
		"include/screens/s.py": "", "include/other/left.py": "", "graphs/other/g.xml": "", "src/tool/Makefile": "", "RPMS/noarch/data-1-1.noarch.rpm": "",
	}))
	var found []string
	for _, f := range tree.Findings {
		found = append(found, f.Rule+" "+f.File[strings.LastIndex(f.File, "/")+1:])
	}
	if got, want := strings.Join(found, ", "), "source-generated b.xml.in, source-left-out g.xml, source-left-out left.py"; got != want {
		t.Errorf("findings are %q, want %q", got, want)
	}
	r := tree.Rolls[0]
	if r.Version != "7.0" || r.Release != "7.0-1" || strings.Join(r.Packages, " ") != "data tool" {
		t.Errorf("the roll is %+v", r)
	}
	if _, ok := contents(tree)["include/screens/s.py"]; !ok {
		t.Error("a screen is missing")
	}
}
