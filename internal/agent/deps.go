package agent

import (
	"context"
	"net"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/pnode"
)

// deps is everything outside the agent's own folder that it works on.
type deps struct {
	hypervisor guestHost
	fabric     network
	images     imageStore
	manager    managerLink
	// dial connects to a guest's channel.
	dial func(ctx context.Context, socket string) (net.Conn, error)
	// wall is the machine's clock, which somebody may set.
	wall func() time.Time
	// elapsed is how long the agent has run; nil: by the monotonic reading of wall.
	elapsed func() time.Duration
}

// guestHost runs guests. Every call is idempotent and returns soon after its
// context ends.
type guestHost interface {
	// Version names the program that runs guests: "QEMU 10.0.2".
	Version(ctx context.Context) (string, error)
	// ProbeAccelerator is "kvm" or "tcg": what really boots a guest.
	ProbeAccelerator(ctx context.Context) (string, error)
	// List returns Quarry's guests only.
	List(ctx context.Context) ([]guestState, error)
	// Start leaves a guest that runs as it is, and defines anew one that is off.
	Start(ctx context.Context, g guest) error
	// Shutdown asks the guest's firmware; the guest may not care.
	Shutdown(ctx context.Context, name string) error
	// Remove stops a guest at once and forgets it; its files stay.
	Remove(ctx context.Context, name string) error
	// CreateOverlay leaves a whole overlay or none.
	CreateOverlay(ctx context.Context, base, overlay string, sizeMiB int) error
}

type guestState struct {
	Name    string
	Running bool // or paused: it is not to be started
}

type guest struct {
	Name        string
	CPUs        int
	MemoryMiB   int
	Disk        string // qcow2 overlay
	Boot        bootFiles
	NICs        []nic
	ConsoleLog  string
	Channel     string // unix socket, made by the hypervisor
	Accelerator string
}

type nic struct{ Tap, MAC string }

// bootFiles are the files of an image.
type bootFiles struct{ Disk, Kernel, Initrd, Arguments string }

// network is the pnode's part of the site's network.
type network interface {
	Setup(ctx context.Context) error
	// Apply makes the switch have exactly these ports of Quarry's. One that
	// cannot be made does not hold up the others.
	Apply(ctx context.Context, ports []port) error
	// Ports are those the switch has, as recorded there.
	Ports(ctx context.Context) ([]port, error)
	// Twins counts for each MAC of our private legs the frames that came from
	// other pnodes with it.
	Twins(ctx context.Context) (map[string]uint64, error)
	// TapName is the name of a leg's tap; the same arguments give the same one.
	TapName(clusterID, vnode, network string) string
	// HasUplink says whether the pnode is wired to the outside network.
	HasUplink(ctx context.Context) bool
}

// port is one leg of a vnode on the switch.
type port struct {
	Tap       string
	Outside   bool
	VLAN      int // 0 on the outside bridge
	MAC       string
	Addresses []string // without prefix length
	// Open is whether frames pass; only outside ports are ever shut.
	Open bool
	// Router ports forward for their network: they may send from any address.
	Router bool
	key    Key
}

// imageStore is the images on this pnode and where more come from.
type imageStore interface {
	Has(address string) bool
	Boot(address string) (bootFiles, error)
	List() ([]string, error)
	// Fetch brings an image here, verified; what came of an earlier try is
	// used, and callers who want the same image share the work.
	Fetch(ctx context.Context, address string, progress func(percent int)) error
	// Prune makes room, sparing the images that keep wants.
	Prune(keep func(address string) bool) error
}

// managerLink is the link to the manager.
type managerLink interface {
	// Watch calls accept with each desired state until the stream or accept fails.
	Watch(ctx context.Context, accept func(pnode.Desired) error) error
	// Report returns the site's time as the manager knows it.
	Report(ctx context.Context, r pnode.Report) (time.Time, error)
	// RenewAt is when the pnode's certificate is due to be renewed.
	RenewAt() time.Time
	// Renew gets a new certificate, and uses it once keep has stored it.
	Renew(ctx context.Context, keep func(agentapi.Enrolled) error) error
}
