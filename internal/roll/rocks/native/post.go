package native

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/roll/rocks"
)

// When scripts run.
const (
	atBoot    = "boot"
	atInstall = "install"
)

type scriptOut struct {
	Name   string `yaml:"name"`
	Source string `yaml:"source,omitempty"`
	Body   string `yaml:"body,omitempty"`
}

type fileOut struct {
	Path     string `yaml:"path"`
	Mode     string `yaml:"mode,omitempty"`
	Source   string `yaml:"source,omitempty"`
	Template bool   `yaml:"template,omitempty"`
}

// shells are the interpreters whose scripts are looked into.
var shells = []string{"/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/sh"}

// everywhere are interpreters that every Debian has.
var everywhere = append(slices.Clone(shells), "/usr/bin/perl")

// post translates a post, configure or boot section into a script, files and
// services.
func (im *importer) post(p *part, e *element) {
	key := p.key(e)
	change := im.mapping.Posts[key]
	im.used[key] = true
	condition, holds := im.holds(p, e)
	if !holds {
		return
	}
	if change.Drop != "" {
		im.find(rocks.Info, "import-dropped", p.path, e.line, "", "the mapping leaves out %s: %s", key, change.Drop)
		return
	}
	interpreter, known := im.interpreter(p, e)
	s := &script{importer: im, part: p, node: im.target(p, condition), shell: slices.Contains(shells, interpreter)}
	body := change.Body
	if body == "" {
		if nochroot(e) {
			im.find(rocks.Warning, "import-nochroot", p.path, e.line, "write what it should do here as a body under posts in the mapping: "+key,
				"runs in Red Hat's installer, outside of the new system: it is left out")
			known = false
		}
		if !known {
			return
		}
		var ok bool
		if body, ok = s.body(e); !ok {
			im.find(rocks.Warning, "import-left-out", p.path, e.line, "mend it, or give a body under posts in the mapping: "+key, "<%s> is left out, for what was said of it", e.name)
			return
		}
	}
	if e.name == "boot" && e.attrs["order"] != "" {
		im.find(rocks.Info, "import-boot", p.path, e.line, "", "runs at each boot of a Rocks node (order %s), here at the first one, as a script like the posts", e.attrs["order"])
	}
	s.finish(body, interpreter, change.At, p.posts, e.line)
}

func nochroot(e *element) bool { return strings.Contains(e.attrs["arg"], "--nochroot") }

// interpreter is what runs a section here.
func (im *importer) interpreter(p *part, e *element) (string, bool) {
	given := strings.TrimSpace(e.attrs["interpreter"])
	if given == "" {
		return "/bin/bash", true
	}
	if here, ok := im.mapping.Interpreters[given]; ok {
		return here, true
	}
	if slices.Contains(everywhere, given) {
		return given, true
	}
	im.find(rocks.Warning, "import-interpreter", p.path, e.line, "name the program that Debian has under interpreters in the mapping, and the package under add",
		"is run by %s, which is not on every Debian: it is left out", given)
	return "", false
}

// script is one section on its way.
type script struct {
	*importer
	part  *part
	node  *node
	shell bool
	lines foreignLines
}

// control finds what makes a shell script more than a list of commands.
var control = regexp.MustCompile(`(?m)\b(if|then|else|elif|fi|for|while|until|do|done|case|esac|function|select)\b|<<|[{}()]|\\$`)

// body is a section's text with its files in it, unless they can be files of
// the node.
func (s *script) body(e *element) (string, bool) {
	simple := s.shell && !control.MatchString(e.text())
	var b strings.Builder
	ok := true
	for _, c := range e.children {
		switch {
		case c.element == nil:
			s.lines.scan(c.text, c.line)
			text, _ := s.resolve(c.text, place{s.part.path, c.line})
			b.WriteString(text)
		case c.element.name == "file":
			text, fine := s.file(c.element, simple, b.String())
			b.WriteString(text)
			ok = ok && fine
		default:
			text, fine := s.inline(s.part, c.element)
			b.WriteString(text)
			ok = ok && fine
		}
	}
	return b.String(), ok
}

// finish adds the script to the node, with its services apart.
func (s *script) finish(body, interpreter, when string, number, line int) {
	if s.shell {
		body = s.services(body, line)
	}
	if s.shell && !commands(body) {
		return
	}
	s.tell(body)
	text, varies := template(body)
	name := fmt.Sprintf("%spost-%d", s.part.kind, number)
	source := path.Join("scripts", s.nodeName()+"-"+name)
	s.out[source] = s.frame(text, interpreter, line)
	s.node.sources = append(s.node.sources, source)
	switch {
	case varies:
		if when == atInstall {
			s.find(rocks.Warning, "import-install", s.part.path, line, "let it run at boot", "differs from vnode to vnode, so it cannot run while the image is made: it runs at boot")
		}
		full := path.Join("/usr/local/lib/rocks", s.name, s.nodeName()+"-"+name)
		s.node.files = append(s.node.files, fileOut{Path: full, Mode: "0755", Source: source, Template: true})
		s.node.boot = append(s.node.boot, scriptOut{Name: name, Body: "#!/bin/sh\nexec " + full + "\n"})
	case when == atInstall:
		s.node.install = append(s.node.install, scriptOut{Name: name, Source: source})
	default:
		s.node.boot = append(s.node.boot, scriptOut{Name: name, Source: source})
	}
}

// nodeName is the native name of the node that the script goes to.
func (s *script) nodeName() string {
	for name, n := range s.nodes {
		if n == s.node {
			return name
		}
	}
	return s.part.native
}

// frame puts an interpreter over a script, and makes failures what the mapping
// says they are.
func (s *script) frame(body, interpreter string, line int) string {
	head := fmt.Sprintf("#!%s\n# From %s:%d of the Rocks roll %s.\n", interpreter, s.part.path, line, s.roll.Name)
	if s.mapping.Failures != failuresStop && s.shell {
		head += `trap 's=$?; [ "$s" = 0 ] || echo "ended with status $s; Rocks ignores that" >&2; exit 0' EXIT` + "\n"
	}
	return head + strings.TrimRight(strings.TrimLeft(body, "\n"), " \t\n") + "\n"
}

// commands says whether a shell script does anything.
func commands(body string) bool {
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}
