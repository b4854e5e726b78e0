package manager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/store"
)

// Prefixes of secrets, so that a leaked one can be recognised.
const (
	tokenPrefix     = "quarry_"
	enrolmentPrefix = "quarry_enrol_"
)

// TokenInfo describes a bearer token. Secret is set only in the answer that
// made it: the manager keeps a hash.
type TokenInfo struct {
	ID        string     `json:"id"`
	Role      Role       `json:"role"`
	Tenant    string     `json:"tenant,omitempty"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	RevokedAt *time.Time `json:"revokedAt,omitempty"`
	LastUsed  *time.Time `json:"lastUsed,omitempty"`
	Secret    string     `json:"secret,omitempty"`
}

// TenantInfo describes a tenant.
type TenantInfo struct {
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"createdAt"`
}

// hashSecret is what is kept of a secret: it has 256 random bits, so a plain
// SHA-256 cannot be searched.
func hashSecret(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Authenticate tells who a bearer token belongs to. Unknown, expired and
// revoked tokens are refused with one and the same answer; the log knows why.
func (m *Manager) Authenticate(ctx context.Context, bearer string) (Principal, error) {
	refused := fault.New(fault.Unauthorized, "not authenticated",
		fault.Detail{Message: "the token is unknown, expired or revoked: ask the provider for a new one"})
	if !strings.HasPrefix(bearer, tokenPrefix) {
		m.Log.WarnContext(ctx, "token refused", "reason", "malformed")
		return Principal{}, refused
	}
	var t store.Token
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.TokenByHash(hashSecret(bearer))
		return err
	})
	reason := ""
	switch {
	case fault.KindOf(err) == fault.NotFound:
		reason = "unknown"
	case err != nil:
		return Principal{}, err
	case t.RevokedAt != nil:
		reason = "revoked"
	case t.ExpiresAt != nil && !m.Now().Before(*t.ExpiresAt):
		reason = "expired"
	}
	if reason != "" {
		m.Log.WarnContext(ctx, "token refused", "reason", reason, "token_id", t.ID)
		return Principal{}, refused
	}
	return Principal{Role: Role(t.Role), Tenant: t.Tenant, TokenID: t.ID}, m.noteUse(ctx, t)
}

// useEvery is how exactly it is known when a token was last used: a write for
// every request would be too much.
const useEvery = time.Hour

func (m *Manager) noteUse(ctx context.Context, t store.Token) error {
	now := m.Now()
	if t.LastUsed != nil && now.Sub(*t.LastUsed) < useEvery {
		return nil
	}
	return m.Store.Update(ctx, func(tx *store.Tx) error { return tx.UsedToken(t.ID, now) })
}

func provider(p Principal) error {
	if p.Role == RoleProvider {
		return nil
	}
	return fault.New(fault.Forbidden, "not allowed",
		fault.Detail{Message: "this needs a provider token; yours is a " + string(p.Role) + "'s (try --context provider)"})
}

// CreateTenant adds a tenant.
func (m *Manager) CreateTenant(ctx context.Context, p Principal, name string) (TenantInfo, error) {
	if err := provider(p); err != nil {
		return TenantInfo{}, err
	}
	if !cluster.ValidName(name) {
		return TenantInfo{}, fault.New(fault.Invalid, "the tenant cannot be made",
			fault.Detail{Field: "name", Message: fmt.Sprintf("%q is not a DNS label", name)})
	}
	t := store.Tenant{Name: name, CreatedAt: m.Now()}
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.InsertTenant(t); err != nil {
			return err
		}
		return p.answered(tx, TenantInfo(t))
	})
	return TenantInfo(t), err
}

// Tenants lists every tenant.
func (m *Manager) Tenants(ctx context.Context, p Principal) ([]TenantInfo, error) {
	if err := provider(p); err != nil {
		return nil, err
	}
	var out []TenantInfo
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Tenants()
		for _, t := range all {
			out = append(out, TenantInfo(t))
		}
		return err
	})
	return out, err
}

// CreateToken makes a bearer token for a tenant, or for the provider when
// tenant is "". It lasts for expires, or until revoked when that is 0.
func (m *Manager) CreateToken(ctx context.Context, p Principal, tenant string, expires time.Duration) (TokenInfo, error) {
	if err := provider(p); err != nil {
		return TokenInfo{}, err
	}
	if expires < 0 {
		return TokenInfo{}, fault.New(fault.Invalid, "the token cannot be made",
			fault.Detail{Field: "expires", Message: fmt.Sprintf("%s is negative", expires)})
	}
	t, secret := newToken(tenant, m.Now(), expires)
	info := tokenInfo(t)
	info.Secret = secret
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		if tenant != "" {
			if _, err := tx.Tenant(tenant); err != nil {
				return err
			}
		}
		if err := tx.InsertToken(t); err != nil {
			return err
		}
		return p.answered(tx, info)
	})
	if err != nil {
		return TokenInfo{}, err
	}
	return info, nil
}

func newToken(tenant string, now time.Time, expires time.Duration) (store.Token, string) {
	secret := tokenPrefix + randomText(32)
	t := store.Token{ID: randomText(6), Hash: hashSecret(secret), Role: string(RoleProvider), Tenant: tenant, CreatedAt: now}
	if tenant != "" {
		t.Role = string(RoleTenant)
	}
	if expires > 0 {
		at := now.Add(expires)
		t.ExpiresAt = &at
	}
	return t, secret
}

func tokenInfo(t store.Token) TokenInfo {
	return TokenInfo{
		ID: t.ID, Role: Role(t.Role), Tenant: t.Tenant, CreatedAt: t.CreatedAt,
		ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, LastUsed: t.LastUsed,
	}
}

// Tokens lists every token without its secret: all to the provider, its own
// to a tenant.
func (m *Manager) Tokens(ctx context.Context, p Principal) ([]TokenInfo, error) {
	var out []TokenInfo
	err := m.Store.View(ctx, func(tx *store.Tx) error {
		all, err := tx.Tokens(p.Tenant)
		for _, t := range all {
			out = append(out, tokenInfo(t))
		}
		return err
	})
	return out, err
}

// RevokeToken makes a token useless at once.
func (m *Manager) RevokeToken(ctx context.Context, p Principal, id string) error {
	return m.Store.Update(ctx, func(tx *store.Tx) error {
		if p.Role != RoleProvider {
			own, err := tx.Tokens(p.Tenant)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(own, func(t store.Token) bool { return t.ID == id }) {
				return fault.New(fault.NotFound, "no such token", fault.Detail{Message: fmt.Sprintf("there is no token %q", id)})
			}
		}
		if err := tx.RevokeToken(id, m.Now()); err != nil {
			return err
		}
		return p.answered(tx, nil)
	})
}
