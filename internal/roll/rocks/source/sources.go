package source

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/roll/rocks"
)

// sources reads a roll's source tree and makes of it what Rocks' "make profile"
// puts into the kickstart package.
func (b *builder) sources(ctx context.Context, dir string, root *os.Root) error {
	m, err := b.makefiles(dir, root)
	if err != nil {
		return err
	}
	name, err := b.rollName(dir, m)
	if err != nil {
		return err
	}
	roll := Roll{Name: name, From: dir, Version: m.value("VERSION"), Release: m.value("RELEASE")}
	roll.Packages, err = sourcePackages(root)
	if err != nil {
		return readFault(dir, err)
	}
	b.out.Rolls = append(b.out.Rolls, roll)
	b.generated(dir, root)
	return b.walk(ctx, dir, root, func(file, origin string) error {
		if !packed(file) {
			b.find(rocks.Finding{
				Rule: "source-left-out", Severity: rocks.Info, File: origin,
				Message: "is not of a kind that \"make profile\" puts into the kickstart package, so Rocks never sees it",
			})
			return nil
		}
		f, err := openPlain(root, file)
		if err != nil {
			return readFault(origin, err)
		}
		defer f.Close()
		data, err := b.read(file, origin, f)
		if err != nil {
			return err
		}
		return b.put(file, origin, profile(file, name, data))
	})
}

// included are the files below include/ that "make profile" takes, by folder.
var included = map[string][]string{
	"screens": {".py"}, "installclass": {".py"}, "installclasses": {".py"}, "applets": {".py"},
	"javascript": {".js"}, "json": {".json"}, "ansible": {".yaml", ".yml"},
}

// packed says whether "make profile" takes a file of a source tree. Its
// patterns leave out hidden files and other graphs than the default one.
func packed(file string) bool {
	dir, base := path.Split(file)
	if strings.HasPrefix(base, ".") {
		return false
	}
	switch dir {
	case "graphs/default/", "nodes/", "site-nodes/":
		return true
	}
	kind, ok := strings.CutPrefix(path.Clean(dir), "include/")
	return ok && slices.Contains(included[kind], path.Ext(base))
}

var (
	graphStart     = []byte("<graph>")
	nodeStart      = regexp.MustCompile(`(?m)^<(kickstart|jumpstart)`)
	changelogStart = regexp.MustCompile(`[ \t\v\f\r]*<changelog>`)
	changelogEnd   = regexp.MustCompile(`[ \t\v\f\r]*</changelog>`)
)

// profile makes the changes of "make profile" in one file: an element learns
// its roll, and change logs become plain text, whatever they hold. No line is
// added or taken away.
func profile(file, roll string, data []byte) []byte {
	switch {
	case strings.HasPrefix(file, "graphs/"):
		data = bytes.ReplaceAll(data, graphStart, []byte(`<graph roll="`+roll+`">`))
	case strings.HasPrefix(file, "nodes/"), strings.HasPrefix(file, "site-nodes/"):
		data = nodeStart.ReplaceAll(data, []byte(`<$1 roll="`+roll+`"`))
	default:
		return data
	}
	data = changelogStart.ReplaceAllLiteral(data, []byte("<changelog><![CDATA["))
	return changelogEnd.ReplaceAllLiteral(data, []byte("]]></changelog>"))
}

// generated tells of nodes that only exist after the roll was built.
func (b *builder) generated(dir string, root *os.Root) {
	for _, folder := range []string{"nodes", "site-nodes", "graphs/default"} {
		for _, name := range names(root, folder) {
			xml, ok := strings.CutSuffix(name, ".in")
			if !ok || !strings.HasSuffix(xml, ".xml") {
				continue
			}
			if _, err := root.Stat(path.Join(folder, xml)); err == nil {
				continue
			}
			b.find(rocks.Finding{
				Rule: "source-generated", Severity: rocks.Warning, File: filepath.Join(dir, folder, name),
				Message: fmt.Sprintf("%s/%s is made from this file when the roll is built, so it is not there yet", folder, xml),
				Fix:     "give the built roll's ISO or kickstart RPM",
			})
		}
	}
}

// sourcePackages are the packages that the roll builds or carries itself.
func sourcePackages(root *os.Root) ([]string, error) {
	var all []string
	for _, name := range names(root, "src") {
		if info, err := root.Stat(path.Join("src", name)); err == nil && info.IsDir() {
			all = append(all, name)
		}
	}
	for _, folder := range []string{"RPMS", "RPMS/noarch", "RPMS/x86_64"} {
		for _, name := range names(root, folder) {
			if p, ok := packageOf(name); ok {
				all = append(all, p)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// names lists a folder of root; nothing if there is none.
func names(root *os.Root, folder string) []string {
	f, err := root.Open(folder)
	if err != nil {
		return nil
	}
	defer f.Close()
	all, err := f.Readdirnames(maxListed)
	if err != nil {
		return nil
	}
	slices.Sort(all)
	return all
}
