package roll

import (
	"time"

	"github.com/expr-lang/expr/vm"
)

// Roll is one folder of rolls: an application as nodes of a graph and the
// edges that hang them onto appliances. A loaded Roll is never changed.
type Roll struct {
	Name        string        `json:"name"`
	Version     string        `json:"version"`
	Summary     string        `json:"summary"`
	Description string        `json:"description,omitempty"`
	Requires    []Requirement `json:"requires,omitempty"`
	Conflicts   []Requirement `json:"conflicts,omitempty"`
	Provides    []Provision   `json:"provides,omitempty"`
	Parameters  []Parameter   `json:"parameters,omitempty"`
	Attributes  []Attribute   `json:"attributes,omitempty"`
	Settings    []Setting     `json:"settings,omitempty"`
	Appliances  []Appliance   `json:"appliances,omitempty"`
	Edges       []Edge        `json:"edges,omitempty"`
	Order       []Constraint  `json:"order,omitempty"`
	// Nodes are by name, without the roll's.
	Nodes map[string]*Node `json:"nodes,omitempty"`

	// Tenant is whose own the roll is, "" for a published one.
	Tenant string `json:"tenant,omitempty"`

	sources map[string]bool // files that nodes name as theirs
	dir     string          // for file:line in what is found out later
}

// Appliance is a kind of vnode: the graph is walked from its node.
type Appliance struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	Node    string `json:"node"`  // "roll/node"
	Count   int    `json:"count"` // what a cluster has when nothing is asked for
	Min     int    `json:"min"`
	From    Source `json:"from"`
}

// Edge pulls node To in where node From is, provided its condition holds.
type Edge struct {
	FromNode string `json:"fromNode"` // "roll/node"
	ToNode   string `json:"toNode"`
	If       string `json:"if,omitempty"`
	From     Source `json:"from"`

	condition *vm.Program // nil: always
}

// Constraint says that node First comes before node Then, if both are there.
// One of the two may be "*": every node of which no other constraint says
// otherwise.
type Constraint struct {
	First string `json:"first"` // "roll/node"
	Then  string `json:"then"`
	From  Source `json:"from"`
}

// Node is a part of a machine.
type Node struct {
	Name     string        `json:"name"` // "roll/node"
	Summary  string        `json:"summary,omitempty"`
	Packages []NodePackage `json:"packages,omitempty"`
	Files    []File        `json:"files,omitempty"`
	Services []Service     `json:"services,omitempty"`
	Install  []Script      `json:"install,omitempty"`
	Boot     []Script      `json:"boot,omitempty"`
	Cluster  []Script      `json:"cluster,omitempty"`
	Checks   []Script      `json:"checks,omitempty"`
}

// NodePackage is a package of some operating systems.
type NodePackage struct {
	// Name is the package; empty when Parameter names a parameter or an
	// attribute ("roll.key") whose value is a list of packages.
	Name      string `json:"name,omitempty"`
	Parameter string `json:"parameter,omitempty"`
	// OS is "" (any), a family ("debian") or a release ("debian/trixie").
	OS   string `json:"os,omitempty"`
	From Source `json:"from"`
}

// Limits of what a roll may hold. They bound what a careless or hostile
// roll costs the manager and what fits into a message to a guest.
const (
	maxDocument = 1 << 20  // bytes of one YAML file
	maxFile     = 1 << 20  // bytes of one file or script
	maxContent  = 16 << 20 // bytes that are read in all: a file may be named often
	maxNodes    = 500
	maxTimeout  = time.Hour
	// of the entries in one list of roll.yaml that others are compared with
	maxRelations = 100 // requires, conflicts, provides
	maxDeclared  = 200 // parameters, attributes, set
)
