package cluster

import "time"

// State is where a cluster is in its life.
type State string

// The states, in the order of a cluster's life. Failed and cancelled are ends
// of their own; a failed cluster is torn down like an ended one.
const (
	Held      State = "held" // until Cluster.HoldUntil, then cancelled unless it was confirmed
	Booked    State = "booked"
	Preparing State = "preparing"
	Ready     State = "ready"
	Active    State = "active"
	Ending    State = "ending"
	Ended     State = "ended"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Cluster is a booked cluster as everybody sees it: what was asked for, what
// was decided, and how far it is. Times are UTC.
type Cluster struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	Spec   Spec   `json:"spec"`
	State  State  `json:"state"`
	// Version grows with every change; it is the ETag.
	Version int64 `json:"version"`
	// Rolls are those it was booked with, as "name@version": what was asked
	// for, what every cluster has, and what these require.
	Rolls []string `json:"rolls,omitempty"`

	CreatedAt time.Time `json:"createdAt"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	// PrepareAt is start − lead: when preparation begins.
	PrepareAt time.Time `json:"prepareAt"`
	// HoldUntil is when a held cluster is given up; nil for one that is booked.
	HoldUntil *time.Time `json:"holdUntil,omitempty"`
	ReadyAt   *time.Time `json:"readyAt"`
	ActiveAt  *time.Time `json:"activeAt"`
	EndedAt   *time.Time `json:"endedAt"`
	// SlackSeconds is how long before its start the cluster was ready
	// (negative: how late); before that, how long is left by the estimate.
	SlackSeconds float64 `json:"slackSeconds"`
	// Estimate is how long preparing and wiping were thought to take when the
	// times that are held for it were decided.
	Estimate Estimate `json:"estimate,omitzero"`

	VLAN       int         `json:"vlan"`
	Gateway    GatewayInfo `json:"gateway"`
	Nodes      []Node      `json:"nodes"`
	Conditions []Condition `json:"conditions"`
}

// Estimate is how long preparing and wiping a cluster take, in seconds, and
// what was measured that says so.
type Estimate struct {
	PrepareSeconds float64 `json:"prepareSeconds"`
	PrepareWhy     string  `json:"prepareWhy"`
	WipeSeconds    float64 `json:"wipeSeconds"`
	WipeWhy        string  `json:"wipeWhy"`
}

// Prepare is how long preparing takes.
func (e Estimate) Prepare() time.Duration {
	return time.Duration(e.PrepareSeconds * float64(time.Second))
}

// Wipe is how long wiping takes, 0 if nobody has said so.
func (e Estimate) Wipe() time.Duration { return time.Duration(e.WipeSeconds * float64(time.Second)) }

// GatewayInfo is how the cluster is reached from outside.
type GatewayInfo struct {
	OutsideAddress string `json:"outsideAddress"`
	// HostKeys are known_hosts lines without the host: "ssh-ed25519 AAAA…".
	HostKeys []string `json:"hostKeys,omitempty"`
}

// NodeState is where a vnode is in its life.
type NodeState string

// The states of a vnode.
const (
	NodePending   NodeState = "pending"   // nothing is done yet
	NodePreparing NodeState = "preparing" // see Stage
	NodeReady     NodeState = "ready"     // reported in, all checks passed
	NodeFailed    NodeState = "failed"    // see Message
	NodeLost      NodeState = "lost"      // its pnode does not answer
	NodeGone      NodeState = "gone"      // stopped and wiped
)

// Node is one vnode of a cluster.
type Node struct {
	Name      string    `json:"name"` // "gateway", "compute-0"
	Appliance string    `json:"appliance"`
	Pnode     string    `json:"pnode"`
	State     NodeState `json:"state"`
	Addresses []Address `json:"addresses"`
	CPUs      int       `json:"cpus"`
	MemoryMiB int       `json:"memoryMiB"`
	DiskMiB   int       `json:"diskMiB"`
	// HostKeys are known_hosts lines without the host: "ssh-ed25519 AAAA…".
	HostKeys []string `json:"hostKeys,omitempty"`
	// Image is the content address of the image it boots.
	Image string `json:"image"`
	// Stage is one of vnode's stages; Progress is 0…100 over all of them.
	Stage    string `json:"stage"`
	Progress int    `json:"progress"`
	Message  string `json:"message"`
	// Sessions and IdleSince are what the vnode last said of being used, told
	// and not kept: logins over ssh, and since when there are none and next to
	// nothing is done.
	Sessions  int        `json:"sessions,omitempty"`
	IdleSince *time.Time `json:"idleSince,omitempty"`
	// Joining is set while a vnode comes into a cluster that was begun without
	// it, until it is through its boot scripts: the others learn of it then.
	Joining bool `json:"joining,omitempty"`
	// Leaving is set from when a vnode is given back until its pnode says that
	// nothing of it is left. The others have forgotten it by then.
	Leaving bool `json:"leaving,omitempty"`
}

// Address is one leg of a vnode.
type Address struct {
	Network string `json:"network"` // "private" or "outside"
	Address string `json:"address"`
	MAC     string `json:"mac"`
}

// Names of the networks of a vnode's legs.
const (
	PrivateNetwork = "private"
	OutsideNetwork = "outside"
)

// Condition is one aspect of a cluster's state with its reason, after the
// habit of Kubernetes' conditions.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"` // "True", "False", "Unknown"
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
}

// Types of conditions.
const (
	ConditionOnTime = "OnTime" // ready, or expected to be, by the start
	ConditionReady  = "Ready"  // every vnode reported in and passed its checks
	ConditionPlaced = "Placed" // its pnodes can keep it; only once they could not
	// ConditionUnused is on clusters that were idle for longer than the provider
	// wants.
	ConditionUnused = "Unused"
	// ConditionYielding is on best-effort clusters that gave their room up.
	ConditionYielding = "Yielding"
	ConditionClean    = "Clean" // after the end: nothing of it is left
)

// Event is one thing that happened to a cluster.
type Event struct {
	Seq     int64     `json:"seq"` // grows over the whole site
	Time    time.Time `json:"time"`
	Cluster string    `json:"cluster"` // name
	Node    string    `json:"node,omitempty"`
	// Type is "held", "booked", "changed", "cancelled", "preparing", "node", "ready",
	// "active", "ending", "ended", "failed" or "warning".
	Type    string `json:"type"`
	Message string `json:"message"`
	// Holds is set where what the cluster holds changed.
	Holds *Holding `json:"holds,omitempty"`
	// Detail says the same as Message, where programs need it.
	Detail *EventDetail `json:"detail,omitempty"`
}
