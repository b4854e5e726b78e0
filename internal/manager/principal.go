package manager

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
}
