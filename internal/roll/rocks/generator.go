package rocks

import (
	"fmt"
	"slices"
	"strings"
)

// generator makes a profile of the elements of all nodes.
type generator struct {
	tree    *Tree
	env     *environment
	attrs   map[string]string
	options Options
	profile *Profile
	node    string
	report  func(Finding)

	decided map[string]bool // by condition
	owners  map[string]*WrittenFile
	written []*WrittenFile
	on, off []string
	isOn    map[string]bool
	seen    map[Contributor]bool
	depth   int // of files in files
}

// maxNested is about how many files Python can write into each other.
const maxNested = 200

// mainElements are those that can be in the main section.
var mainElements = set(`include main auth clearpart autopart device driverdisk eula firstboot ignoredisk install nfs cdrom
	interactive harddrive url keyboard lang langsupport lilo lilocheck bootloader mouse network part volgroup logvol raid reboot
	rootpw skipx sshpw text timezone upgrade xconfig zerombr`)

// otherElements are those that count elsewhere.
var otherElements = set("attributes debug description package pre post boot configure ansible")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// part is what one file of a node brings.
type part struct {
	node     string
	elements []*element
}

// accept decides whether an element counts: by its name, its phase and its
// condition.
func (g *generator) accept(names map[string]bool) func(*element) (bool, error) {
	return func(e *element) (bool, error) {
		if !names[e.name] {
			return false, nil
		}
		if e.never {
			return false, nil
		}
		if e.cond == "" {
			return true, nil
		}
		if yes, done := g.decided[e.cond]; done && g.options.Compat {
			return yes, nil
		}
		yes, err := g.tree.conditions.decide(e.cond, g.attrs, g.lintCondition(e.cond, e))
		if err != nil {
			return false, place(err, e.file, e.line)
		}
		g.decided[e.cond] = yes
		return yes, nil
	}
}

// run goes through all parts twice, as Rocks does: for the main section and
// for everything else.
func (g *generator) run(parts []part) error {
	count := 0
	for _, p := range parts {
		count += len(p.elements)
	}
	all, nodes := make([]*element, 0, count), make([]string, 0, count)
	g.reserve(count)
	for _, p := range parts {
		all = append(all, p.elements...)
		for range p.elements {
			nodes = append(nodes, p.node)
		}
	}
	if err := g.pass(all, nodes, mainElements, g.main); err != nil {
		return err
	}
	if err := g.pass(all, nodes, otherElements, g.other); err != nil {
		return err
	}
	g.finish()
	return nil
}

// reserve makes room for what so many elements may bring.
func (g *generator) reserve(count int) {
	g.profile.Posts = make([]Script, 0, count)
	g.profile.Packages = make([]Package, 0, count)
	g.profile.Files = make([]File, 0, count)
	g.on = make([]string, 0, count)
	g.isOn = make(map[string]bool, count/2)
}

func (g *generator) pass(all []*element, nodes []string, names map[string]bool, handle func(*walker) error) error {
	w := &walker{accept: g.accept(names)}
	first, err := w.find(all, 0)
	if err != nil || first < 0 {
		return err
	}
	w.path = []level{{all, first}}
	for more := true; more && err == nil; more, err = w.next() {
		e := w.current()
		g.node = nodes[w.path[0].at]
		if err := handle(w); err != nil {
			return place(err, e.file, e.line)
		}
	}
	return err
}

func (g *generator) main(w *walker) error {
	if w.current().name != "main" {
		return nil
	}
	more, err := w.firstChild()
	for ; more && err == nil; more, err = w.nextSibling() {
		e := w.current()
		text, err := g.text(e)
		if err != nil {
			return place(err, e.file, e.line)
		}
		line := e.name + " " + text
		switch e.name {
		case "lilo":
			line = "bootloader " + text
		case "langsupport":
			line = "langsupport --default=" + strings.TrimSpace(text)
		case "sshpw":
			line = "sshpw " + strings.TrimSpace(text)
		}
		g.profile.Main = append(g.profile.Main, Line{Text: line, Node: g.node, File: e.file, Roll: e.roll, Line: e.line})
	}
	return err
}

func (g *generator) other(w *walker) error {
	e := w.current()
	if by := (Contributor{e.file, e.roll}); !g.seen[by] {
		g.seen[by] = true
		g.profile.Contributors = append(g.profile.Contributors, by)
	}
	if e.name == "attributes" {
		return missingMethod("handle_attributes", e)
	}
	if e.name == "ansible" {
		return g.ansible(e)
	}
	if e.name == "boot" {
		order, ok := e.attrs.find("order")
		if ok && order != "pre" && order != "post" {
			return &Refusal{Rule: ruleBootOrder, Class: "KeyError", Text: "u'boot-" + order + "'", Fix: "use order=\"pre\" or order=\"post\""}
		}
	}
	text, err := g.text(e)
	if err != nil {
		return err
	}
	switch e.name {
	case "debug":
		g.profile.Debug = append(g.profile.Debug, text)
	case "package":
		g.pack(e, strings.Trim(text, blanks))
	case "pre":
		g.profile.Pre = append(g.profile.Pre, g.script(e, text, ""))
	case "post", "configure":
		g.profile.Posts = append(g.profile.Posts, g.script(e, text, "/bin/bash"))
	case "boot":
		s := g.script(e, text, "")
		if e.attrs.get("order") == "post" {
			g.profile.BootPost = append(g.profile.BootPost, s)
		} else {
			g.profile.BootPre = append(g.profile.BootPre, s)
		}
	}
	return nil
}

func (g *generator) script(e *element, body, interpreter string) Script {
	if !g.options.Compat && hasLine(body, "ROCKS-KS-POST") {
		g.find(e, ruleHeredoc, "a line ROCKS-KS-POST ends the script: what follows is run by the installer", "change the line")
	}
	if v, ok := e.attrs.find("interpreter"); ok {
		interpreter = v
	}
	return Script{
		Node: g.node, File: e.file, Roll: e.roll, Line: e.line, Log: e.log, Body: body,
		Interpreter: strings.TrimRight(interpreter, blanks), Arg: strings.Trim(e.attrs.get("arg"), blanks),
	}
}

// pack puts a package into the lists: what is on stays on, and what is
// switched on is off no more.
func (g *generator) pack(e *element, name string) {
	if name == "" {
		g.find(e, ruleEmpty, "the package has no name", "take the element out")
	} else if strings.ContainsAny(name, blanks) {
		g.find(e, ruleWords, fmt.Sprintf("%q is taken for the name of one package, which is ignored because it does not exist", name), "write one element for each package")
	}
	if e.attrs.get("type") == "meta" {
		name = "@" + name
	}
	_, disabled := e.attrs.find("disable")
	g.profile.Packages = append(g.profile.Packages, Package{Name: name, On: !disabled, Node: g.node, File: e.file, Roll: e.roll, Line: e.line, FromExpression: e.cond})
	g.put(name, !disabled)
}

func (g *generator) put(name string, on bool) {
	switch {
	case on:
		g.on = append(g.on, name)
		g.isOn[name] = true
		if i := slices.Index(g.off, name); i >= 0 {
			g.off = slices.Delete(g.off, i, i+1)
		}
	case !g.isOn[name]:
		g.off = append(g.off, name)
	}
}

func (g *generator) finish() {
	slices.Sort(g.on)
	slices.Sort(g.off)
	g.profile.On, g.profile.Off = g.on, g.off
	for _, w := range g.written {
		g.profile.Written = append(g.profile.Written, *w)
	}
}

func missingMethod(name string, e *element) error {
	return &Refusal{
		Rule: ruleMisplaced, Class: "AttributeError", Text: "Generator_linux instance has no attribute '" + name + "'", File: e.file, Line: e.line,
		Fix: fmt.Sprintf("take the %s element out of there", e.name),
	}
}

// text is what an element holds; only files may be inside.
func (g *generator) text(e *element) (string, error) {
	if len(e.children) == 1 && e.children[0].element == nil {
		return e.children[0].text, nil
	}
	var b strings.Builder
	for _, c := range e.children {
		if c.element == nil {
			b.WriteString(c.text)
			continue
		}
		if c.element.name != "file" {
			name, _, _ := strings.Cut(c.element.name, "-")
			name, _, _ = strings.Cut(name, ".")
			return "", missingMethod("handle_child_"+name, c.element)
		}
		if g.depth++; g.depth > maxNested {
			return "", &Refusal{Rule: ruleMisplaced, Class: "RuntimeError", Text: "maximum recursion depth exceeded", File: e.file, Line: e.line, Fix: "take the files out of each other"}
		}
		err := g.writeFile(&b, c.element)
		g.depth--
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}
