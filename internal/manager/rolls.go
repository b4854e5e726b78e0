package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// Owner is OwnerPublished or OwnerOwn.
	Owner string `json:"owner"`
	// Versions are all that the asker can use, the newest first.
	Versions []string `json:"versions"`
	// Hidden are versions of the asker's own that cannot be used any more,
	// since the provider published a roll of that name.
	Hidden []string `json:"hidden,omitempty"`
	// Digest names the content of this version; PushedAt is when it came, not
	// set for a roll that ships with Quarry.
	Digest     string           `json:"digest,omitempty"`
	PushedAt   *time.Time       `json:"pushedAt,omitempty"`
	Requires   []string         `json:"requires,omitempty"`
	Conflicts  []string         `json:"conflicts,omitempty"`
	Provides   []string         `json:"provides,omitempty"`
	Appliances []roll.Appliance `json:"appliances"`
	Parameters []roll.Parameter `json:"parameters"`
	Attributes []roll.Parameter `json:"attributes"`
}

// Whose a roll is.
const (
	OwnerPublished = "published" // the provider's, for all
	OwnerOwn       = "own"       // the asker's, for nobody else
)

// Rolls lists the newest version of every roll that the asker can use.
func (m *Manager) Rolls(ctx context.Context, p Principal) ([]RollInfo, error) {
	s, err := m.shelf(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	var list []RollInfo
	for _, r := range s.catalog.Newest() {
		list = append(list, m.rollInfo(s, r))
	}
	return list, nil
}

// Roll returns one roll that the asker can use, named "name" or "name@version".
func (m *Manager) Roll(ctx context.Context, p Principal, ref string) (RollInfo, error) {
	s, err := m.shelf(ctx, p.Tenant)
	if err != nil {
		return RollInfo{}, err
	}
	r, err := s.catalog.Find(ref)
	if err != nil {
		return RollInfo{}, err
	}
	return m.rollInfo(s, r), nil
}

func (m *Manager) rollInfo(s shelf, r *roll.Roll) RollInfo {
	info := RollInfo{
		Name: r.Name, Version: r.Version, Summary: r.Summary, Description: r.Description, Owner: OwnerPublished,
		Appliances: slices.Clone(r.Appliances), Parameters: slices.Clone(r.Parameters),
		Requires: texts(r.Requires), Conflicts: texts(r.Conflicts), Provides: texts(r.Provides),
		Hidden: s.hidden[r.Name],
	}
	if r.Tenant != "" {
		info.Owner = OwnerOwn
	}
	if row, ok := s.pushed[r.Ref()]; ok {
		info.Digest, info.PushedAt = row.Digest, &row.CreatedAt
	} else if a, ok := m.shipped[r.Ref()]; ok {
		info.Digest = a.Digest()
	}
	for _, a := range r.Attributes {
		info.Attributes = append(info.Attributes, a.Parameter)
	}
	for _, other := range s.catalog[r.Name] {
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
