package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/roll"
)

// architecture is that of every vnode, so far.
const architecture = "amd64"

// RollInfo describes a roll to those who book.
type RollInfo struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Summary     string `json:"summary"`
	Description string `json:"description,omitempty"`
	// Versions are all there are of it, the newest first.
	Versions   []string         `json:"versions"`
	Requires   []string         `json:"requires,omitempty"`
	Conflicts  []string         `json:"conflicts,omitempty"`
	Provides   []string         `json:"provides,omitempty"`
	Appliances []roll.Appliance `json:"appliances"`
	Parameters []roll.Parameter `json:"parameters"`
	Attributes []roll.Parameter `json:"attributes"`
}

// Rolls lists the newest version of every roll of the site.
func (m *Manager) Rolls(_ context.Context, _ Principal) ([]RollInfo, error) {
	var list []RollInfo
	for _, r := range m.Catalog.Newest() {
		list = append(list, rollInfo(m.Catalog, r))
	}
	return list, nil
}

// Roll returns one roll, named "name" or "name@version".
func (m *Manager) Roll(_ context.Context, _ Principal, ref string) (RollInfo, error) {
	r, err := m.Catalog.Find(ref)
	if err != nil {
		return RollInfo{}, err
	}
	return rollInfo(m.Catalog, r), nil
}

func rollInfo(c roll.Catalog, r *roll.Roll) RollInfo {
	info := RollInfo{
		Name: r.Name, Version: r.Version, Summary: r.Summary, Description: r.Description,
		Appliances: slices.Clone(r.Appliances), Parameters: slices.Clone(r.Parameters),
		Requires: texts(r.Requires), Conflicts: texts(r.Conflicts), Provides: texts(r.Provides),
	}
	for _, a := range r.Attributes {
		info.Attributes = append(info.Attributes, a.Parameter)
	}
	for _, other := range c[r.Name] {
		info.Versions = append(info.Versions, other.Version)
	}
	return info
}

func texts[T fmt.Stringer](list []T) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.String())
	}
	return out
}

// detailsOf turns an error for people into its details, so that several can
// be told at once; any other error stays one. Paths within a request get the
// request's name in front; places in a roll stay as they are.
func detailsOf(err error) ([]fault.Detail, error) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.Invalid {
		return nil, err
	}
	var out []fault.Detail
	for _, d := range e.Details {
		switch {
		case d.Field == "":
			d.Field = "spec.rolls"
		case strings.HasPrefix(d.Field, "rolls"), strings.HasPrefix(d.Field, "parameters."), strings.HasPrefix(d.Field, "attributes["):
			d.Field = "spec." + d.Field
		}
		out = append(out, d)
	}
	return out, nil
}

// compactDetails drops repetitions: a package unknown to two appliances is
// one fault of its roll.
func compactDetails(list []fault.Detail) []fault.Detail {
	var out []fault.Detail
	for _, d := range list {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}
