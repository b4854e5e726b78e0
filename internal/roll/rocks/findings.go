package rocks

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

// reported are findings that also compat tells of: what was left out of the
// profile on purpose.
var reported = map[string]bool{ruleEval: true, ruleCopy: true, ruleUnusedInclude: true}

// take adds the findings of a node file.
func (w *walk) take(list []Finding) {
	for _, f := range list {
		if !w.options.Compat || reported[f.Rule] {
			w.report(f)
		}
	}
}
