// Package kickstart writes profiles as kickstart files, for systems of the RHEL
// family: the commands, the packages, and the sections that run before and
// after the packages are there.
//
// It guarantees: the same profile gives the same text; whatever a roll holds
// stays in the section, the file or the script it belongs to, so no text ends a
// section or a here document early; no secret is written. Pure: no I/O.
package kickstart

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// sheet is a kickstart file while it is written.
type sheet struct{ strings.Builder }

func (s *sheet) f(format string, args ...any) { fmt.Fprintf(s, format, args...) }

// comment writes one line, whatever the text is.
func (s *sheet) comment(format string, args ...any) {
	s.WriteString("# " + oneLine(fmt.Sprintf(format, args...)) + "\n")
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
}

var plainProgram = regexp.MustCompile(`^/[A-Za-z0-9/._+-]+$`)

// script is a section that runs a program.
type script struct {
	section     string   // "%pre", "%post"
	flags       []string // "--nochroot"
	interpreter string   // "" is /bin/sh
	body        string
}

// script writes a section. The installer hands the body to the interpreter as
// it stands. Where that cannot be (a line that the installer would take for
// its own, an interpreter with arguments) the section unpacks and runs it.
func (s *sheet) script(sc script) {
	head := sc.section
	direct := sc.interpreter == "" || plainProgram.MatchString(sc.interpreter)
	if direct && sc.interpreter != "" {
		head += " --interpreter=" + sc.interpreter
	}
	if direct && plain(sc.body) {
		s.WriteString(strings.Join(append([]string{head}, sc.flags...), " ") + "\n")
		s.WriteString(withNewline(sc.body) + "%end\n\n")
		return
	}
	interpreter := sc.interpreter
	if interpreter == "" {
		interpreter = "/bin/sh"
	}
	s.WriteString(strings.Join(append([]string{sc.section}, sc.flags...), " ") + "\n")
	s.WriteString(runScript("#!" + interpreter + "\n" + sc.body))
	s.WriteString("%end\n\n")
}

// runScript gives the shell commands that run a program which starts with its
// #! line; their status is the program's.
func runScript(body string) string {
	return "program=$(mktemp) || exit 1\n" + write(body, `"$program"`) +
		"chmod 700 \"$program\"\n\"$program\" && status=0 || status=$?\nrm -f \"$program\"\n(exit $status)\n"
}

// plain says whether a text can stand in a section as it is: it is made of
// lines that the installer hands on unchanged.
func plain(text string) bool {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "%") {
			return false
		}
	}
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || r == '\u2028' || r == '\u2029' || r == '\ufeff'
	})
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

func withNewline(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return text
	}
	return text + "\n"
}

const (
	delimiter = "QUARRY_END"
	column    = 76 // of lines of base64
)

// write gives the shell commands that write a text to a file, which is a word
// of the shell. The text can be read where that is exact, else it is base64:
// some shells lose bytes of what is not ASCII in a here document.
func write(text, file string) string {
	switch {
	case text == "":
		return ": > " + file + "\n"
	case plain(text) && isASCII(text) && strings.HasSuffix(text, "\n"):
		end := delimiter
		for n := 2; strings.Contains("\n"+text, "\n"+end+"\n"); n++ {
			end = fmt.Sprintf("%s_%d", delimiter, n)
		}
		return fmt.Sprintf("cat > %s << '%s'\n%s%[2]s\n", file, end, text)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "base64 -d > %s << '%s'\n", file, delimiter)
	for code := base64.StdEncoding.EncodeToString([]byte(text)); code != ""; {
		n := min(column, len(code))
		b.WriteString(code[:n] + "\n")
		code = code[n:]
	}
	b.WriteString(delimiter + "\n")
	return b.String()
}

// quote makes a text one word of the shell. It holds no NUL: no shell has one.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
