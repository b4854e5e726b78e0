package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"quarry/internal/roll/rocks"
)

// maxMakefile bounds a Makefile, in bytes.
const maxMakefile = 1 << 20

var (
	assignment = regexp.MustCompile(`^(?:export\s+|override\s+)*([A-Za-z_][A-Za-z0-9_.]*)\s*(\?=|::?=|=)\s*(.*)$`)
	reference  = regexp.MustCompile(`\$(?:\(([A-Za-z0-9_.]+)\)|\{([A-Za-z0-9_.]+)\})`)
	plainName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.+-]{0,62}$`)
)

// variables are what Makefiles set in plain words. Nothing is run, and what
// depends on a condition is taken as if it always counted.
type variables map[string]string

// makefiles reads Makefile, then version.mk, which it includes.
func (b *builder) makefiles(dir string, root *os.Root) (variables, error) {
	v := variables{}
	for _, name := range []string{"Makefile", "version.mk"} {
		f, err := openPlain(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		where := filepath.Join(dir, name)
		if err != nil {
			return nil, readFault(where, err)
		}
		data, err := io.ReadAll(io.LimitReader(f, maxMakefile+1))
		f.Close()
		if err != nil {
			return nil, readFault(where, err)
		}
		if len(data) > maxMakefile {
			return nil, invalid(where, "is larger than %d bytes", maxMakefile)
		}
		v.parse(string(data))
	}
	return v, nil
}

func (v variables) parse(text string) {
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") { // a recipe
			continue
		}
		line, _, _ = strings.Cut(line, "#")
		m := assignment.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		if _, set := v[m[1]]; m[2] == "?=" && set {
			continue
		}
		v[m[1]] = m[3]
	}
}

// value is a variable with the variables in it replaced; "" if it is not set
// or holds anything that make would have to work out.
func (v variables) value(name string) string {
	text := v[name]
	for range 8 {
		if !reference.MatchString(text) {
			break
		}
		text = reference.ReplaceAllStringFunc(text, func(ref string) string {
			return v[ref[2:len(ref)-1]]
		})
		if len(text) > maxName {
			return ""
		}
	}
	if strings.Contains(text, "$") {
		return ""
	}
	return strings.TrimSpace(text)
}

// rollName is what the roll is called: ROLLNAME, else NAME without "roll-",
// else the folder's name.
func (b *builder) rollName(dir string, v variables) (string, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the roll: %w", err)
	}
	folder := filepath.Base(full)
	name := v.value("ROLLNAME")
	if name == "" {
		name = strings.TrimPrefix(v.value("NAME"), "roll-")
		if name == "" {
			name = folder
		}
		b.find(rocks.Finding{
			Rule: "source-name", Severity: rocks.Info, File: dir,
			Message: fmt.Sprintf("version.mk does not say ROLLNAME in plain words: the roll is called %q here, and after its folder (%q) by Rocks' make", name, folder),
			Fix:     "set ROLLNAME in version.mk",
		})
	}
	if !plainName.MatchString(name) {
		return "", invalid(filepath.Join(dir, "version.mk"), "the roll's name %q holds other than letters, digits and _.+-, or is longer than 63: set ROLLNAME to a plain name", name)
	}
	return name, nil
}
