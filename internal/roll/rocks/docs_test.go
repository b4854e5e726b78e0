package rocks_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quarry/internal/needs"
	"quarry/internal/roll/rocks"
)

var docs = filepath.Join("..", "..", "..", "docs")

// current compares a file with what it ought to be, or writes it.
func current(t *testing.T, path, want string) {
	t.Helper()
	if os.Getenv("QUARRY_UPDATE") == "1" {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if read(t, path) != want {
		t.Errorf("%s is not up to date: QUARRY_UPDATE=1 go test ./internal/roll/rocks", path)
	}
}

const (
	rulesStart = "<!-- rules, written by QUARRY_UPDATE=1 go test ./internal/roll/rocks -->\n"
	rulesEnd   = "<!-- end of rules -->"
)

func TestRulesAreInTheDocs(t *testing.T) {
	path := filepath.Join(docs, "rocks.md")
	text := read(t, path)
	before, rest, ok := strings.Cut(text, rulesStart)
	_, after, end := strings.Cut(rest, rulesEnd)
	if !ok || !end {
		t.Fatalf("%s has no place for the rules", path)
	}
	var b strings.Builder
	for _, part := range []struct {
		head    string
		allowed bool
	}{{"What Rocks refuses too", false}, {"What Rocks passes over in silence; `--allow RULE` lets it through", true}} {
		fmt.Fprintf(&b, "\n### %s\n\n| rule | severity | Rocks |\n|---|---|---|\n", part.head)
		for _, r := range rocks.Rules() {
			if r.Allowed == part.allowed {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Severity, strings.ReplaceAll(r.Rocks, "<", "&lt;"))
			}
		}
	}
	current(t, path, before+rulesStart+b.String()+"\n"+rulesEnd+after)
}

// roots are the nodes of a distribution that a walk can begin with: those of
// the cases, and those that have a file and no edge to them.
func roots(t *testing.T, tr *rocks.Tree, distro string) map[string]map[string]string {
	all := map[string]map[string]string{}
	cases, _ := filepath.Glob(filepath.Join(needs.Rocks(t, "real", "cases"), "*"))
	var plain map[string]string
	for _, dir := range cases {
		facts := read(t, filepath.Join(dir, "CASE"))
		_, root, _ := strings.Cut(facts, "root-node: ")
		root, _, _ = strings.Cut(root, "\n")
		if strings.Contains(facts, "distro: "+distro+"\n") && all[root] == nil {
			all[root] = attributes(t, filepath.Join(dir, "attrs"))
		}
		if root == "compute" && plain == nil {
			plain = attributes(t, filepath.Join(dir, "attrs"))
		}
	}
	to, from := map[string]bool{}, map[string]bool{}
	for root, attrs := range all {
		p, err := tr.Walk(root, attrs, rocks.Options{Compat: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Graph.Plan.Nodes.Edges() {
			from[e.From], to[e.To] = true, true
		}
		for _, e := range p.Graph.Pruned {
			from[e.From], to[e.To] = true, true
		}
	}
	for root := range from {
		if _, err := os.Stat(needs.Rocks(t, "real", "distro", distro, "nodes") + "/" + root + ".xml"); err == nil && !to[root] && all[root] == nil {
			all[root] = plain
		}
	}
	return all
}

type place struct {
	file string
	line int
	text string
}

func TestFindingsOfTheRealRolls(t *testing.T) {
	const distro = "r7-all"
	tr := tree(t, needs.Rocks(t, "real", "distro", distro))
	found := map[string]map[place][]string{}
	starts := roots(t, tr, distro)
	for _, root := range slices.Sorted(maps.Keys(starts)) {
		p, _ := tr.Walk(root, starts[root], rocks.Options{}) // what it refuses is among the findings
		for _, f := range p.Findings {
			if found[f.Rule] == nil {
				found[f.Rule] = map[place][]string{}
			}
			at := place{strings.TrimPrefix(f.File, "./"), f.Line, f.Message + ". To do: " + f.Fix}
			found[f.Rule][at] = append(found[f.Rule][at], root)
		}
	}
	if len(found["order-misspelt"]) == 0 || len(found["node-unreached"]) == 0 {
		t.Error("the bugs that are known are not found")
	}
	current(t, filepath.Join(docs, "rocks-findings.md"), report(found, slices.Sorted(maps.Keys(starts))))
}

func report(found map[string]map[place][]string, starts []string) string {
	var b strings.Builder
	b.WriteString("# What is wrong in the rolls of Rocks 7\n\n")
	b.WriteString("Written by `QUARRY_UPDATE=1 go test ./internal/roll/rocks`: the findings of the default mode on the 17 rolls of `r7-all`\n")
	b.WriteString("(../shared/rocks), walked from every node that a walk can begin with:\n" + strings.Join(starts, ", ") + ".\n")
	b.WriteString("The rules are explained in [rocks.md](rocks.md). In brackets stand the walks that meet the finding, where not all do.\n")
	b.WriteString("Of the attributes only those of the cases are set: an undefined entity may be one that a site sets.\n")
	for _, r := range rocks.Rules() {
		if len(found[r.ID]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## `%s` (%s, %d)\n\nRocks %s.\n\n", r.ID, r.Severity, len(found[r.ID]), r.Rocks)
		places := slices.SortedFunc(maps.Keys(found[r.ID]), func(x, y place) int {
			return strings.Compare(fmt.Sprintf("%s:%06d %s", x.file, x.line, x.text), fmt.Sprintf("%s:%06d %s", y.file, y.line, y.text))
		})
		for _, p := range places {
			met := ""
			if list := found[r.ID][p]; len(list) < len(starts) {
				met = " [" + strings.Join(list, ", ") + "]"
			}
			at, text := fmt.Sprintf("%s:%d", p.file, p.line), " "+p.text
			if p.line == 0 {
				at = p.file
			}
			if r.ID == "eval" {
				text = ""
			}
			fmt.Fprintf(&b, "- `%s`%s%s\n", at, text, met)
		}
	}
	return b.String()
}
