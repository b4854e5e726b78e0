package manager

import "quarry/internal/store"

// Role is what a credential is good for.
type Role string

// The roles.
const (
	RoleProvider Role = "provider"
	RoleTenant   Role = "tenant"
	RolePnode    Role = "pnode"
)

// Principal is who asks.
type Principal struct {
	Role    Role
	Tenant  string // with RoleTenant
	TokenID string
	Pnode   string // with RolePnode
	// Answered, if set, writes down what a change came to, in the transaction
	// that makes it: who asks again after the manager died before it answered is
	// told the same, and nothing is done twice. What is answered is nil where
	// nothing is told but that it is done.
	Answered func(tx *store.Tx, what any) error
}

func (p Principal) answered(tx *store.Tx, what any) error {
	if p.Answered == nil {
		return nil
	}
	return p.Answered(tx, what)
}
