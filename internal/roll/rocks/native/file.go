package native

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"quarry/internal/roll/rocks"
)

var (
	octal = regexp.MustCompile(`^0?[0-7]{3,4}$`)
	root  = regexp.MustCompile(`^(root|0)([.:](root|0))?$`)
)

// countFiles counts how often the roll writes each path.
func (im *importer) countFiles(files []nodeFile) {
	var count func(e *element)
	count = func(e *element) {
		for _, c := range e.elements() {
			if c.name == "file" {
				im.create[c.attrs["name"]]++
			}
			count(c)
		}
	}
	for _, f := range files {
		count(f.root)
	}
}

// file translates a <file>: to a file of the node where that is the same, else
// to the shell commands that Rocks makes of it.
func (s *script) file(e *element, simple bool, before string) (string, bool) {
	at := place{s.part.path, e.line}
	if system := e.attrs["os"]; system != "" && system != "linux" {
		s.find(rocks.Info, "import-left-out", at.file, at.line, "", "<file> is for %s: it is left out", system)
		return "", true
	}
	name, varies := s.resolve(e.attrs["name"], at)
	content, ok := s.contents(s.part, e, &foreignLines{})
	if name == "" || !ok {
		return "", ok
	}
	for _, attr := range []string{"cond", "perm", "arch", "release"} {
		if value, there := e.attrs[attr]; there {
			s.find(rocks.Warning, "import-file", at.file, at.line, "", "%s=%q of a <file> is ignored, as by Rocks", attr, value)
		}
	}
	if rcs := strings.ToLower(e.attrs["rcs"]); rcs != "false" && rcs != "no" && rcs != "off" && rcs != "n" {
		s.part.rcs = true
	}
	if !s.shell {
		s.find(rocks.Warning, "import-file", at.file, at.line, "", "<file> becomes shell commands in Rocks, and this section is no shell script: %s is left out", name)
		return "", true
	}
	content = heredocText(content)
	if simple && !varies && s.plain(e, name, before) && content != "" {
		s.addFile(e, name, content)
		return "", true
	}
	return s.commands(e, name, content), true
}

// heredocText is a file's text as a here-document gives it.
func heredocText(text string) string {
	text = strings.TrimPrefix(text, "\n")
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}

// plain says whether a <file> is a whole file that nothing else touches.
func (s *script) plain(e *element, name, before string) bool {
	attr := func(key string) string { return e.attrs[key] }
	switch {
	case attr("mode") != "" && attr("mode") != "create", attr("vars") == "expanded", attr("expr") != "", attr("src") != "":
		return false
	case attr("owner") != "" && !root.MatchString(attr("owner")), attr("perms") != "" && !octal.MatchString(attr("perms")):
		return false
	case !path.IsAbs(name) || path.Clean(name) != name || strings.ContainsAny(name, "$*?`'\" \n"):
		return false
	}
	return s.create[e.attrs["name"]] == 1 && !strings.Contains(before, name)
}

func (s *script) addFile(e *element, name, content string) {
	f := fileOut{Path: name}
	if perms := e.attrs["perms"]; perms != "" {
		f.Mode = fmt.Sprintf("%04s", strings.TrimPrefix(perms, "0"))
	}
	text, varies := template(content)
	f.Template = varies
	f.Source = path.Join("files", s.nodeName(), strings.ReplaceAll(strings.TrimPrefix(name, "/"), "/", "_"))
	s.out[f.Source] = text
	s.node.sources = append(s.node.sources, f.Source)
	s.node.files = append(s.node.files, f)
}

// commands are the shell commands of a <file>.
func (s *script) commands(e *element, name, content string) string {
	to := ">"
	if e.attrs["mode"] == "append" {
		to = ">>"
	}
	var b strings.Builder
	b.WriteString("\n")
	if expr := e.attrs["expr"]; expr != "" {
		expr, _ = s.resolve(expr, place{s.part.path, e.line})
		fmt.Fprintf(&b, "%s %s %s\n", expr, to, name)
	}
	switch {
	case content == "":
		fmt.Fprintf(&b, "touch %s\n", name)
	case e.attrs["mode"] == "pipe":
		program := strings.TrimSpace(content)
		if src := e.attrs["src"]; src != "" {
			fmt.Fprintf(&b, "cat %s | (%s) > %s\n", src, program, name)
			break
		}
		fmt.Fprintf(&b, "piped=$(mktemp)\ncat %s | (%s) > \"$piped\"\nmv \"$piped\" %s\n", name, program, name)
	default:
		end := ending(content)
		quoted := "'" + end + "'"
		if e.attrs["vars"] == "expanded" {
			quoted = end
		}
		fmt.Fprintf(&b, "cat %s %s << %s\n%s%s\n", to, name, quoted, content, end)
	}
	if owner := e.attrs["owner"]; owner != "" {
		fmt.Fprintf(&b, "chown %s %s\n", strings.Replace(owner, ".", ":", 1), name)
	}
	if perms := e.attrs["perms"]; perms != "" {
		fmt.Fprintf(&b, "chmod %s %s\n", perms, name)
	}
	return b.String()
}

// ending is a word that ends a here-document and is no line of it.
func ending(content string) string {
	end := "EOF"
	for strings.Contains("\n"+content, "\n"+end+"\n") {
		end += "_"
	}
	return end
}
