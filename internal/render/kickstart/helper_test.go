package kickstart_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks"
)

func read(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// walk gives a case's profile as Rocks makes it, and its attributes.
func walk(t testing.TB, dir string) (*rocks.Profile, map[string]string) {
	t.Helper()
	facts := map[string]string{}
	for line := range strings.Lines(read(t, filepath.Join(dir, "CASE"))) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
		facts[k] = v
	}
	attrs, err := rocks.ParseAttributes([]byte(read(t, filepath.Join(dir, "attrs"))))
	if err != nil {
		t.Fatal(err)
	}
	tree, err := rocks.Read(os.DirFS(needs.Rocks(t, "real", "distro")), facts["distro"])
	if err != nil {
		t.Fatal(err)
	}
	p, err := tree.Walk(facts["root-node"], attrs, rocks.Options{Compat: true})
	if err != nil {
		t.Fatal(err)
	}
	return p, attrs
}

// section is a part of a kickstart as the installer reads it.
type section struct {
	name  string
	flags []string
	lines []string
}

func (s section) body() string { return strings.Join(s.lines, "\n") + "\n" }

func (s section) interpreter() string {
	for _, f := range s.flags {
		if v, ok := strings.CutPrefix(f, "--interpreter="); ok {
			return v
		}
	}
	return "/bin/sh"
}

// parse reads a kickstart as the installer does: within a section every line
// that starts with % is the installer's own, and a line ends where Python
// thinks that it does.
func parse(text string) (commands []string, sections []section, err error) {
	if i := strings.IndexAny(text, "\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029\x00"); i >= 0 {
		return nil, nil, fmt.Errorf("%q is in the text", text[i])
	}
	if !utf8.ValidString(text) {
		return nil, nil, errors.New("the text is not UTF-8")
	}
	var open *section
	for n, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		mark := strings.HasPrefix(strings.TrimSpace(line), "%")
		switch {
		case open == nil && mark && !strings.HasPrefix(line, "%include"):
			words := strings.Fields(line)
			open = &section{name: words[0], flags: words[1:]}
		case open == nil:
			if line != "" && !strings.HasPrefix(line, "#") {
				commands = append(commands, line)
			}
		case line == "%end":
			sections = append(sections, *open)
			open = nil
		case mark:
			return nil, nil, fmt.Errorf("line %d, %q, stands in a section", n+1, line)
		default:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil {
		return nil, nil, fmt.Errorf("%s does not end", open.name)
	}
	return commands, sections, nil
}

// sections parses what is right.
func sections(t interface {
	Helper()
	Fatal(...any)
}, text []byte,
) ([]string, []section) {
	t.Helper()
	commands, list, err := parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return commands, list
}

func named(list []section, name string) []section {
	var found []section
	for _, s := range list {
		if s.name == name {
			found = append(found, s)
		}
	}
	return found
}

// checkShell asks the shell whether it can read a program.
func checkShell(shell, program string) error {
	cmd := exec.Command(shell, "-n")
	cmd.Stdin = strings.NewReader(program)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s cannot read it: %w: %s\n%s", shell, err, out, program)
	}
	return nil
}

// validate asks the installer's own checker, where it is installed.
func validate(t *testing.T, version string, text []byte) {
	t.Helper()
	checker, err := exec.LookPath("ksvalidator")
	if err != nil {
		t.Log("ksvalidator (pykickstart) is not installed: only this test's own reader has checked the text")
		return
	}
	file := filepath.Join(t.TempDir(), "ks")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(checker, "-v", version, file).CombinedOutput(); err != nil {
		t.Errorf("ksvalidator: %v: %s", err, out)
	}
}
