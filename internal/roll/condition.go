package roll

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"quarry/internal/fault"
)

// Attributes are what conditions can ask for: "os" ("debian"), "release"
// ("trixie"), "architecture" ("amd64"), "nodes" (map[string]int: how many
// vnodes of each appliance) and the parameters and attributes of rolls by
// "roll.key", typed or as text; those left out have their defaults.
// "appliance" and "rolls" are added by the walk. A condition sees these facts
// and what its own roll declares ("roll.key"), nothing else.
type Attributes map[string]any

const maxCondition = 1000 // bytes

// compile checks a condition against the types of everything it may name.
func compile(condition, rollName string, declared []Parameter) (*vm.Program, error) {
	if len(condition) > maxCondition {
		return nil, fmt.Errorf("longer than %d bytes", maxCondition)
	}
	own := types.Map{}
	for _, p := range declared {
		switch {
		case p.Type == TypeInt:
			own[p.Name] = types.Int
		case p.Type == TypeBool:
			own[p.Name] = types.Bool
		case p.isList():
			own[p.Name] = types.TypeOf([]string{})
		default:
			own[p.Name] = types.String
		}
	}
	options := []expr.Option{
		expr.Env(types.Map{
			"appliance": types.String, "os": types.String, "release": types.String, "architecture": types.String,
			"nodes": types.TypeOf(map[string]int{}), "rolls": types.TypeOf([]string{}),
			rollName: own,
		}),
		expr.AsBool(), expr.MaxNodes(500),
		// Nothing that depends on the clock or on chance.
		expr.DisableAllBuiltins(),
	}
	for _, name := range []string{"len", "any", "all", "none", "one", "lower", "upper", "min", "max", "sum", "values"} {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(condition, options...)
	if err != nil {
		return nil, err
	}
	return program, checkCost(program.Node())
}

// conditionFault tells what is wrong with a condition in one line and where in
// its text, counted in bytes from 0.
func conditionFault(err error) (message string, offset int) {
	if e, ok := errors.AsType[*file.Error](err); ok {
		return e.Message, e.Column
	}
	return err.Error(), 0
}

// environment gives the conditions of one roll their values.
func (s *Selection) environment(r *Roll, appliance string, attrs Attributes) (map[string]any, error) {
	env := map[string]any{
		"appliance": appliance, "os": "", "release": "", "architecture": "",
		"nodes": map[string]int{}, "rolls": s.Names(),
	}
	var wrong fault.List
	for _, key := range []string{"os", "release", "architecture"} {
		if v, ok := attrs[key]; ok {
			if _, isText := v.(string); !isText {
				wrong.Add("attributes."+key, fmt.Sprintf("is a %T, not a text", v))
			}
			env[key] = v
		}
	}
	if v, ok := attrs["nodes"]; ok {
		if _, isMap := v.(map[string]int); !isMap {
			wrong.Add("attributes.nodes", fmt.Sprintf("is a %T, not numbers by appliance", v))
		}
		env["nodes"] = v
	}
	own := map[string]any{}
	values := s.At(Where{OS: fact(attrs, "os"), Release: fact(attrs, "release"), Appliance: appliance}, nil)
	for _, p := range r.declared() {
		name := r.Name + "." + p.Name
		value, given := attrs[name]
		if scoped, ok := values[name]; ok && !given {
			value = scoped
		}
		converted, err := p.typed(value)
		if err != nil {
			wrong.Add("parameters."+name, err.Error())
		}
		own[p.Name] = converted
	}
	env[r.Name] = own
	return env, wrong.Err(fault.Invalid, "The attributes do not fit the rolls")
}

// declared is everything that the roll's conditions call by "roll.key"; a secret
// decides nothing.
func (r *Roll) declared() []Parameter {
	var all []Parameter
	for _, p := range r.Parameters {
		if p.Type != TypeSecret {
			all = append(all, p)
		}
	}
	for _, a := range r.Attributes {
		all = append(all, a.Parameter)
	}
	return all
}

// fact is one of the attributes that are texts.
func fact(attrs Attributes, key string) string {
	text, _ := attrs[key].(string)
	return text
}

// holds says whether an edge is taken.
func (e *Edge) holds(env map[string]any) (bool, error) {
	if e.condition == nil {
		return true, nil
	}
	out, err := expr.Run(e.condition, env)
	if err != nil {
		return false, err
	}
	yes, ok := out.(bool)
	if !ok {
		return false, fmt.Errorf("gives a %T, not true or false", out)
	}
	return yes, nil
}

// checkAttributes refuses names that no condition could ask for.
func (s *Selection) checkAttributes(attrs Attributes) error {
	known := map[string]bool{"appliance": true, "rolls": true, "os": true, "release": true, "architecture": true, "nodes": true}
	for _, r := range s.rolls {
		for _, p := range r.declared() {
			known[r.Name+"."+p.Name] = true
		}
	}
	var wrong fault.List
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		if !known[name] {
			wrong.Add("attributes."+name, "no such attribute"+didYouMean(name, slices.Values(slices.Sorted(maps.Keys(known)))))
		}
	}
	return wrong.Err(fault.Invalid, "The attributes do not fit the rolls")
}
