//go:build lab

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command of the tutorial is run as a reader would run it, and says
// what the page says it does.
func TestTutorial(t *testing.T) { runPage(t, "../docs/tutorial.md") }

// The same of the page that leads from nothing to a node of one's own roll.
func TestWritingRolls(t *testing.T) { runPage(t, "../docs/writing-rolls.md") }

func runPage(t *testing.T, page string) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	steps := parseTutorial(string(raw))
	if len(steps) < 10 {
		t.Fatalf("only %d commands were found", len(steps))
	}
	dir := t.TempDir()
	for _, s := range steps {
		c := exec.CommandContext(t.Context(), "sh", "-c", s.command)
		c.Dir = dir
		c.Env = append(os.Environ(), "PATH="+filepath.Dir(binary())+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("line %d: $ %s: %v\n%s", s.line, s.command, err, out)
		}
		if !s.matches(string(out)) {
			t.Fatalf("line %d: $ %s\nsays\n%s\nand should say\n%s", s.line, s.command, out, strings.Join(s.output, "\n"))
		}
	}
}

// step is one command of the tutorial with what it should say.
type step struct {
	line    int
	command string
	output  []string
}

// matches wants the lines in this order; "..." stands for anything.
func (s step) matches(out string) bool {
	at := 0
	lines := strings.Split(out, "\n")
	for _, want := range s.output {
		if want == "..." {
			continue
		}
		parts := strings.Split(want, "...")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		line := regexp.MustCompile("^" + strings.Join(parts, ".*") + `\s*$`)
		for at < len(lines) && !line.MatchString(lines[at]) {
			at++
		}
		if at == len(lines) {
			return false
		}
		at++
	}
	return true
}

func parseTutorial(page string) []step {
	var steps []step
	inside := false
	for i, line := range strings.Split(page, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{line: i + 1, command: line[2:]})
		case strings.HasPrefix(line, "> "):
			steps[len(steps)-1].command += "\n" + line[2:]
		default:
			last := &steps[len(steps)-1]
			last.output = append(last.output, line)
		}
	}
	return steps
}

func TestParseTutorial(t *testing.T) {
	got := parseTutorial("```sh\n$ a\nb...c\n$ cat <<E\n> x\n> E\n```\n```\n$ not run\n```\n")
	if fmt.Sprint(got) != "[{2 a [b...c]} {4 cat <<E\nx\nE []}]" {
		t.Fatalf("%+v", got)
	}
	if !got[0].matches("x\nb and c\n") || got[0].matches("c b\n") {
		t.Fatal("output is compared wrongly")
	}
}
