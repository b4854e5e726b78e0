package roll

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"pault.ag/go/debian/version"
)

// Requirement names a roll, or what a roll provides, and which versions of it.
type Requirement struct {
	Name string `json:"name"`
	// Bounds all hold of a version that fits; none fits every version.
	Bounds []Bound `json:"bounds,omitempty"`
	From   Source  `json:"from"`
}

// Bound is one comparison with a version.
type Bound struct {
	Relation string `json:"relation"` // one of relations
	Version  string `json:"version"`
}

// relations, the longer ones first.
var relations = []string{"<=", ">=", "!=", "<", ">", "="}

// maxBounds is how many comparisons a requirement may have.
const maxBounds = 8

// String is the requirement as it is written.
func (r Requirement) String() string {
	text := r.Name
	for i, b := range r.Bounds {
		if i > 0 {
			text += ","
		}
		text += " " + b.Relation + " " + b.Version
	}
	return text
}

// allows says whether a version is within the bounds.
func (r Requirement) allows(have string) bool {
	return !slices.ContainsFunc(r.Bounds, func(b Bound) bool { return !b.holds(have) })
}

func (b Bound) holds(have string) bool {
	c := compareVersions(have, b.Version)
	switch b.Relation {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "!=":
		return c != 0
	}
	return c == 0
}

// compareVersions orders versions as Debian does: numbers by value ("23.9" is
// before "23.10"), "~" before everything ("2~rc1" is before "2"). What is no
// version is before all that are.
func compareVersions(a, b string) int {
	va, errA := version.Parse(a)
	vb, errB := version.Parse(b)
	switch {
	case errA != nil && errB != nil:
		return cmp.Compare(a, b)
	case errA != nil:
		return -1
	case errB != nil:
		return 1
	}
	return version.Compare(va, vb)
}

var rollVersion = regexp.MustCompile(`^[0-9][A-Za-z0-9.+~-]{0,62}$`)

func checkVersion(text string) error {
	if !rollVersion.MatchString(text) {
		return fmt.Errorf("%q is not a version: 1 to 63 of letters, digits and . + ~ -, a digit first", text)
	}
	_, err := version.Parse(text)
	return err
}

// ParseRequirement reads "name", "name >= 1.2" or "name >= 1.2, < 2".
func ParseRequirement(text string) (Requirement, error) {
	text = strings.TrimSpace(text)
	end := strings.IndexAny(text, " \t<>=!")
	if end < 0 {
		end = len(text)
	}
	r := Requirement{Name: text[:end]}
	if !wordName.MatchString(r.Name) {
		return r, fmt.Errorf("%q does not begin with the name of a roll, as in \"base >= 1.2, < 2\"", text)
	}
	rest := strings.TrimSpace(text[end:])
	if rest == "" {
		return r, nil
	}
	err := r.narrow(rest)
	return r, err
}

// narrow adds bounds: ">= 1.2, < 2".
func (r *Requirement) narrow(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		b, err := parseBound(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		r.Bounds = append(r.Bounds, b)
	}
	if len(r.Bounds) > maxBounds {
		return fmt.Errorf("more than %d comparisons with versions", maxBounds)
	}
	return nil
}

func parseBound(text string) (Bound, error) {
	for _, relation := range relations {
		rest, ok := strings.CutPrefix(text, relation)
		if !ok {
			continue
		}
		b := Bound{Relation: relation, Version: strings.TrimSpace(rest)}
		return b, checkVersion(b.Version)
	}
	if text == "" {
		return Bound{}, errors.New("a comma without a comparison behind it")
	}
	return Bound{}, fmt.Errorf("%q does not begin with one of %s", text, strings.Join(relations, " "))
}

// Provision is another name that a roll goes by: several rolls may provide the
// same, and what requires it is content with any of them.
type Provision struct {
	Name string `json:"name"`
	// Version is empty when the name comes without one: that fits only
	// requirements that do not ask for one.
	Version string `json:"version,omitempty"`
	From    Source `json:"from"`
}

// String is the provision as it is written.
func (p Provision) String() string {
	if p.Version == "" {
		return p.Name
	}
	return p.Name + " = " + p.Version
}

// meets says whether a roll is, or provides, what is required.
func (r *Roll) meets(req Requirement) bool {
	return r.Name == req.Name && req.allows(r.Version) || r.provides(req)
}

// provides says whether one of the roll's other names fits.
func (r *Roll) provides(req Requirement) bool {
	return slices.ContainsFunc(r.Provides, func(p Provision) bool {
		return p.Name == req.Name && (len(req.Bounds) == 0 || p.Version != "" && req.allows(p.Version))
	})
}

// requirements reads a list of requirements. An item that begins with a
// comparison goes on with the one before, for YAML parts "base >= 1, < 2" at
// its comma.
func (l *loader) requirements(docs []text) []Requirement {
	var list []Requirement
	for _, t := range docs {
		goesOn := strings.HasPrefix(t.V, "<") || strings.HasPrefix(t.V, ">") || strings.HasPrefix(t.V, "=") || strings.HasPrefix(t.V, "!")
		if goesOn && len(list) > 0 {
			if err := list[len(list)-1].narrow(t.V); err != nil {
				l.add(rollFile, t.pos, "%v", err)
			}
			continue
		}
		r, err := ParseRequirement(t.V)
		if err != nil {
			l.add(rollFile, t.pos, "%v", err)
			continue
		}
		if r.Name == l.roll.Name {
			l.add(rollFile, t.pos, "the roll names itself")
		}
		r.From = l.source(rollFile, t.pos)
		list = append(list, r)
	}
	return list
}

// provisions reads "name" or "name = version".
func (l *loader) provisions(docs []text) []Provision {
	var list []Provision
	for _, t := range docs {
		r, err := ParseRequirement(t.V)
		if err == nil && (len(r.Bounds) > 1 || len(r.Bounds) == 1 && r.Bounds[0].Relation != "=") {
			err = fmt.Errorf("%q is not NAME or NAME = VERSION: a roll provides one version", t.V)
		}
		if err != nil {
			l.add(rollFile, t.pos, "%v", err)
			continue
		}
		p := Provision{Name: r.Name, From: l.source(rollFile, t.pos)}
		if len(r.Bounds) == 1 {
			p.Version = r.Bounds[0].Version
		}
		list = append(list, p)
	}
	return list
}
