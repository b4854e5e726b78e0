// Package hypervisor starts, lists and removes guests on this machine, through
// libvirt or, in tests, in memory.
//
// Guarantees: every operation is idempotent and may be repeated after a crash
// at any point; a guest that Quarry did not make is never listed, changed or
// removed; every call ends by its context or by the adapter's own deadline,
// also when the daemon behind it hangs. All methods may be called at once
// from several goroutines; calls about one guest are the caller's to order.
package hypervisor

import (
	"context"

	"github.com/google/uuid"
)

// State is what a guest is doing.
type State string

// The states. Any other word of a hypervisor is mapped to the nearest one.
const (
	Running State = "running"
	Paused  State = "paused"   // does not run, keeps its memory
	Off     State = "shut off" // defined only
	Crashed State = "crashed"  // off, and not because anybody asked
)

// Guest is everything a hypervisor needs to know of a vnode.
type Guest struct {
	Name      string
	CPUs      int
	MemoryMiB int
	Disk      Disk
	// Kernel and Initrd are files booted directly; without a Kernel the
	// firmware boots from the disk. Initrd may be empty.
	Kernel          string
	Initrd          string
	KernelArguments string
	NICs            []NIC
	// ConsoleLog is the file that the serial console is appended to.
	ConsoleLog string
	// Channel is the unix socket on this machine whose other end is the
	// guest's port vnode.ChannelName; empty for none.
	Channel string
	// Accelerator is what ProbeAccelerator found: "kvm" or "tcg".
	Accelerator string
}

// Disk is a guest's only disk. Its format is always named, never probed.
type Disk struct {
	Path   string
	Format string // "qcow2" or "raw"
}

// NIC is one network interface on a tap that exists already.
type NIC struct {
	Tap string
	MAC string
}

// Info is a guest as it is.
type Info struct {
	Name  string
	UUID  uuid.UUID
	State State
}

// Hypervisor is what the agent does with guests.
type Hypervisor interface {
	// Version names the product: "QEMU 10.0.2".
	Version(ctx context.Context) (string, error)
	// List returns all guests that Quarry made, by name.
	List(ctx context.Context) ([]Info, error)
	// Start makes the guest run. A guest that runs or is paused is left as it
	// is, even when g differs from it (an upgrade of Quarry must not stop
	// guests); one that is off or crashed is defined anew as g and started.
	// A guest of the same name that Quarry did not make is a fault.Conflict.
	Start(ctx context.Context, g Guest) error
	// Shutdown asks the guest to shut down and returns at once. Absent or
	// stopped is fine.
	Shutdown(ctx context.Context, name string) error
	// Remove stops the guest at once and forgets it. Absent is fine. Its
	// disk stays: see WipeDisk.
	Remove(ctx context.Context, name string) error
	// Close gives back the connection. Guests go on.
	Close() error
}

// Accelerators.
const (
	KVM = "kvm"
	TCG = "tcg"
)

var idSpace = uuid.MustParse("7d0f3f0c-6a39-5d0a-9a55-51b1f1f0c0de")

// ID is the UUID of the guest with that name: the same on every machine.
func ID(name string) uuid.UUID {
	return uuid.NewSHA1(idSpace, []byte(name))
}
