package cli

import (
	"fmt"
	"io"
	"strings"

	"quarry/internal/roll/rocks"
)

// show writes the profile for people, and what is wrong with it to notes.
func (r *rocksWalk) show(w, notes io.Writer) {
	if r.Explain != nil {
		for _, e := range r.Explain {
			showRocksExplanation(w, e)
		}
	} else {
		r.profile(w)
	}
	showFindings(notes, r.Diagnostics)
}

func showFindings(notes io.Writer, findings []rocks.Finding) {
	for _, f := range findings {
		place := f.File
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		fmt.Fprintf(notes, "%s %s: %s [%s]\n", f.Severity, dash(place), f.Message, f.Rule)
		if f.Fix != "" {
			fmt.Fprintf(notes, "  to do: %s\n", f.Fix)
		}
	}
}

func (r *rocksWalk) profile(w io.Writer) {
	var rows [][]string
	for i, n := range r.Order {
		rows = append(rows, []string{fmt.Sprint(i + 1), n.Node, n.File})
	}
	printTable(w, []string{"ORDER", "NODE", "FILE"}, rows)
	if len(r.Main) > 0 {
		fmt.Fprintf(w, "\nmain\n  %s\n", strings.Join(r.Main, "\n  "))
	}
	fmt.Fprintf(w, "\npackages on (%d)\n  %s\n", len(r.Packages.On), strings.Join(r.Packages.On, " "))
	fmt.Fprintf(w, "packages off (%d)\n  %s\n\n", len(r.Packages.Off), strings.Join(r.Packages.Off, " "))
	rows = nil
	for i, p := range r.Posts {
		rows = append(rows, []string{fmt.Sprint(i + 1), p.Node, p.Roll, p.Interpreter, dash(p.Arg)})
	}
	printTable(w, []string{"POST", "NODE", "ROLL", "INTERPRETER", "ARGUMENT"}, rows)
}

func showRocksExplanation(w io.Writer, e rocks.Explanation) {
	state := "in the profile"
	if !e.Selected {
		state = "not in the profile"
	}
	fmt.Fprintf(w, "%s: %s\n", e.Node, state)
	if len(e.By) == 0 {
		fmt.Fprintln(w, "  the walk starts here")
	}
	for _, way := range e.By {
		text := "from " + way.From
		if way.If != "" {
			text += " if " + way.If
		}
		switch {
		case !way.Holds:
			text += ": does not hold"
		case way.Used:
			text += ": by this one"
		}
		if way.Used && !way.Holds {
			text += ", and it was met first"
		}
		fmt.Fprintf(w, "  %s (%s, %s:%d)\n", text, way.Roll, way.File, way.Line)
	}
	if e.Next != "" {
		fmt.Fprintf(w, "  before %s: %s\n", e.Next, strings.Join(e.Because, ", "))
	}
	for _, kind := range []struct {
		name string
		list []rocks.Brings
	}{{"package", e.Packages}, {"file", e.Files}, {"script", e.Scripts}} {
		for _, b := range kind.list {
			fmt.Fprintf(w, "  %s %s (%s, %s:%d)\n", kind.name, b.What, b.Roll, b.File, b.Line)
		}
	}
}
