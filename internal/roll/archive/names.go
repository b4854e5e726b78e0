package archive

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"quarry/internal/fault"
)

// maxProblems bounds the answer to an archive that is wrong all over.
const maxProblems = 100

// checker gathers the files of an archive and what is wrong with it.
type checker struct {
	files   map[string]file
	names   map[string]entry // by the name in small letters
	entries int
	bytes   int64
	broken  bool // it could not be read to its end
	wrong   fault.List
	more    int // problems that are not told
}

// entry is a name that is taken.
type entry struct {
	name    string
	folder  bool
	implied bool // a folder that had no entry of its own so far
}

func (c *checker) add(where, format string, args ...any) {
	if len(c.wrong.Details()) >= maxProblems {
		c.more++
		return
	}
	c.wrong.Add(shown(where), fmt.Sprintf(format, args...))
}

// shown makes a name from an archive fit to be printed.
func shown(name string) string {
	if len(name) > MaxPath {
		name = name[:MaxPath] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

// name refuses a name that is not clean, or that something else has. raw is
// the name as it stands in the archive.
func (c *checker) name(name, raw string, folder bool) bool {
	if c.files == nil {
		c.files, c.names = map[string]file{}, map[string]entry{}
	}
	if why := unclean(name); why != "" {
		c.add(raw, "%s", why)
		return false
	}
	for parent := path.Dir(name); parent != "."; parent = path.Dir(parent) {
		if !c.take(entry{parent, true, true}, raw) {
			return false
		}
	}
	return c.take(entry{name, folder, false}, raw)
}

// take claims a name; folders may be implied by many names below them.
func (c *checker) take(e entry, raw string) bool {
	key := strings.ToLower(e.name)
	old, taken := c.names[key]
	switch {
	case !taken:
		c.names[key] = e
		return true
	case old.name != e.name:
		c.add(raw, "%s differs from %s in case alone, which not every machine can tell apart", shown(e.name), shown(old.name))
	case old.folder != e.folder:
		c.add(raw, "%s is a file here and a folder there", shown(e.name))
	case e.implied:
		return true
	case old.implied:
		c.names[key] = e
		return true
	default:
		c.add(raw, "is there twice")
	}
	return false
}

// unclean says what is wrong with a name, "" if nothing is.
func unclean(name string) string {
	switch {
	case name == "":
		return "has no name"
	case !utf8.ValidString(name):
		return "has a name that is not UTF-8"
	case len(name) > MaxPath:
		return fmt.Sprintf("has a name of %d bytes, at most %d are allowed", len(name), MaxPath)
	case strings.HasPrefix(name, "/"):
		return "has an absolute name: names are relative to the roll"
	case strings.Contains(name, `\`):
		return `has a \ in its name`
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "has a name with characters that cannot be printed"
	}
	elements := strings.Split(name, "/")
	if len(elements) > MaxDepth+1 {
		return fmt.Sprintf("lies in %d folders, at most %d are allowed", len(elements)-1, MaxDepth)
	}
	for _, e := range elements {
		switch e {
		case "..":
			return `has a ".." in its name, which leads out of the roll`
		case "", ".":
			return fmt.Sprintf("has the empty part %q in its name", e)
		}
	}
	return ""
}
