package manager

import (
	"context"
	"fmt"
	"strings"

	"quarry/internal/fault"
	"quarry/internal/roll"
	"quarry/internal/roll/archive"
	"quarry/internal/store"
)

// What one owner may keep. Deleted versions count as versions for ever, for
// their names stay taken.
const (
	maxVersions  = 1000
	maxRollBytes = 64 << 20 // of all files, unpacked
)

const notPushed = "the roll cannot be pushed"

// PushRoll takes in a version of a roll: the provider's is published to all,
// a tenant's is its own. ref is "name@version" as the archive has to say
// itself. Pushing the same content again changes nothing; other content of a
// version that there was before is fault.Conflict. created says whether
// anything was new.
func (m *Manager) PushRoll(ctx context.Context, p Principal, ref string, packed []byte) (info RollInfo, created bool, err error) {
	owner, err := rollOwner(p)
	if err != nil {
		return RollInfo{}, false, err
	}
	a, err := archive.Open(packed)
	if err != nil {
		return RollInfo{}, false, err
	}
	r, err := checkPushed(a, ref)
	if err != nil {
		return RollInfo{}, false, err
	}
	if packed, err = a.Pack(); err != nil { // never kept as it was sent
		return RollInfo{}, false, err
	}
	if len(packed) > archive.MaxPacked {
		return RollInfo{}, false, fault.New(fault.Invalid, notPushed, fault.Detail{Message: fmt.Sprintf(
			"as tar.gz it has %d bytes, at most %d are allowed", len(packed), archive.MaxPacked)})
	}
	row := store.Roll{
		Tenant: owner, Name: r.Name, Version: r.Version, Digest: a.Digest(), Bytes: a.Size(),
		CreatedAt: m.Now().UTC(), TokenID: p.TokenID,
	}
	if err := m.checkShipped(row); err != nil {
		return RollInfo{}, false, err
	}
	if _, ok := m.shipped[r.Ref()]; !ok {
		err = m.Store.Update(ctx, func(tx *store.Tx) (err error) {
			created, err = m.takeIn(tx, row, packed)
			return err
		})
		if err != nil {
			return RollInfo{}, false, err
		}
	}
	if created {
		m.Log.InfoContext(ctx, "roll pushed", "roll", r.Ref(), "tenant", owner, "digest", row.Digest, "token_id", p.TokenID)
	}
	info, err = m.Roll(ctx, p, r.Ref())
	return info, created, err
}

// checkPushed finds every mistake of a roll that can be seen without others.
func checkPushed(a *archive.Archive, ref string) (*roll.Roll, error) {
	if err := roll.Lint(a.FS(), "."); err != nil {
		return nil, err
	}
	r, err := roll.Load(a.FS(), ".")
	if err != nil {
		return nil, err
	}
	if r.Ref() != ref {
		return nil, fault.New(fault.Invalid, notPushed, fault.Detail{
			Field: "roll.yaml", Message: fmt.Sprintf("it is the roll %s, and was to be %s: push it as what it is", r.Ref(), ref),
		})
	}
	return r, nil
}

// checkShipped keeps what ships with Quarry as it is.
func (m *Manager) checkShipped(row store.Roll) error {
	if row.Tenant != "" && len(m.Catalog[row.Name]) > 0 {
		return nameTaken(row)
	}
	a, ok := m.shipped[row.Name+"@"+row.Version]
	if ok && a.Digest() != row.Digest {
		return otherContent(row, a.Digest())
	}
	return nil
}

func nameTaken(row store.Roll) error {
	return fault.New(fault.Conflict, notPushed, fault.Detail{Field: "name", Message: fmt.Sprintf(
		"the provider publishes a roll %q: a roll of your own cannot stand in its place, give it another name", row.Name)})
}

func otherContent(row store.Roll, digest string) error {
	return fault.New(fault.Conflict, notPushed, fault.Detail{Field: "version", Message: fmt.Sprintf(
		"there was a %s@%s with other content (%.12s, this is %.12s): a version never changes, give it a new one",
		row.Name, row.Version, digest, row.Digest)})
}

// takeIn writes a version down, unless it is there.
func (m *Manager) takeIn(tx *store.Tx, row store.Roll, packed []byte) (created bool, err error) {
	if row.Tenant != "" {
		if err := checkName(tx, row); err != nil {
			return false, err
		}
	}
	old, err := tx.Roll(row.Tenant, row.Name, row.Version)
	known := err == nil
	switch {
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return false, err
	case known && old.Digest != row.Digest:
		return false, otherContent(row, old.Digest)
	case known && old.DeletedAt == nil:
		return false, nil
	}
	if err := checkRoom(tx, row, known); err != nil {
		return false, err
	}
	if known {
		return true, tx.ReviveRoll(row, packed)
	}
	return true, tx.InsertRoll(row, packed)
}

// checkName keeps a tenant's roll from standing in a published one's place.
func checkName(tx *store.Tx, row store.Roll) error {
	published, err := tx.Rolls("")
	if err != nil {
		return err
	}
	for _, other := range published {
		if other.Name == row.Name && other.DeletedAt == nil {
			return nameTaken(row)
		}
	}
	return nil
}

func checkRoom(tx *store.Tx, row store.Roll, known bool) error {
	versions, bytes, err := tx.RollUsage(row.Tenant)
	if err != nil {
		return err
	}
	var l fault.List
	if !known && versions >= maxVersions {
		l.Add("", fmt.Sprintf("you have pushed %d versions, deleted ones included, and may push no more", versions))
	}
	if bytes+row.Bytes > maxRollBytes {
		l.Add("", fmt.Sprintf("your rolls have %d bytes, with this one %d, and may have %d: delete versions that you do not need",
			bytes, bytes+row.Bytes, maxRollBytes))
	}
	return l.Err(fault.Refused, notPushed)
}

// RollArchive returns the archive of one version, tar.gz: of every roll that
// the asker can use, and of its own that a published one hides.
func (m *Manager) RollArchive(ctx context.Context, p Principal, ref string) ([]byte, error) {
	owner, err := rollOwner(p)
	if err != nil {
		return nil, err
	}
	s, err := m.shelf(ctx, owner)
	if err != nil {
		return nil, err
	}
	name, version, _ := strings.Cut(ref, "@")
	row := store.Roll{Tenant: owner, Name: name, Version: version}
	r, missing := s.catalog.Find(ref)
	if missing == nil {
		if a, ok := m.shipped[r.Ref()]; ok {
			return a.Pack()
		}
		row = s.pushed[r.Ref()]
	}
	var packed []byte
	err = m.Store.View(ctx, func(tx *store.Tx) (err error) {
		packed, err = tx.RollArchive(row.Tenant, row.Name, row.Version)
		return err
	})
	if missing != nil && err != nil {
		return nil, missing
	}
	return packed, err
}

// DeleteRoll takes one version out of use. Clusters that were booked with it
// keep it, and no other content can ever have its name and version.
func (m *Manager) DeleteRoll(ctx context.Context, p Principal, ref string) error {
	owner, err := rollOwner(p)
	if err != nil {
		return err
	}
	name, version, exact := strings.Cut(ref, "@")
	if !exact {
		return fault.New(fault.Invalid, "the roll cannot be deleted", fault.Detail{
			Field: "ref", Message: fmt.Sprintf("%q names no version: write %s@VERSION", ref, ref),
		})
	}
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		return tx.DeleteRoll(store.Roll{Tenant: owner, Name: name, Version: version}, m.Now())
	})
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return m.whyNotDeleted(ctx, owner, ref)
	case err == nil:
		m.Log.InfoContext(ctx, "roll deleted", "roll", ref, "tenant", owner, "token_id", p.TokenID)
	}
	return err
}

// whyNotDeleted tells of a roll that is not the asker's to delete.
func (m *Manager) whyNotDeleted(ctx context.Context, owner, ref string) error {
	s, err := m.shelf(ctx, owner)
	if err != nil {
		return err
	}
	if _, err := s.catalog.Find(ref); err != nil {
		return err
	}
	const title = "the roll cannot be deleted"
	if owner != "" {
		return fault.New(fault.Forbidden, title, fault.Detail{
			Message: fmt.Sprintf("the provider publishes %s: only a roll of your own is yours to delete", ref),
		})
	}
	return fault.New(fault.Refused, title, fault.Detail{
		Message: fmt.Sprintf("%s ships with Quarry: publish a newer version instead", ref),
	})
}
