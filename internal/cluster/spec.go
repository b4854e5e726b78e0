// Package cluster holds what a tenant books: the specification of a cluster,
// its states and transitions, and its events. Pure: it does no I/O and takes
// the time as an argument.
package cluster

import (
	"time"

	"quarry/internal/calendar"
)

// StartMode says how the start of the window is meant.
type StartMode string

// The start modes.
const (
	StartAt   StartMode = "at"   // at Spec.Start
	StartASAP StartMode = "asap" // the earliest instant that can be promised
	StartNow  StartMode = "now"  // the window opens at once, the cluster may be ready later
)

// Spec is what a tenant asks for. The manager fills in every default before
// it stores one, so a stored Spec is complete.
type Spec struct {
	Name  string   `json:"name" yaml:"name"`
	Rolls []string `json:"rolls" yaml:"rolls"`
	// BestEffort takes what is free, spends no node-hours, and gives its room up
	// as soon as a booking of anybody else needs it.
	BestEffort bool `json:"bestEffort,omitempty" yaml:"bestEffort,omitempty"`
	// Nodes are the groups of vnodes beside the gateway, in the order they
	// were asked for. The gateway's own group may be given to size it.
	Nodes []Group `json:"nodes" yaml:"nodes"`

	StartMode StartMode     `json:"startMode,omitempty" yaml:"startMode,omitempty"`
	Start     time.Time     `json:"start,omitzero" yaml:"start,omitempty"`
	End       time.Time     `json:"end,omitzero" yaml:"end,omitempty"`
	Duration  time.Duration `json:"duration,omitempty" yaml:"duration,omitempty"` // instead of End; nanoseconds in JSON

	// Policy is how the vnodes are laid out over pnodes: spread (the usual one)
	// or pack. Together prefers or requires pnodes of one rack of the site; it
	// has nothing to do with Racks, which are names for groups of vnodes.
	Policy   calendar.Policy   `json:"policy,omitempty" yaml:"policy,omitempty"`
	Together calendar.Together `json:"together,omitempty" yaml:"together,omitempty"`

	// Parameters are "roll.key" → value, set once for the whole cluster.
	Parameters map[string]string `json:"parameters,omitempty" yaml:"parameters,omitempty"`
	// Attributes are values that vnodes have, each its own, where they differ
	// from what the rolls say.
	Attributes []Attribute `json:"attributes,omitempty" yaml:"attributes,omitempty"`
	// Racks group vnodes by name, so that attributes can be set for a group.
	Racks map[string][]string `json:"racks,omitempty" yaml:"racks,omitempty"`
	// SSHKeys are authorized_keys lines; they open the account "admin".
	SSHKeys []string `json:"sshKeys,omitempty" yaml:"sshKeys,omitempty"`
	// Network is the private IPv4 range in CIDR form. Clusters may use the
	// same one: each has a VLAN of its own.
	Network  string `json:"network,omitempty" yaml:"network,omitempty"`
	Domain   string `json:"domain,omitempty" yaml:"domain,omitempty"`
	TimeZone string `json:"timeZone,omitempty" yaml:"timeZone,omitempty"`
	Users    []User `json:"users,omitempty" yaml:"users,omitempty"`
}

// Group is a number of equal vnodes of one appliance.
type Group struct {
	Appliance string `json:"appliance" yaml:"appliance"`
	Count     int    `json:"count" yaml:"count"`
	CPUs      int    `json:"cpus,omitempty" yaml:"cpus,omitempty"`
	MemoryMiB int    `json:"memoryMiB,omitempty" yaml:"memoryMiB,omitempty"`
	DiskMiB   int    `json:"diskMiB,omitempty" yaml:"diskMiB,omitempty"`
	// Require and Prefer are labels of the pnodes that they go to: "uplink", a
	// tag, "arch=…", "accelerator=…", "rack=…"; the first preference weighs most.
	Require []string `json:"require,omitempty" yaml:"require,omitempty"`
	Prefer  []string `json:"prefer,omitempty" yaml:"prefer,omitempty"`
	// Apart keeps any two vnodes of the group off the same pnode.
	Apart bool `json:"apart,omitempty" yaml:"apart,omitempty"`
}

// Attribute is a value ("roll.key") for the vnodes of one scope: of an
// operating system ("debian", "debian/trixie"), an appliance, a rack or a host;
// with none of them, of the whole cluster. The narrowest scope counts.
type Attribute struct {
	Name      string `json:"name" yaml:"name"`
	Value     string `json:"value" yaml:"value"`
	OS        string `json:"os,omitempty" yaml:"os,omitempty"`
	Appliance string `json:"appliance,omitempty" yaml:"appliance,omitempty"`
	Rack      string `json:"rack,omitempty" yaml:"rack,omitempty"`
	Host      string `json:"host,omitempty" yaml:"host,omitempty"`
}

// User is an extra account on every node of the cluster.
type User struct {
	Name    string   `json:"name" yaml:"name"`
	SSHKeys []string `json:"sshKeys,omitempty" yaml:"sshKeys,omitempty"`
	Sudo    bool     `json:"sudo,omitempty" yaml:"sudo,omitempty"`
}

// Gateway and Compute are the appliances that every site has.
const (
	Gateway = "gateway"
	Compute = "compute"
)

// Defaults of a Spec.
const (
	DefaultCPUs      = 1
	DefaultMemoryMiB = 640
	DefaultDiskMiB   = 4096
	DefaultNetwork   = "10.1.0.0/24"
	DefaultDomain    = "cluster.internal"
	DefaultTimeZone  = "UTC"
	DefaultDuration  = time.Hour
)
