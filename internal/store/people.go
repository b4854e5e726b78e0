package store

import (
	"database/sql"
	"errors"
	"time"
)

// Tenant is who books clusters.
type Tenant struct {
	Name      string
	CreatedAt time.Time
}

// InsertTenant adds a tenant; a taken name is a fault.Conflict.
func (t *Tx) InsertTenant(v Tenant) error {
	_, err := t.exec("INSERT INTO tenants (name, created_at) VALUES (?, ?)", v.Name, ms(v.CreatedAt))
	return taken(err, "tenant", v.Name)
}

// Tenants returns every tenant by name.
func (t *Tx) Tenants() ([]Tenant, error) {
	return list(t, scanTenant, "SELECT name, created_at FROM tenants ORDER BY name")
}

// Tenant returns one tenant or a fault.NotFound.
func (t *Tx) Tenant(name string) (Tenant, error) {
	return one(t, "tenant", name, scanTenant, "SELECT name, created_at FROM tenants WHERE name = ?", name)
}

func scanTenant(r scanner) (v Tenant, err error) {
	var at int64
	err = r.Scan(&v.Name, &at)
	v.CreatedAt = fromMS(at)
	return v, err
}

// Token is a bearer token; its secret is not kept.
type Token struct {
	ID        string
	Hash      string // SHA-256 of the secret, hex
	Role      string
	Tenant    string // "" is the provider
	CreatedAt time.Time
	ExpiresAt *time.Time
	RevokedAt *time.Time
	LastUsed  *time.Time
}

const tokenColumns = "id, hash, role, coalesce(tenant, ''), created_at, expires_at, revoked_at, last_used"

// InsertToken adds a token; an unknown tenant is a fault.NotFound.
func (t *Tx) InsertToken(v Token) error {
	_, err := t.exec(`INSERT INTO tokens (id, hash, role, tenant, created_at, expires_at, revoked_at, last_used)
		VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?, ?)`,
		v.ID, v.Hash, v.Role, v.Tenant, ms(v.CreatedAt), nullMS(v.ExpiresAt), nullMS(v.RevokedAt), nullMS(v.LastUsed))
	return taken(err, "token", v.ID)
}

// TokenByHash returns a token, also one that expired or was revoked, or a
// fault.NotFound.
func (t *Tx) TokenByHash(hash string) (Token, error) {
	return one(t, "token", "(hidden)", scanToken, "SELECT "+tokenColumns+" FROM tokens WHERE hash = ?", hash)
}

// Tokens returns a tenant's tokens, or everybody's for "", oldest first.
func (t *Tx) Tokens(tenant string) ([]Token, error) {
	return list(t, scanToken, "SELECT "+tokenColumns+` FROM tokens
		WHERE ?1 = '' OR tenant = ?1 ORDER BY created_at, id`, tenant)
}

// RevokeToken makes a token useless from then on. A second time changes nothing.
func (t *Tx) RevokeToken(id string, at time.Time) error {
	n, err := t.exec("UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", ms(at), id)
	if err == nil && n == 0 {
		return notFound("token", id)
	}
	return err
}

// UsedToken notes when a token was last used.
func (t *Tx) UsedToken(id string, at time.Time) error {
	_, err := t.exec("UPDATE tokens SET last_used = ? WHERE id = ?", ms(at), id)
	return err
}

func scanToken(r scanner) (v Token, err error) {
	var created int64
	var expires, revoked, used sql.NullInt64
	err = r.Scan(&v.ID, &v.Hash, &v.Role, &v.Tenant, &created, &expires, &revoked, &used)
	v.CreatedAt = fromMS(created)
	v.ExpiresAt, v.RevokedAt, v.LastUsed = fromNullMS(expires), fromNullMS(revoked), fromNullMS(used)
	return v, err
}

// Enrolment is a token that a new pnode trades for its certificate, once.
type Enrolment struct {
	Hash      string // SHA-256 of the secret, hex
	Pnode     string
	ExpiresAt time.Time
	UsedAt    *time.Time
}

// Why an enrolment token is refused.
var (
	ErrEnrolmentUnknown = errors.New("enrolment token is unknown")
	ErrEnrolmentExpired = errors.New("enrolment token is expired")
	ErrEnrolmentUsed    = errors.New("enrolment token was used before")
)

// InsertEnrolment adds an enrolment token.
func (t *Tx) InsertEnrolment(v Enrolment) error {
	_, err := t.exec("INSERT INTO enrolments (hash, pnode, expires_at, used_at) VALUES (?, ?, ?, ?)",
		v.Hash, v.Pnode, ms(v.ExpiresAt), nullMS(v.UsedAt))
	return taken(err, "enrolment token for", v.Pnode)
}

// UseEnrolment marks a token used and returns it, or one of the ErrEnrolment
// errors. It counts as used only if the transaction commits.
func (t *Tx) UseEnrolment(hash string, now time.Time) (Enrolment, error) {
	v := Enrolment{Hash: hash}
	var expires int64
	var used sql.NullInt64
	err := t.sql.QueryRowContext(t.ctx, "SELECT pnode, expires_at, used_at FROM enrolments WHERE hash = ?", hash).
		Scan(&v.Pnode, &expires, &used)
	v.ExpiresAt, v.UsedAt = fromMS(expires), fromNullMS(used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return v, ErrEnrolmentUnknown
	case err != nil:
		return v, err
	case v.UsedAt != nil:
		return v, ErrEnrolmentUsed
	case !now.Before(v.ExpiresAt):
		return v, ErrEnrolmentExpired
	}
	_, err = t.exec("UPDATE enrolments SET used_at = ? WHERE hash = ?", ms(now), hash)
	v.UsedAt = &now
	return v, err
}
