package native

import (
	"strconv"
	"strings"

	"quarry/internal/roll/rocks"

	"quarry/internal/roll/rocks/python"
)

// place is where something stands in the roll.
type place struct {
	file string
	line int
}

// conditional makes the one Python expression that Rocks makes of an element's
// attributes; "" is always true.
func conditional(attrs map[string]string, outer string) string {
	var all []string
	for _, name := range []string{"arch", "os", "release"} {
		var any []string
		for _, value := range strings.Split(attrs[name], ",") {
			if value = strings.TrimSpace(value); value != "" {
				any = append(any, name+" == "+strconv.Quote(value))
			}
		}
		if len(any) > 0 {
			all = append(all, "("+strings.Join(any, " or ")+")")
		}
	}
	for _, cond := range []string{outer, attrs["cond"]} {
		if strings.TrimSpace(cond) != "" {
			all = append(all, "("+cond+")")
		}
	}
	return strings.Join(all, " and ")
}

// condition decides an expression as far as the mapping knows the attributes.
// What is left is a native condition, which is "" if it always holds. With
// holds false, the element is out.
func (im *importer) condition(expr string, at place) (native string, holds bool) {
	if expr == "" {
		return "", true
	}
	parsed, err := python.Parse(expr)
	if err != nil {
		im.find(rocks.Warning, "import-condition", at.file, at.line, "write the condition in Python as Rocks reads it", "the condition %q cannot be read (%v); what it guards is left out", expr, err)
		return "", false
	}
	attrs := map[string]string{}
	open := false
	for _, name := range parsed.Names() {
		v, known := im.value(name)
		switch {
		case !known:
			im.find(rocks.Warning, "import-attribute", at.file, at.line, "name it under attributes in the mapping: a value, or a parameter",
				"the condition %q asks for the attribute %s, which the mapping does not name: it counts as not set", expr, name)
		case v.Parameter != nil || v.word != "":
			open = true
		case v.Template != "":
			im.find(rocks.Warning, "import-condition", at.file, at.line, "give the attribute a value or make it a parameter",
				"the condition %q asks for %s, which differs from vnode to vnode; what it guards is left out", expr, name)
			return "", false
		default:
			attrs[name] = v.Constant
		}
	}
	if !open {
		result, err := parsed.Eval(attrs)
		if err != nil {
			im.find(rocks.Warning, "import-condition", at.file, at.line, "", "the condition %q fails (%v); what it guards is left out", expr, err)
		}
		return "", err == nil && result.True
	}
	t := translator{im: im, attrs: attrs, words: words(expr)}
	native, err = t.all()
	if err != nil {
		im.find(rocks.Warning, "import-condition", at.file, at.line, "give its attributes values in the mapping",
			"the condition %q has no native form (%v); what it guards is left out", expr, err)
		return "", false
	}
	switch native {
	case "true":
		return "", true
	case "false":
		return "", false
	}
	return native, true
}
