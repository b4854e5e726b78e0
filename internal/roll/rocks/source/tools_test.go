package source

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/needs"
)

// build makes a kickstart package with rpmbuild and returns its file.
func build(t *testing.T, roll, packing string, files map[string]string) string {
	t.Helper()
	top := t.TempDir()
	spec := "Name: roll-" + roll + "-kickstart\nVersion: 7.0\nRelease: 0\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%install\n"
	spec += "mkdir -p %{buildroot}/export/profile\ncp -r " + write(t, files) + "/. %{buildroot}/export/profile\n%files\n/export/profile\n"
	run(t, top, "sh", "-c", "cat > x.spec <<'END'\n"+spec+"END")
	run(t, top, "rpmbuild", "-bb", "--quiet", "--define", "_topdir "+top, "--define", "_binary_payload "+packing, "x.spec")
	return filepath.Join(top, "RPMS/noarch/roll-"+roll+"-kickstart-7.0-0.noarch.rpm")
}

// What rpmbuild and xorriso make, as Rocks would, reads as it went in.
func TestMadeByTheRealTools(t *testing.T) {
	needs.Program(t, "rpmbuild")
	needs.Program(t, "xorriso")
	one := map[string]string{"graphs/default/a.xml": "<graph/>", "nodes/a.xml": "<kickstart/>", "include/screens/a.py": "x"}
	for i := range 200 { // enough for folders of several sectors
		one[fmt.Sprintf("nodes/%03d-%s.xml", i, strings.Repeat("long", 30))] = strings.Repeat("text ", i)
	}
	two := map[string]string{"nodes/a.xml": "<kickstart roll='two'/>"}
	disc := t.TempDir()
	for name, rpm := range map[string]string{"one": build(t, "one", "w6.xzdio", one), "two": build(t, "two", "w9.gzdio", two)} {
		dir := filepath.Join(disc, name, "7.0/x86_64")
		if err := os.MkdirAll(filepath.Join(dir, "RedHat/RPMS"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "roll-"+name+".xml"), []byte(rollInfo(name)), 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, disc, "cp", rpm, filepath.Join(dir, "RedHat/RPMS"))
		for i := range 100 {
			tool := filepath.Join(dir, fmt.Sprintf("RedHat/RPMS/tool%d-%s-1-1.noarch.rpm", i, strings.Repeat("long", 40)))
			if err := os.WriteFile(tool, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	image := filepath.Join(t.TempDir(), "one+two.iso")
	run(t, disc, "xorriso", "-as", "mkisofs", "-quiet", "-V", "one+two", "-r", "-T", "-J", "-o", image, ".")
	want := maps.Clone(one)
	maps.Copy(want, two)
	tree := open(t, image)
	if diff := cmp.Diff(want, contents(tree)); diff != "" {
		t.Error(diff)
	}
	if len(tree.Rolls) != 2 || len(tree.Rolls[0].Packages) != 100 {
		t.Errorf("rolls are %+v", tree.Rolls)
	}
	if len(tree.Findings) != 1 || tree.Findings[0].Rule != "source-overwrite" {
		t.Errorf("findings are %+v", tree.Findings)
	}
}

func TestPayloadsOfRPMBuild(t *testing.T) {
	needs.Program(t, "rpmbuild")
	files := map[string]string{"nodes/a.xml": "<kickstart/>"}
	for _, packing := range []string{"w9.gzdio", "w6.xzdio", "w9.zstdio", "w9.bzdio", "w.ufdio"} {
		tree := open(t, build(t, "x", packing, files))
		if diff := cmp.Diff(files, contents(tree)); diff != "" {
			t.Errorf("%s: %s", packing, diff)
		}
	}
}

// Links and devices of an image are refused where they count.
func TestLinkOnAnImage(t *testing.T) {
	needs.Program(t, "xorriso")
	disc := write(t, rollISO("hpc", kickstartRPM(twoFiles)))
	rpms := filepath.Join(disc, "hpc/7.0/x86_64/RedHat/RPMS")
	name := "roll-hpc-kickstart-7.0-0.noarch.rpm"
	if err := os.Rename(filepath.Join(rpms, name), filepath.Join(disc, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../../elsewhere", filepath.Join(rpms, name)); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "x.iso")
	run(t, disc, "xorriso", "-as", "mkisofs", "-quiet", "-r", "-o", image, ".")
	_, err := Open(t.Context(), image)
	refused(t, err, "a link or a device")
}
