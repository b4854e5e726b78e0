// Package vnode holds what the manager, the agent and the guest say to each
// other about one vnode: its identity, and the messages on its channel. Pure.
package vnode

import "time"

// Stages of a vnode's preparation, in order. Agent and guest report them.
const (
	StageImage    = "image"    // the image is built, or fetched to the pnode
	StageDisk     = "disk"     // overlay, network ports, definition
	StageBoot     = "boot"     // started; no word from the guest yet
	StageIdentity = "identity" // host name, addresses, keys
	StageScripts  = "scripts"  // boot scripts of the rolls
	StageCluster  = "cluster"  // the other vnodes, then the rolls' cluster scripts
	StageChecks   = "checks"   // health checks of the rolls
	StageReady    = "ready"
)

// Up reports whether a vnode in that stage is through its boot scripts.
func Up(stage string) bool {
	return stage == StageCluster || stage == StageChecks || stage == StageReady
}

// Identity is everything that makes a copy of an image this vnode. It holds
// secrets: it travels over mutual TLS and the channel only, and rests only in
// files that root alone can read.
type Identity struct {
	Hostname  string `json:"hostname"` // "compute-0"
	Domain    string `json:"domain"`
	Cluster   string `json:"cluster"`
	Tenant    string `json:"tenant"`
	Appliance string `json:"appliance"`
	TimeZone  string `json:"timeZone"`

	Legs []Leg `json:"legs"`
	// Gateway and DNS are the private addresses that other nodes use.
	// On the gateway itself Gateway is its outside router.
	Gateway string   `json:"gateway"`
	DNS     []string `json:"dns"`
	// Hosts are all vnodes of the cluster, this one among them.
	Hosts []Host `json:"hosts"`

	Users []User `json:"users"`
	// HostKeys are PEM private keys by type ("ed25519").
	HostKeys map[string]string `json:"hostKeys"`
	// Parameters are "roll.key" → value.
	Parameters map[string]string `json:"parameters"`
	// Attributes are "roll.key" → value; they may differ between vnodes.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Secrets are "roll.key" → value, drawn by the manager for this cluster.
	Secrets map[string]string `json:"secrets,omitempty"`

	Files   []File   `json:"files,omitempty"` // rendered for this vnode
	Scripts []Script `json:"scripts"`         // boot scripts in profile order
	// ClusterScripts run once every vnode of the cluster is up.
	ClusterScripts []Script `json:"clusterScripts,omitempty"`
	Checks         []Script `json:"checks"`             // health checks
	Services       []string `json:"services,omitempty"` // units started after the scripts
}

// Leg is one network interface, recognised by its MAC.
type Leg struct {
	Network string `json:"network"` // cluster.PrivateNetwork or cluster.OutsideNetwork
	MAC     string `json:"mac"`
	Address string `json:"address"` // with prefix length: "10.1.0.10/24"
}

// Host is one line of the cluster's hosts file.
type Host struct {
	Name      string `json:"name"`
	Address   string `json:"address"` // private
	MAC       string `json:"mac"`
	Appliance string `json:"appliance"`
	// HostKey is the public ed25519 host key, for known_hosts.
	HostKey string `json:"hostKey,omitempty"`
}

// User is an account; "admin" is always there.
type User struct {
	Name    string   `json:"name"`
	SSHKeys []string `json:"sshKeys,omitempty"`
	Sudo    bool     `json:"sudo,omitempty"`
}

// File is a file that depends on the vnode, so it cannot be in the image.
type File struct {
	Path    string `json:"path"`
	Mode    string `json:"mode"`  // octal, "0644"
	Owner   string `json:"owner"` // "user:group"
	Content string `json:"content"`
	// Reload is the unit that reads the file again when it changes, "" for none.
	Reload string `json:"reload,omitempty"`
}

// Script is one script of a roll.
type Script struct {
	Name    string        `json:"name"` // "condor/pool-password"
	Body    string        `json:"body"` // with its #! line
	Timeout time.Duration `json:"timeout,omitempty"`
}

// ToGuest is a message from the agent to the guest: one JSON object a line.
type ToGuest struct {
	// Type is "identity" (answer to hello), "shutdown" or "ping".
	Type     string    `json:"type"`
	Identity *Identity `json:"identity,omitempty"`
	// Assembled comes with an identity: every vnode of the cluster has booted
	// and is through its boot scripts.
	Assembled bool `json:"assembled,omitempty"`
	// Notices come with an identity, too: all that there are.
	Notices []Notice `json:"notices,omitempty"`
	// Time is the agent's clock, for guests without a good one.
	Time time.Time `json:"time,omitzero"`
}

// FromGuest is a message from the guest to the agent: one JSON object a line.
type FromGuest struct {
	// Type is "hello" (asks for the identity; sent again until it comes),
	// "step" (progress), "health" (every few seconds once ready), "failed".
	Type string `json:"type"`
	// BootID is the kernel's random boot id: a new one is a new boot.
	BootID string `json:"bootID"`
	Stage  string `json:"stage,omitempty"`
	// Step names the script or check, Done of Total counts within the stage.
	Step    string        `json:"step,omitempty"`
	Done    int           `json:"done,omitempty"`
	Total   int           `json:"total,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Healthy bool          `json:"healthy,omitempty"`
	// With "health": how many are logged in over ssh, and for how long nobody
	// was and next to nothing was done.
	Sessions    int    `json:"sessions,omitempty"`
	IdleSeconds int64  `json:"idleSeconds,omitempty"`
	Message     string `json:"message,omitempty"` // last log lines of what failed
}

// MaxMessage bounds one line of the channel, in bytes: a guest is not trusted.
const MaxMessage = 1 << 20

// ChannelName is the name of the virtio-serial port.
const ChannelName = "org.quarry.guest.0"
