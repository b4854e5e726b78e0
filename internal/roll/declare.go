package roll

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"quarry/internal/cluster"
)

// parameters reads what a cluster sets once.
func (l *loader) parameters(docs []item[parameterDoc]) {
	for _, d := range docs {
		l.roll.Parameters = append(l.roll.Parameters, l.declare("parameter", d))
	}
}

// attributes reads what each vnode has its own value of.
func (l *loader) attributes(docs []item[parameterDoc]) {
	for _, d := range docs {
		p := l.declare("attribute", d)
		switch {
		case p.Type == TypeSecret:
			l.add(rollFile, d.V.Type.pos, "an attribute is no secret: secrets are parameters")
		case p.Default == nil:
			l.add(rollFile, d.pos, "attribute %q needs a default: its value where nothing else is set", p.Name)
			p.Default = new("")
		}
		l.roll.Attributes = append(l.roll.Attributes, Attribute{p})
	}
}

// declare reads a parameter or an attribute. Conditions call both
// "roll.key", so they share their names.
func (l *loader) declare(what string, d item[parameterDoc]) Parameter {
	p := Parameter{
		Name: d.V.Name.V, Type: d.V.Type.V, Of: d.V.Of.V, Min: d.V.Min, Max: d.V.Max,
		MinItems: d.V.MinItems, MaxItems: d.V.MaxItems, Match: d.V.Match.V, Help: d.V.Help.V,
		From: l.source(rollFile, d.pos),
	}
	for _, v := range d.V.Values {
		p.Values = append(p.Values, v.V)
	}
	if d.V.Default.Set {
		p.Default = new(p.canonical(d.V.Default.V))
	}
	if !d.V.Name.Set {
		d.V.Name.pos = d.pos
	}
	l.word(what, d.V.Name)
	same := func(q Parameter) bool { return q.Name == p.Name }
	if slices.ContainsFunc(l.roll.Parameters, same) || slices.ContainsFunc(l.roll.Attributes, func(a Attribute) bool { return same(a.Parameter) }) {
		l.add(rollFile, d.pos, "%s %q is there twice", what, p.Name)
	}
	if p.Help == "" {
		l.add(rollFile, d.pos, "%s %q needs a help: one line for who sets it", what, p.Name)
	}
	if !slices.Contains(parameterTypes, p.Type) {
		l.add(rollFile, d.pos, "type %q of %s %q is none of %s%s", p.Type, what, p.Name, strings.Join(parameterTypes, ", "), didYouMean(p.Type, slices.Values(parameterTypes)))
		return p
	}
	l.bounds(p, d)
	return p
}

// bounds checks what a declaration says of its values, and its default.
func (l *loader) bounds(p Parameter, d item[parameterDoc]) {
	if p.Of != "" && p.Type != TypeList {
		l.add(rollFile, d.V.Of.pos, "of fits the type list only")
	} else if p.Of != "" && !slices.Contains(itemTypes, p.Of) {
		l.add(rollFile, d.V.Of.pos, "of %q is none of %s%s", p.Of, strings.Join(itemTypes, ", "), didYouMean(p.Of, slices.Values(itemTypes)))
		return
	}
	if (p.item() == TypeEnum) != (len(p.Values) > 0) {
		l.add(rollFile, d.pos, "values belong to an enum, and an enum needs them")
		return
	}
	if (p.Min != nil || p.Max != nil) && !slices.Contains([]string{TypeInt, TypeString, TypeSecret}, p.item()) {
		l.add(rollFile, d.pos, "min and max do not fit the type %s", p.item())
	}
	if (p.MinItems != nil || p.MaxItems != nil) && !p.isList() {
		l.add(rollFile, d.pos, "minItems and maxItems fit lists only")
	}
	for _, b := range []struct {
		name     string
		min, max *int
	}{{"", p.Min, p.Max}, {"Items", p.MinItems, p.MaxItems}} {
		if b.min != nil && b.max != nil && *b.min > *b.max {
			l.add(rollFile, d.pos, "min%s %d is above max%s %d", b.name, *b.min, b.name, *b.max)
		}
	}
	if p.item() != TypeInt && p.Min != nil && *p.Min > maxValue {
		l.add(rollFile, d.pos, "min %d is more than the %d bytes that a value may have", *p.Min, maxValue)
	}
	if p.Match != "" && p.item() != TypeString {
		l.add(rollFile, d.V.Match.pos, "match fits strings only")
	}
	if _, err := regexp.Compile(p.Match); err != nil {
		l.add(rollFile, d.V.Match.pos, "match: %v", err)
		return
	}
	l.checkDefault(p, d)
}

func (l *loader) checkDefault(p Parameter, d item[parameterDoc]) {
	if p.Default == nil {
		return
	}
	if p.Type == TypeSecret {
		l.add(rollFile, d.V.Default.pos, "a secret has no default: the manager draws one for each cluster")
		return
	}
	if wrong := p.check(*p.Default); wrong != "" {
		l.add(rollFile, d.V.Default.pos, "default: %s", wrong)
	}
}

// settings reads values of attributes for a scope. A bare name is of this
// roll; attributes of others are checked once it is known who comes along.
func (l *loader) settings(docs []item[settingDoc]) {
	for _, d := range docs {
		s := Setting{
			Attribute: cluster.Attribute{Name: d.V.Attribute.V, Value: d.V.Value.V, OS: d.V.OS.V, Appliance: d.V.Appliance.V},
			From:      l.source(rollFile, d.pos),
		}
		if !strings.Contains(s.Name, ".") {
			s.Name = l.roll.Name + "." + s.Name
		}
		owner, key, _ := strings.Cut(s.Name, ".")
		if owner == l.roll.Name {
			l.own(key, s.Value, d)
		}
		if !d.V.Value.Set {
			l.add(rollFile, d.pos, "value is missing")
		}
		if d.V.OS.Set == d.V.Appliance.Set {
			l.add(rollFile, d.pos, "needs a scope: either os or appliance; the widest scope is the default where the attribute is declared")
		}
		if d.V.OS.Set && !osName.MatchString(s.OS) {
			l.add(rollFile, d.V.OS.pos, `%q is not an operating system: a family like "debian", or "debian/trixie"`, s.OS)
		}
		if d.V.Appliance.Set {
			l.label(rollFile, "appliance", d.V.Appliance, d.pos)
		}
		l.roll.Settings = append(l.roll.Settings, s)
	}
}

// own checks a value for an attribute of the roll itself.
func (l *loader) own(key, value string, d item[settingDoc]) {
	names := map[string]Attribute{}
	for _, a := range l.roll.Attributes {
		names[a.Name] = a
	}
	a, ok := names[key]
	if !ok {
		l.add(rollFile, d.pos, "the roll has no attribute %q%s", key, didYouMean(key, slices.Values(slices.Sorted(maps.Keys(names)))))
		return
	}
	if wrong := a.check(value); wrong != "" {
		l.add(rollFile, d.V.Value.pos, "%s", wrong)
	}
}
