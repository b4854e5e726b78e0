package roll

import (
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaultTimeout is how long a script or check may take by default; checks are
// tried again until they pass or the time is over.
const defaultTimeout = 5 * time.Minute

var (
	packageName = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)
	osName      = regexp.MustCompile(`^[a-z][a-z0-9]*(/[a-z0-9.]+)?$`)
	ownerName   = regexp.MustCompile(`^[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*$`)
	unitName    = regexp.MustCompile(`^[A-Za-z0-9:_.@-]+\.(service|socket|timer|target|path|mount)$`)
	states      = []string{"enabled", "started", "disabled", "masked"}
)

func (l *loader) node(name, file string, doc nodeDoc) *Node {
	n := &Node{Name: l.roll.Name + "/" + name, Summary: doc.Summary.V}
	for _, list := range doc.Packages.Lists {
		l.packages(n, file, list)
	}
	for _, d := range doc.Files {
		n.Files = append(n.Files, l.file(file, d))
	}
	for _, d := range doc.Services {
		if !unitName.MatchString(d.V.Unit.V) {
			l.add(file, d.pos, "unit %q is not a unit's full name, like ssh.service", d.V.Unit.V)
		}
		if !slices.Contains(states, d.V.State.V) {
			l.add(file, d.pos, "state %q of %s is none of %s%s", d.V.State.V, d.V.Unit.V, strings.Join(states, ", "), didYouMean(d.V.State.V, slices.Values(states)))
		}
		n.Services = append(n.Services, Service{Unit: d.V.Unit.V, State: d.V.State.V, From: l.source(file, d.pos)})
	}
	seen := map[string]bool{}
	n.Install = l.scripts(n.Name, file, doc.Scripts.Install, seen)
	n.Boot = l.scripts(n.Name, file, doc.Scripts.Boot, seen)
	n.Cluster = l.scripts(n.Name, file, doc.Scripts.Cluster, seen)
	n.Checks = l.scripts(n.Name, file, doc.Checks, seen)
	return n
}

func (l *loader) packages(n *Node, file string, list packageList) {
	system := list.OS.V
	if !osName.MatchString(system) {
		l.add(file, list.OS.pos, `%q is not an operating system: "any", a family like "debian", or "debian/trixie"`, system)
	}
	if system == "any" {
		system = ""
	}
	for _, d := range list.Items {
		p := NodePackage{Name: d.Name.V, OS: system, From: l.source(file, d.Name.pos)}
		if d.Parameter.Set {
			p.From = l.source(file, d.Parameter.pos)
			if !slices.ContainsFunc(l.roll.declared(), func(q Parameter) bool { return q.Name == d.Parameter.V && q.item() == itemPackage }) {
				l.add(file, d.Parameter.pos, "the roll has no parameter and no attribute %q of type packages", d.Parameter.V)
			}
			p.Parameter = l.roll.Name + "." + d.Parameter.V
		} else if !packageName.MatchString(p.Name) {
			l.add(file, d.Name.pos, "%q cannot be the name of a package", p.Name)
		}
		n.Packages = append(n.Packages, p)
	}
}

func (l *loader) file(file string, d item[fileDoc]) File {
	f := File{Path: d.V.Path.V, Mode: d.V.Mode.V, Owner: d.V.Owner.V, Template: d.V.Template, Reload: d.V.Reload.V, From: l.source(file, d.pos)}
	if f.Mode == "" {
		f.Mode = "0644"
	}
	if f.Owner == "" {
		f.Owner = "root:root"
	}
	if !path.IsAbs(f.Path) || path.Clean(f.Path) != f.Path || f.Path == "/" || strings.ContainsAny(f.Path, "\n\x00") {
		l.add(file, d.pos, "path %q must be absolute and plain, like /etc/app.conf", f.Path)
	}
	if mode, err := strconv.ParseUint(f.Mode, 8, 32); err != nil || mode > 0o7777 {
		l.add(file, d.V.Mode.pos, "mode %q is not an octal file mode like 0644", f.Mode)
	}
	if !ownerName.MatchString(f.Owner) {
		l.add(file, d.V.Owner.pos, "owner %q is not USER:GROUP", f.Owner)
	}
	if d.V.Reload.Set && !unitName.MatchString(f.Reload) {
		l.add(file, d.V.Reload.pos, "reload: %q is not a unit's full name, like nginx.service", f.Reload)
	} else if d.V.Reload.Set && !f.Template {
		l.add(file, d.V.Reload.pos, "reload: %s is no template, so it never changes while %s runs", f.Path, f.Reload)
	}
	var from string
	f.Content, from = l.content(file, d.pos, "content", d.V.Content, d.V.Source)
	if f.Template {
		if _, err := parseTemplate(f.Path, f.Content); err != nil {
			line, message := templateFault(err)
			at := pos{line: line}
			if from == file { // a block's text starts a line below its |
				at.line += d.V.Content.line
			}
			l.add(from, at, "%s", message)
		}
	}
	return f
}

// content is what a file or script holds, and the file where it stands.
func (l *loader) content(file string, at pos, key string, inline, source text) (content, from string) {
	if inline.Set == source.Set {
		l.add(file, at, "needs either %s (here) or source (a file of the roll)", key)
		return "", file
	}
	if inline.Set {
		return inline.V, file
	}
	if !fs.ValidPath(source.V) || source.V == "." {
		l.add(file, source.pos, "source %q must be a plain path within the roll's folder", source.V)
		return "", file
	}
	l.roll.sources[source.V] = true
	data, err := l.read(source.V, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		l.add(file, source.pos, "source: the roll has no file %s", source.V)
		return "", file
	}
	if err != nil {
		l.add(file, source.pos, "source %s: %v", source.V, err)
	}
	return string(data), source.V
}

func (l *loader) scripts(node, file string, docs []item[scriptDoc], seen map[string]bool) []Script {
	var scripts []Script
	for _, d := range docs {
		s := Script{Name: node + "/" + d.V.Name.V, Timeout: defaultTimeout, From: l.source(file, d.pos)}
		l.label(file, "script", d.V.Name, d.pos)
		if seen[s.Name] {
			l.add(file, d.pos, "script %q is there twice", d.V.Name.V)
		}
		seen[s.Name] = true
		s.Body, _ = l.content(file, d.pos, "body", d.V.Body, d.V.Source)
		if s.Body != "" && !strings.HasPrefix(s.Body, "#!/") {
			l.add(file, d.pos, "script %q must start with a line that names its interpreter, like #!/bin/sh", d.V.Name.V)
		}
		if d.V.Timeout.Set {
			timeout, err := time.ParseDuration(d.V.Timeout.V)
			if err != nil || timeout <= 0 || timeout > maxTimeout {
				l.add(file, d.V.Timeout.pos, "timeout %q is not a duration up to %v, like 90s", d.V.Timeout.V, maxTimeout)
			}
			s.Timeout = timeout
		}
		scripts = append(scripts, s)
	}
	return scripts
}
