package rocks

import (
	"fmt"
	"slices"

	"quarry/internal/roll/rocks/python"
)

// builtins are the names that look as if Python knew them.
var builtins = set(`True False str int float bool len list dict tuple set range min max sum any all sorted abs isinstance
	type repr map filter zip open eval file unicode long xrange reduce chr ord hasattr getattr os.path true false null`)

// lintCondition finds what a condition silently takes for something else.
func lintCondition(text string, x *python.Expr, r python.Result, attrs map[string]string, report func(rule, message, fix string)) {
	for _, name := range x.Names() {
		if _, given := attrs[name]; builtins[name] && !given {
			fix := "compare with attributes only"
			if name == "True" || name == "False" || name == "true" || name == "false" {
				fix = "write \"x\" for x == True, \"not x\" for x == False: the value on, true, yes or y of an attribute is true"
			}
			report(ruleBuiltin, fmt.Sprintf("the condition %q uses %s, which Rocks takes for an attribute that is not there: None", text, name), fix)
		}
	}
	var told []string
	for _, m := range r.Mixed {
		message := fmt.Sprintf("the condition %q compares %s %s %s", text, m.Left, m.Op, m.Right)
		if slices.Contains(told, message) {
			continue
		}
		told = append(told, message)
		if m.Missing {
			if !builtins[m.Attribute] {
				report(ruleUnknownCompared, message+fmt.Sprintf(": there is no attribute %s here", m.Attribute),
					fmt.Sprintf("set the attribute %s, or test it first: \"%[1]s and …\"", m.Attribute))
			}
			continue
		}
		report(ruleMixed, message+": a number and a string are never equal, and the number is always less",
			"write numbers without quotes: the value of an attribute that reads as a number is one")
	}
}

func (r *graphReader) lintCondition(text string, x *python.Expr, res python.Result) {
	if r.report == nil {
		return
	}
	lintCondition(text, x, res, r.env.escaped, func(rule, message, fix string) { r.find(rule, message, fix) })
}

func (g *generator) lintCondition(text string, e *element) func(*python.Expr, python.Result) {
	if g.options.Compat || text == "" {
		return nil
	}
	return func(x *python.Expr, res python.Result) {
		lintCondition(text, x, res, g.attrs, func(rule, message, fix string) { g.find(e, rule, message, fix) })
	}
}

func (g *generator) find(e *element, rule, message, fix string) {
	if !g.options.Compat {
		g.report(Finding{Rule: rule, File: e.file, Line: e.line, Message: message, Fix: fix})
	}
}
