package rocks

import (
	"quarry/internal/roll/rocks/python"
	"quarry/internal/roll/rocks/sax"
)

// findings gives what was found, each once and with its severity.
func (w *walk) findings() []Finding {
	severity := map[string]string{}
	for _, r := range rules {
		severity[r.ID] = r.Severity
	}
	seen := map[Finding]bool{}
	var list []Finding
	for _, f := range w.found {
		switch {
		case f.Severity != "": // it is known already
		case severity[f.Rule] != Failure:
			f.Severity = severity[f.Rule]
		case w.options.Compat || w.options.Allow[f.Rule]:
			f.Severity = Warning
		default:
			f.Severity = Failure
		}
		if !seen[f] {
			seen[f] = true
			list = append(list, f)
		}
	}
	return list
}
func (w *walk) lintGraph(string) {}

func (r *graphReader) lintElement(graphEvent)                                         {}
func (r *graphReader) lintCondition(string, *python.Expr, python.Result)              {}
func (p *pass1) lintElement(string, []sax.Attr, sax.Pos)                              {}
func (p *pass1) dropped(string, int)                                                  {}
func (p *pass1) undefined(string, sax.Pos)                                            {}
func (g *generator) lintCondition(string, *element) func(*python.Expr, python.Result) { return nil }
func (g *generator) ansible(e *element) error                                         { return missingMethod("handle_ansible", e) }
