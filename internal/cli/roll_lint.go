package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/roll"
)

// checked is what roll check prints of a roll that is well made.
type checked struct {
	Roll   string   `json:"roll"`
	Status string   `json:"status"`
	Advice []string `json:"advice"`
}

// checkRoll gives Lint the folder above, so that messages name files as the
// user would.
func (a *app) checkRoll(dir string, others []string) error {
	full, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("find the roll: %w", err)
	}
	if info, err := os.Stat(full); err != nil || !info.IsDir() {
		return usage("%s is not a folder: name the folder that holds roll.yaml", dir)
	}
	parent, base := os.DirFS(filepath.Dir(full)), filepath.Base(full)
	if err := roll.Lint(parent, base); err != nil {
		return notByServer(err)
	}
	out := checked{Roll: base, Status: "ok", Advice: []string{}}
	advice, err := roll.Advise(parent, base)
	if err != nil {
		return notByServer(err)
	}
	missing, err := together(dir, others)
	if err != nil {
		return notByServer(err)
	}
	for _, d := range append(advice, missing...) {
		out.Advice = append(out.Advice, d.String())
	}
	return a.print(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s is well made\n", dir)
		for _, line := range out.Advice {
			fmt.Fprintf(w, "  advice: %s\n", line)
		}
	})
}

// together checks a roll with the rolls it goes with, as far as these are at
// hand: what each appliance comes to with the defaults of everything.
func together(dir string, others []string) ([]fault.Detail, error) {
	catalog, own, err := loadCatalog(append([]string{dir}, others...))
	if err != nil {
		return nil, err
	}
	sel, err := catalog.Select(own[:1])
	if fault.KindOf(err) == fault.Invalid {
		var l fault.List
		l.AddAll(err)
		for _, d := range l.Details() {
			if d.Field != "rolls" { // a line of a roll is wrong
				return nil, err
			}
		}
		return l.Details(), nil // it may fit where its other rolls are: --rolls
	}
	if err != nil {
		return nil, err
	}
	params, _ := sel.Check(nil) // what must be given has a harmless value
	var wrong fault.List
	for _, kind := range sel.Appliances() {
		attrs := roll.Attributes{
			"os": "debian", "release": "trixie", "architecture": "amd64",
			"nodes": map[string]int{cluster.Gateway: 1, cluster.Compute: 2, kind.Name: max(1, kind.Count)},
		}
		for name, value := range params {
			attrs[name] = value
		}
		profile, err := sel.Walk(kind.Name, attrs)
		wrong.AddAll(err)
		own := sel.At(roll.Where{OS: "debian", Release: "trixie", Appliance: kind.Name}, nil)
		wrong.AddAll(sel.LintProfile(profile, params, own))
	}
	return nil, wrong.Err(fault.Invalid, "The roll does not go together with the others")
}
