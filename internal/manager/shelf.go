package manager

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/internal/roll/archive"
	"quarry/internal/store"
)

// shelf is the rolls that one asker can use: those that ship with Quarry, those
// that the provider published, and a tenant's own. Nobody learns from it what
// another tenant has.
type shelf struct {
	catalog roll.Catalog
	pushed  map[string]store.Roll // by "name@version"
	// hidden are versions of a tenant's own, by name, that cannot be used since
	// the provider published a roll of that name.
	hidden map[string][]string
}

// shelf returns what a tenant, or the provider for "", can use now.
func (m *Manager) shelf(ctx context.Context, tenant string) (shelf, error) {
	s := shelf{catalog: m.Catalog, pushed: map[string]store.Roll{}, hidden: map[string][]string{}}
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Rolls(tenant)
		if err != nil {
			return err
		}
		// The provider's first: a name that it published is nobody's own.
		slices.SortStableFunc(rows, func(a, b store.Roll) int { return strings.Compare(a.Tenant, b.Tenant) })
		for _, row := range rows {
			if row.DeletedAt != nil {
				continue
			}
			if err := m.put(ctx, tx, &s, row); err != nil {
				return err
			}
		}
		return nil
	})
	return s, err
}

// put puts one version on the shelf.
func (m *Manager) put(ctx context.Context, tx *store.Tx, s *shelf, row store.Roll) error {
	if row.Tenant != "" && s.published(row.Name) {
		s.hidden[row.Name] = append(s.hidden[row.Name], row.Version)
		return nil
	}
	r, err := m.parsed(ctx, tx, row)
	if err != nil || r == nil {
		return err
	}
	s.catalog = s.catalog.With(r)
	s.pushed[r.Ref()] = row
	return nil
}

// published says whether the rolls of a name are everybody's.
func (s *shelf) published(name string) bool {
	return slices.ContainsFunc(s.catalog[name], func(r *roll.Roll) bool { return r.Tenant == "" })
}

// parsed returns the roll of a row, read once. One that this program cannot
// read any more, because an older one took it in, is left out: nil.
func (m *Manager) parsed(ctx context.Context, tx *store.Tx, row store.Roll) (*roll.Roll, error) {
	key := row.Tenant + "/" + row.Name + "@" + row.Version
	m.mu.Lock()
	r, known := m.rolls[key]
	m.mu.Unlock()
	if known {
		return r, nil
	}
	packed, err := tx.RollArchive(row.Tenant, row.Name, row.Version)
	if err != nil {
		return nil, err
	}
	r, err = readRoll(packed, row.Name)
	if err != nil {
		m.Log.ErrorContext(ctx, "a roll cannot be read", "roll", key, "error", err)
	} else if row.Tenant != "" {
		r = r.Own(row.Tenant)
	}
	m.mu.Lock()
	m.rolls[key] = r
	m.mu.Unlock()
	return r, nil
}

func readRoll(packed []byte, name string) (*roll.Roll, error) {
	a, err := archive.Open(packed)
	if err != nil {
		return nil, err
	}
	return roll.Load(a.Folder(name), name)
}

// shippedRolls packs the rolls that come with the program, by "name@version".
func shippedRolls(fsys fs.FS, catalog roll.Catalog) (map[string]*archive.Archive, error) {
	all := map[string]*archive.Archive{}
	if fsys == nil {
		return all, nil
	}
	for _, name := range catalog.Names() {
		sub, err := fs.Sub(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("pack roll %s: %w", name, err)
		}
		if _, err := fs.Stat(sub, "."); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		a, err := archive.FromFolder(sub)
		if err != nil {
			return nil, fmt.Errorf("pack roll %s: %w", name, err)
		}
		all[catalog[name][0].Ref()] = a
	}
	return all, nil
}

// rollOwner refuses everybody who has no rolls.
func rollOwner(p Principal) (string, error) {
	switch {
	case p.Role == RoleProvider:
		return "", nil
	case p.Role == RoleTenant && p.Tenant != "":
		return p.Tenant, nil
	}
	return "", fault.New(fault.Forbidden, "not allowed",
		fault.Detail{Message: "rolls are the provider's and the tenants': use a token of one of them"})
}
