package rocks

import (
	"strings"
	"sync"

	"quarry/internal/roll/rocks/python"
)

// condition joins the four attributes that an element may carry into one
// expression.
func condition(arch, system, release, cond string) string {
	var parts []string
	for _, list := range []struct{ name, values string }{{"arch", arch}, {"os", system}, {"release", release}} {
		if list.values == "" {
			continue
		}
		var any []string
		for v := range strings.SplitSeq(list.values, ",") {
			any = append(any, list.name+`=="`+strings.Trim(v, blanks)+`"`)
		}
		parts = append(parts, "( "+strings.Join(any, " or ")+" )")
	}
	if cond != "" {
		parts = append(parts, cond)
	}
	return strings.Join(parts, " and ")
}

// conditions keeps expressions that were read, for all walks of a tree.
type conditions struct {
	mu   sync.Mutex
	read map[string]compiled
}

type compiled struct {
	expr *python.Expr
	err  error
}

const maxConditions = 20000

func (c *conditions) parse(text string) (*python.Expr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done, ok := c.read[text]; ok {
		return done.expr, done.err
	}
	expr, err := python.Parse(text)
	if c.read == nil || len(c.read) >= maxConditions {
		c.read = map[string]compiled{}
	}
	c.read[text] = compiled{expr, err}
	return expr, err
}

// decide evaluates a condition; none at all holds. look, which may be nil, is
// shown how it came out.
func (c *conditions) decide(text string, attrs map[string]string, look func(*python.Expr, python.Result)) (bool, error) {
	if text == "" {
		return true, nil
	}
	expr, err := c.parse(text)
	if err != nil {
		return false, badCondition(err, text)
	}
	result, err := expr.Eval(attrs)
	if err != nil {
		return false, badCondition(err, text)
	}
	if look != nil {
		look(expr, result)
	}
	return result.True, nil
}
