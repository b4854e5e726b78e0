// Package pnode holds what the manager wants of one pnode and what the agent
// there reports back: the whole wanted state each time, never commands. Pure.
package pnode

import (
	"time"

	"quarry/internal/vnode"
)

// Desired is the whole state wanted of a pnode. An agent keeps the newest one
// on its disk and refuses an older one (Epoch first, then Generation), so a
// manager that lost its leadership cannot undo what its successor wants.
type Desired struct {
	Epoch      int64     `json:"epoch"`
	Generation int64     `json:"generation"`
	Clusters   []Cluster `json:"clusters"`
	// Images are digests to have ready beside those the vnodes boot.
	Images []string `json:"images,omitempty"`
}

// Newer reports whether d replaces old.
func (d Desired) Newer(old Desired) bool {
	if d.Epoch != old.Epoch {
		return d.Epoch > old.Epoch
	}
	return d.Generation > old.Generation
}

// Cluster is the part of a cluster that lies on one pnode.
type Cluster struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Tenant string `json:"tenant"`
	VLAN   int    `json:"vlan"`
	// OpenAt is when the gateway's outside leg opens, provided Open is set:
	// the manager sets it once it has the evidence that the cluster is ready.
	OpenAt time.Time `json:"openAt"`
	Open   bool      `json:"open"`
	// CloseAt is when the outside leg closes, the vnodes stop and their disks
	// are wiped, with or without a manager.
	CloseAt time.Time `json:"closeAt"`
	// Assembled is set while every vnode of the cluster, on whatever pnode, is
	// through its boot scripts: cluster scripts wait for it.
	Assembled bool    `json:"assembled,omitempty"`
	Vnodes    []Vnode `json:"vnodes"`
	// Notices are for the people on its vnodes.
	Notices []vnode.Notice `json:"notices,omitempty"`
}

// Vnode is one vnode wanted on this pnode.
type Vnode struct {
	Name      string         `json:"name"`
	Appliance string         `json:"appliance"`
	CPUs      int            `json:"cpus"`
	MemoryMiB int            `json:"memoryMiB"`
	DiskMiB   int            `json:"diskMiB"`
	Image     string         `json:"image"` // content address
	Identity  vnode.Identity `json:"identity"`
	// Incarnation grows when the manager wants the vnode made anew.
	Incarnation int `json:"incarnation"`
	// End is set when the vnode is to be shut down and wiped before its
	// cluster's end. Its ports stay until it is gone, so that it can take its
	// leave of the others.
	End bool `json:"end,omitempty"`
}

// Report is what an agent says about its machine: all of it, each time.
type Report struct {
	// Epoch and Generation are of the newest Desired the agent holds.
	Epoch      int64           `json:"epoch"`
	Generation int64           `json:"generation"`
	Facts      Facts           `json:"facts"`
	Clusters   []ClusterStatus `json:"clusters"`
	Images     []string        `json:"images"` // digests that are complete and verified
	Errors     []string        `json:"errors,omitempty"`
	// Clock is what the machine's own clock showed when this was said.
	Clock time.Time `json:"clock,omitzero"`
}

// Facts are measured by the agent when it starts.
type Facts struct {
	CPUs      int `json:"cpus"`
	MemoryMiB int `json:"memoryMiB"`
	DiskMiB   int `json:"diskMiB"`
	// Accelerator is "kvm" or "tcg": what really boots a guest.
	Accelerator string `json:"accelerator"`
	Hypervisor  string `json:"hypervisor"` // "QEMU 10.0.2"
	Uplink      bool   `json:"uplink"`     // has a br-outside
	// Arch is what its guests are built for, as in "amd64"; "" from an older agent.
	Arch    string `json:"arch,omitempty"`
	Version string `json:"version"` // of Quarry
}

// ClusterStatus is what is there of one cluster, wanted or not.
type ClusterStatus struct {
	ID string `json:"id"`
	// Opened is when the outside leg was opened here, Closed when it was shut.
	Opened *time.Time    `json:"opened,omitempty"`
	Closed *time.Time    `json:"closed,omitempty"`
	Vnodes []VnodeStatus `json:"vnodes"`
	// Gone is set once nothing of the cluster is left on this pnode.
	Gone bool `json:"gone"`
	// WipeSeconds is how long that took from the end; 0 if it is not known.
	WipeSeconds float64 `json:"wipeSeconds,omitempty"`
}

// VnodeStatus is what is there of one vnode.
type VnodeStatus struct {
	Name        string `json:"name"`
	Incarnation int    `json:"incarnation"`
	Running     bool   `json:"running"`
	Stage       string `json:"stage"`
	Progress    int    `json:"progress"` // 0…100
	Ready       bool   `json:"ready"`
	Failed      bool   `json:"failed"`
	Message     string `json:"message"`
	// Sessions are logins over ssh. IdleSince is since when there are none and
	// next to nothing is done; nil while there are, or when it is not known.
	Sessions  int        `json:"sessions,omitempty"`
	IdleSince *time.Time `json:"idleSince,omitempty"`
	Took      Took       `json:"took,omitzero"`
}

// Took is how long the parts of a vnode's preparation took by the clock of its
// pnode, in seconds; 0 for what is not done, or not known.
type Took struct {
	// Fetch is bringing the image to the pnode, Up from then on until the boot
	// scripts ran, Join from when all vnodes of the cluster were that far, if
	// they wait for each other, until this one was ready.
	Fetch float64 `json:"fetch,omitempty"`
	Up    float64 `json:"up,omitempty"`
	Join  float64 `json:"join,omitempty"`
}
