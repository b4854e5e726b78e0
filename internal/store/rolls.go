package store

import (
	"database/sql"
	"time"
)

// Roll is one version of a roll that was pushed. What it means never changes.
type Roll struct {
	Tenant    string // "" is the provider: published to all
	Name      string
	Version   string
	Digest    string // of its content, hex
	Bytes     int64  // of its files
	CreatedAt time.Time
	TokenID   string     // who pushed it
	DeletedAt *time.Time // it cannot be booked any more
}

const rollColumns = "tenant, name, version, digest, bytes, created_at, token_id, deleted_at"

// InsertRoll adds a version with its archive; one that was there before,
// deleted or not, is a fault.Conflict.
func (t *Tx) InsertRoll(v Roll, archive []byte) error {
	_, err := t.exec("INSERT INTO rolls ("+rollColumns+", archive) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
		v.Tenant, v.Name, v.Version, v.Digest, v.Bytes, ms(v.CreatedAt), v.TokenID, nullMS(v.DeletedAt), archive)
	return taken(err, "roll", v.Name+"@"+v.Version)
}

// Rolls returns what a tenant can see: the provider's rolls and its own, also
// deleted ones. "" sees the provider's.
func (t *Tx) Rolls(tenant string) ([]Roll, error) {
	return list(t, scanRoll, "SELECT "+rollColumns+` FROM rolls
		WHERE tenant IN ('', ?) ORDER BY name, version, tenant`, tenant)
}

// Roll returns one version, also a deleted one, or a fault.NotFound.
func (t *Tx) Roll(tenant, name, version string) (Roll, error) {
	return one(t, "roll", name+"@"+version, scanRoll, "SELECT "+rollColumns+` FROM rolls
		WHERE tenant = ? AND name = ? AND version = ?`, tenant, name, version)
}

// RollArchive returns the archive of a version that is not deleted, or a
// fault.NotFound.
func (t *Tx) RollArchive(tenant, name, version string) ([]byte, error) {
	return one(t, "roll", name+"@"+version, func(r scanner) (archive []byte, err error) {
		return archive, r.Scan(&archive)
	}, "SELECT archive FROM rolls WHERE tenant = ? AND name = ? AND version = ? AND deleted_at IS NULL", tenant, name, version)
}

// DeleteRoll takes a version out of use and forgets its archive.
func (t *Tx) DeleteRoll(v Roll, at time.Time) error {
	n, err := t.exec(`UPDATE rolls SET deleted_at = ?, archive = x'', bytes = 0
		WHERE tenant = ? AND name = ? AND version = ? AND deleted_at IS NULL`, ms(at), v.Tenant, v.Name, v.Version)
	if err == nil && n == 0 {
		return notFound("roll", v.Name+"@"+v.Version)
	}
	return err
}

// ReviveRoll brings a deleted version back, with the archive of its content.
func (t *Tx) ReviveRoll(v Roll, archive []byte) error {
	n, err := t.exec(`UPDATE rolls SET deleted_at = NULL, archive = ?, bytes = ?
		WHERE tenant = ? AND name = ? AND version = ? AND digest = ?`,
		archive, v.Bytes, v.Tenant, v.Name, v.Version, v.Digest)
	if err == nil && n == 0 {
		return notFound("roll", v.Name+"@"+v.Version)
	}
	return err
}

// RollUsage is what one owner keeps: how many versions, deleted ones
// included, and the bytes of all files.
func (t *Tx) RollUsage(tenant string) (versions int, bytes int64, err error) {
	err = t.sql.QueryRowContext(t.ctx, "SELECT count(*), coalesce(sum(bytes), 0) FROM rolls WHERE tenant = ?", tenant).
		Scan(&versions, &bytes)
	return versions, bytes, err
}

func scanRoll(r scanner) (v Roll, err error) {
	var created int64
	var deleted sql.NullInt64
	err = r.Scan(&v.Tenant, &v.Name, &v.Version, &v.Digest, &v.Bytes, &created, &v.TokenID, &deleted)
	v.CreatedAt, v.DeletedAt = fromMS(created), fromNullMS(deleted)
	return v, err
}
