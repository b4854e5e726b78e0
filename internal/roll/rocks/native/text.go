package native

import (
	"io/fs"
	"path"
	"strconv"
	"strings"

	"quarry/internal/roll/rocks"
)

// resolve puts values for entities into a text. Pieces of templates stay
// between the marks of entities; varies says that there are some.
func (im *importer) resolve(text string, at place) (out string, varies bool) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, entityStart)
		b.WriteString(before)
		if !found {
			return b.String(), varies
		}
		at.line += strings.Count(before, "\n")
		var name string
		name, text, _ = strings.Cut(rest, entityEnd)
		v, known := im.value(name)
		piece := v.Template
		if v.Parameter != nil {
			piece = "{{param " + strconv.Quote(im.name+"."+v.Parameter.Name) + "}}"
		}
		switch {
		case !known:
			im.find(rocks.Warning, "import-entity", at.file, at.line, "name "+name+" under attributes in the mapping: a value, a template or a parameter",
				"the mapping does not say what &%s; is: it is empty here, as in Rocks", name)
		case piece != "":
			b.WriteString(entityStart + piece + entityEnd)
			varies = true
		default:
			b.WriteString(v.Constant)
		}
	}
}

// template makes a text with pieces into a template: what is not a piece means
// itself. Without pieces the text stays as it is.
func template(text string) (out string, varies bool) {
	if !strings.Contains(text, entityStart) {
		return text, false
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, entityStart)
		b.WriteString(strings.ReplaceAll(before, "{{", `{{"{{"}}`))
		if !found {
			return b.String(), true
		}
		var piece string
		piece, text, _ = strings.Cut(rest, entityEnd)
		b.WriteString(piece)
	}
}

// contents is the text of an element with what the elements in it come to. It
// is not ok when one has no meaning here, or aborts Rocks.
func (im *importer) contents(p *part, e *element, lines *foreignLines) (text string, ok bool) {
	var b strings.Builder
	ok = true
	for _, c := range e.children {
		if c.element == nil {
			lines.scan(c.text, c.line)
			text, _ := im.resolve(c.text, place{p.path, c.line})
			b.WriteString(text)
			continue
		}
		text, fine := im.inline(p, c.element)
		b.WriteString(text)
		ok = ok && fine
	}
	return b.String(), ok
}

// inline is what an element within a text comes to.
func (im *importer) inline(p *part, e *element) (text string, ok bool) {
	switch e.name {
	case "eval":
		key := p.key(e)
		im.used[key] = true
		value, given := im.mapping.Evals[key]
		if !given {
			im.find(rocks.Warning, "import-eval", p.path, e.line, "give its output under evals in the mapping: "+key+": |",
				"<eval> runs on Rocks' frontend and is never run here; without its output the text is empty here: %s", short(e.text()))
		}
		return value, true
	case "include", "sinclude":
		name := e.attrs["file"]
		data, err := fs.ReadFile(im.tree, path.Join("include", path.Clean("/"+name)))
		if err != nil && e.name == "include" {
			im.find(rocks.Warning, "import-include", p.path, e.line, "", "there is no include/%s in the tree; Rocks would give up here", name)
			return "", false
		}
		return strings.Map(plainRune, string(data)), true
	case "copy":
		im.find(rocks.Warning, "import-copy", p.path, e.line, "put the file into the native roll", "copies %s from Rocks' frontend, which is not here: it is left out", e.attrs["src"])
		return "", true
	case "description", "copyright", "changelog":
		return "", true
	}
	im.find(rocks.Warning, "import-element", p.path, e.line, "", "<%s> may not stand here; Rocks would give up", e.name)
	return "", false
}

// key names an element in the mapping.
func (p *part) key(e *element) string { return p.path + ":" + strconv.Itoa(e.line) }
