package manager

import (
	"quarry/internal/cluster"
	"quarry/internal/store"
)

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
	// Answered, if set, writes down what a change of a cluster came to, in the
	// transaction that makes it: who asks again after the manager died before it
	// answered is told the same, and nothing is done twice.
	Answered func(*store.Tx, cluster.Cluster) error
}

func (p Principal) answered(tx *store.Tx, c cluster.Cluster) error {
	if p.Answered == nil {
		return nil
	}
	return p.Answered(tx, c)
}
