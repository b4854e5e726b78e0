package roll

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"text/template"
	"text/template/parse"

	"github.com/expr-lang/expr/ast"
)

// A roll may come from anybody, and the manager renders its templates and
// decides its conditions: what here is bounded could otherwise cost it all its
// time or memory.

// maxSteps is how many parts of a template one rendering may go through: 4,096
// vnodes with a hundred parts each.
const maxSteps = 400_000

// stepName is the function that counts; no template can call it, for none is
// read while it is known.
const stepName = "_step"

// Limits of how templates may be nested: an error deep down takes the square
// of the depth to come up.
const (
	maxDefined = 50
	maxNested  = 20
)

// counter makes every list of parts of a template call the counting function
// first, with how many parts it has, and finds what is nested too deep.
type counter struct {
	calls map[string][]string // which templates a template calls
	name  string
}

func count(t *template.Template) error {
	all := t.Templates()
	if len(all) > maxDefined {
		return fmt.Errorf("defines more than %d templates", maxDefined)
	}
	c := counter{calls: map[string][]string{}}
	for _, one := range all {
		if one.Tree == nil {
			continue
		}
		c.name = one.Name()
		if err := c.list(one.Root, 0); err != nil {
			return err
		}
	}
	for name := range c.calls {
		if c.reaches(name, name, map[string]bool{}) {
			return fmt.Errorf("template %q calls itself", name)
		}
	}
	return nil
}

func (c *counter) reaches(from, to string, seen map[string]bool) bool {
	for _, next := range c.calls[from] {
		if next == to {
			return true
		}
		if !seen[next] {
			seen[next] = true
			if c.reaches(next, to, seen) {
				return true
			}
		}
	}
	return false
}

func (c *counter) list(list *parse.ListNode, depth int) error {
	if depth > maxNested {
		return fmt.Errorf("is nested deeper than %d", maxNested)
	}
	if list == nil {
		return nil
	}
	for _, n := range list.Nodes {
		var inner *parse.BranchNode
		switch n := n.(type) {
		case *parse.IfNode:
			inner = &n.BranchNode
		case *parse.WithNode:
			inner = &n.BranchNode
		case *parse.RangeNode:
			inner = &n.BranchNode
		case *parse.TemplateNode:
			c.calls[c.name] = append(c.calls[c.name], n.Name)
		}
		if inner == nil {
			continue
		}
		if err := errors.Join(c.list(inner.List, depth+1), c.list(inner.ElseList, depth+1)); err != nil {
			return err
		}
	}
	list.Nodes = append([]parse.Node{step(list.Pos, len(list.Nodes))}, list.Nodes...)
	return nil
}

// step is the part {{step n}}.
func step(at parse.Pos, n int) parse.Node {
	call := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: at, Args: []parse.Node{
		parse.NewIdentifier(stepName).SetPos(at),
		&parse.NumberNode{NodeType: parse.NodeNumber, Pos: at, IsInt: true, Int64: int64(n), Text: fmt.Sprint(n)},
	}}
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: at, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe, Pos: at, Cmds: []*parse.CommandNode{call},
	}}
}

// steps counts for one rendering.
func steps() func(int) (string, error) {
	left := maxSteps
	return func(n int) (string, error) {
		if left -= max(1, n); left < 0 { // a loop of nothing counts, too
			return "", fmt.Errorf("goes through more than %d parts: too many or endless loops", maxSteps)
		}
		return "", nil
	}
}

const maxArguments = 100

// wideVerb is what makes much of little, or takes an argument again and again.
var wideVerb = regexp.MustCompile(`%[-+# 0.]*(?:[0-9]*\.)?(?:[0-9]{4,}|\*|[0-9.]*\[)`)

// bounds are the functions of text/template that make text, bounded.
func bounds() template.FuncMap {
	fits := func(text string, err error) (string, error) {
		if err == nil && len(text) > maxRendered {
			err = fmt.Errorf("gives more than %d bytes", maxRendered)
		}
		if err != nil {
			return "", err
		}
		return text, nil
	}
	printed := func(print func(...any) string) func(...any) (string, error) {
		return func(args ...any) (string, error) {
			if err := checkArguments(args); err != nil {
				return "", err
			}
			return fits(print(args...), nil)
		}
	}
	return template.FuncMap{
		"print": printed(fmt.Sprint), "println": printed(fmt.Sprintln),
		"html": printed(template.HTMLEscaper), "js": printed(template.JSEscaper), "urlquery": printed(template.URLQueryEscaper),
		"printf": func(format string, args ...any) (string, error) {
			if wideVerb.MatchString(format) {
				return "", errors.New(`printf: widths have up to three digits, and neither "*" nor "["`)
			}
			if err := checkArguments(append(args, format)); err != nil {
				return "", err
			}
			return fits(fmt.Sprintf(format, args...), nil)
		},
		"join": func(sep string, words []string) (string, error) {
			if len(sep)*len(words) > maxRendered {
				return "", fmt.Errorf("gives more than %d bytes", maxRendered)
			}
			return fits(strings.Join(words, sep), nil)
		},
	}
}

// checkArguments refuses more text than a file may have before it is copied.
func checkArguments(args []any) error {
	if len(args) > maxArguments {
		return fmt.Errorf("more than %d arguments", maxArguments)
	}
	total := 0
	for _, a := range args {
		if s, ok := a.(string); ok {
			total += len(s)
		}
	}
	if total > maxRendered {
		return fmt.Errorf("gives more than %d bytes", maxRendered)
	}
	return nil
}

// checkCost refuses conditions whose time grows faster than the cluster.
func checkCost(condition ast.Node) error {
	ranges := ast.Find(condition, func(n ast.Node) bool {
		b, ok := n.(*ast.BinaryNode)
		return ok && b.Operator == ".."
	})
	if ranges != nil {
		return errors.New(`".." is not allowed in a condition`)
	}
	nested := ast.Find(condition, func(n ast.Node) bool {
		p, ok := n.(*ast.PredicateNode)
		return ok && ast.Find(p.Node, func(n ast.Node) bool { _, ok := n.(*ast.PredicateNode); return ok }) != nil
	})
	if nested != nil {
		return errors.New("any, all, none and one may not stand within each other")
	}
	return nil
}
