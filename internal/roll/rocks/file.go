package rocks

import (
	"fmt"
	"path"
	"strings"
)

// temporary stands for the name that Rocks draws by chance.
const temporary = "/tmp/tmpROCKS"

// writeFile writes the commands that write a file.
func (g *generator) writeFile(b *strings.Builder, e *element) error {
	if system, ok := e.attrs.find("os"); ok && system != "linux" {
		return nil
	}
	tail := e.tail
	if tail == "" {
		text, err := g.text(e)
		if err != nil {
			return err
		}
		tail = fileTail(e.attrs, text)
	}
	name := e.attrs.get("name")
	if name == "" {
		return nil
	}
	g.profile.Files = append(g.profile.Files, File{Path: name, Node: g.node, File: e.file, Roll: e.roll, Line: e.line})
	if !g.options.Compat {
		g.lintFile(e)
	}
	before := ""
	if rcs, ok := e.attrs.find("rcs"); !ok || truthful(rcs) {
		before = g.checkIn(name, e.attrs.get("owner"), e.attrs.get("perms"))
	}
	b.Grow(len(before) + len(tail) + 2)
	b.WriteString(before)
	b.WriteString(tail)
	return nil
}

// fileTail gives the commands that write a file, after it was checked in.
func fileTail(a attributes, text string) string {
	name := a.get("name")
	to := ">"
	if a.get("mode") == "append" {
		to = ">>"
	}
	var b strings.Builder
	if command := a.get("expr"); command != "" {
		fmt.Fprintf(&b, "%s %s %s\n", command, to, name)
	}
	switch {
	case text == "":
		fmt.Fprintf(&b, "touch %s\n", name)
	case a.get("mode") == "pipe":
		text = strings.Trim(text, blanks)
		if source := a.get("src"); source != "" {
			fmt.Fprintf(&b, "cat %s | (%s) > %s\n", source, text, name)
		} else {
			fmt.Fprintf(&b, "cat %s | (%s) > %s\nmv %[3]s %[1]s\n", name, text, temporary)
		}
	default:
		here(&b, to, name, text, a.get("vars") == "expanded")
	}
	if perms := a.get("perms"); perms != "" {
		fmt.Fprintf(&b, "chmod %s %s\n", perms, name)
	}
	fmt.Fprintf(&b, "dn=$(dirname %s)\nmkdir -p /var/rocks/$dn \n/bin/cp -p %[1]s /var/rocks/$dn\n", name)
	return b.String()
}

func (g *generator) lintFile(e *element) {
	text, err := g.text(e)
	if err != nil {
		return // it was told
	}
	if e.attrs.get("expr") != "" && text != "" {
		g.find(e, ruleFileExpr, fmt.Sprintf("the text of %s is written over what the command of expr printed", e.attrs.get("name")), "use either expr or text")
	}
	if e.attrs.get("mode") != "pipe" && hasLine(text, "EOF") {
		g.find(e, ruleHeredoc, fmt.Sprintf("a line EOF ends the file %s: what follows is run as commands", e.attrs.get("name")), "change the line, or write the file from two elements")
	}
}

func hasLine(text, line string) bool {
	return strings.Contains("\n"+text+"\n", "\n"+line+"\n")
}

// here writes a here document. A line EOF in the text ends it early.
func here(b *strings.Builder, to, name, text string, expanded bool) {
	end := "'EOF'"
	if expanded {
		end = "EOF"
	}
	fmt.Fprintf(b, "cat %s %s << %s", to, name, end)
	if text[0] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString(text)
	if text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
	b.WriteString("EOF\n")
}

func truthful(word string) bool {
	switch strings.ToUpper(word) {
	case "ON", "YES", "Y", "TRUE", "1", "ENABLED", "ENABLE":
		return true
	}
	return false
}

// checkIn keeps the original of a file at its first use; the owner and mode
// are those of an earlier use where this one gives none.
func (g *generator) checkIn(name, owner, perms string) string {
	w := g.owners[name]
	known := w != nil
	if !known {
		w = &WrittenFile{Path: name}
		g.owners[name] = w
		g.written = append(g.written, w)
	}
	if owner != "" {
		w.Owner = owner
	}
	if perms != "" {
		w.Perms = perms
	}
	if known && w.Owner == "" {
		return "\n"
	}
	folder, base := "RCS", name
	if i := strings.LastIndexByte(name, '/') + 1; i > 0 {
		folder, base = path.Join(name[:i], "RCS"), name[i:]
	}
	archive := folder + "/" + base + ",v"
	text := "\n"
	if !known {
		text += "if [ ! -f " + archive + " ]; then\n\tif [ ! -f " + name + " ]; then\n\t\ttouch " + name + ";\n\tfi\n\tif [ ! -d " + folder + " ]; then\n" +
			"\t\tmkdir -m 700 " + folder + "\n\t\tchown 0:0 " + folder + "\n\tfi;\n" +
			"\techo \"original\" | /opt/rocks/bin/ci " + name + ";\n\t/opt/rocks/bin/co -f -l " + name + ";\nfi\n"
	}
	if w.Owner != "" {
		text += "chown " + w.Owner + " " + name + "\nchown " + w.Owner + " " + archive + "\n"
	}
	return text
}
