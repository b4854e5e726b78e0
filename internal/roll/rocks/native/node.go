package native

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/roll/rocks"
)

// node is a native node while it is made.
type node struct {
	file     string
	sources  []string // files of the roll that are only the node's
	whens    []string // conditions of parts, each a node of its own
	summary  string
	packages []string
	files    []fileOut
	services []serviceOut
	install  []scriptOut
	boot     []scriptOut
}

// part is one node file while it is translated.
type part struct {
	nodeFile
	native string
	posts  int
	rcs    bool
}

// node translates one node file.
func (im *importer) node(f nodeFile) {
	native, own := im.own[f.name]
	if f.kind != "" && !own {
		if native = im.foreign(f); native == "" {
			return
		}
	}
	if im.nodes[native] == nil {
		im.nodes[native] = &node{file: f.path, summary: summary(f.root)}
	}
	p := &part{nodeFile: f, native: native}
	for _, e := range f.root.elements() {
		im.section(p, e)
	}
	if p.rcs {
		im.find(rocks.Info, "import-rcs", f.path, 1, "", "Rocks keeps RCS copies of the files that it writes here; natively none are made")
	}
}

// foreign makes a node of what a roll adds to a node of another.
func (im *importer) foreign(f nodeFile) string {
	if f.kind == "replace-" {
		im.find(rocks.Warning, "import-replace", f.path, 1, "", "replaces the node %s of another roll, which has no native form: it is left out", f.name)
		return ""
	}
	to, known := im.graft(f.name, place{f.path, 1})
	if !known {
		return ""
	}
	native := labelOf("extend-" + f.name)
	im.edges = append(im.edges, edgeOut{From: to, To: native})
	return native
}

// ignored are elements that mean nothing outside of Rocks' own installer.
var ignored = map[string]string{
	"screen": "a page of Rocks' installer", "installclass": "code for Red Hat's installer", "debug": "a comment in the kickstart file",
	"var": "a variable of Rocks 4, and no entity", "service": "for Solaris", "option": "for Solaris", "attributes": "nothing to Rocks either",
}

func (im *importer) section(p *part, e *element) {
	switch e.name {
	case "description", "copyright", "changelog":
	case "package":
		im.packageElement(p, e)
	case "post", "configure", "boot":
		p.posts++
		im.post(p, e)
	case "pre":
		im.find(rocks.Warning, "import-pre", p.path, e.line, "", "runs in the installer before the disk is made, of which there is none here: it is left out")
	case "main":
		for _, c := range e.elements() {
			im.find(rocks.Info, "import-main", p.path, c.line, "", "<%s> is a line for Red Hat's installer and has no native form: %q is left out", c.name, short(c.text()))
		}
	default:
		what := ignored[e.name]
		if what == "" {
			what = "not known to Rocks, which drops it with all it holds"
		}
		im.find(rocks.Info, "import-element", p.path, e.line, "", "<%s> is %s: it is left out", e.name, what)
	}
}

// holds decides whether an element counts, and under which condition.
func (im *importer) holds(p *part, e *element) (condition string, holds bool) {
	if phase, ok := e.attrs["phase"]; ok {
		phases := strings.Split(phase, ",")
		if !slices.Contains(phases, "pre") && !slices.Contains(phases, "post") {
			im.find(rocks.Info, "import-phase", p.path, e.line, "", "<%s> of phase %q is not for installing: it is left out", e.name, phase)
			return "", false
		}
	}
	expr := conditional(e.attrs, "")
	condition, holds = im.condition(expr, place{p.path, e.line})
	if !holds {
		im.find(rocks.Info, "import-left-out", p.path, e.line, "", "<%s> is left out: its condition %s does not hold", e.name, expr)
	}
	return condition, holds
}

// target is the node that holds what has this condition: parts of a node have
// none natively, so each becomes a node of its own.
func (im *importer) target(p *part, condition string) *node {
	main := im.nodes[p.native]
	if condition == "" {
		return main
	}
	i := slices.Index(main.whens, condition)
	if i < 0 {
		main.whens = append(main.whens, condition)
		i = len(main.whens) - 1
	}
	name := fmt.Sprintf("%s-when-%d", p.native[:min(len(p.native), 34)], i+1)
	if im.nodes[name] == nil {
		im.nodes[name] = &node{file: p.path, summary: fmt.Sprintf("what %s has when %s", p.native, condition)}
		im.edges = append(im.edges, edgeOut{From: p.native, To: name, If: condition})
		im.order = append(im.order, orderOut{Node: name, After: p.native})
	}
	return im.nodes[name]
}

var debianName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

func (im *importer) packageElement(p *part, e *element) {
	name, varies := im.resolve(strings.TrimSpace(e.text()), place{p.path, e.line})
	if _, disabled := e.attrs["disable"]; disabled {
		im.find(rocks.Info, "import-disable", p.path, e.line, "", "keeps the package %s from being installed, which has no native form", name)
		return
	}
	condition, holds := im.holds(p, e)
	if !holds {
		return
	}
	if e.attrs["type"] == "meta" {
		name = "@" + name
	}
	names, mapped := im.mapping.Packages[name]
	switch {
	case mapped:
	case name == "" || varies || len(strings.Fields(name)) > 1:
		im.find(rocks.Warning, "import-package", p.path, e.line, "name one package in each <package>", "%q is not the name of one package: it is left out", name)
		return
	case name[0] == '@':
		im.find(rocks.Warning, "import-group", p.path, e.line, "name its packages under packages in the mapping: \""+name+"\": [...]", "%s is a group of Red Hat's packages: it is left out", name)
		return
	case slices.Contains(im.roll.Packages, name) || strings.HasPrefix(name, "roll-"):
		im.find(rocks.Warning, "import-own-package", p.path, e.line, "name what Debian has instead under packages in the mapping, or null",
			"%s is an RPM that the roll brings itself, and no package of Debian: it is left out", name)
		return
	case !debianName.MatchString(name):
		im.find(rocks.Warning, "import-package", p.path, e.line, "name it under packages in the mapping", "%s cannot be the name of a Debian package: it is left out", name)
		return
	default:
		im.find(rocks.Info, "import-package", p.path, e.line, "name it under packages in the mapping if Debian calls it otherwise", "%s is taken for a package of Debian", name)
		names = []string{name}
	}
	n := im.target(p, condition)
	for _, name := range names {
		if !slices.Contains(n.packages, name) {
			n.packages = append(n.packages, name)
		}
	}
}

// short cuts a text for a message.
func short(text string) string {
	text = strings.Join(strings.Fields(strings.Map(plainRune, text)), " ")
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}
