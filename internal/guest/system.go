package guest

import (
	"context"
	"net/netip"
	"os"
	"time"
)

// System is what the guest does to its machine besides writing files.
type System interface {
	// Links returns the names of the machine's links by MAC, in lower case.
	Links() (map[string]string, error)
	// Configure names, addresses and raises links, and sets the default route.
	// What is so already is not touched.
	Configure(Network) error
	SetHostname(name string) error
	SetClock(t time.Time) error
	// Chown sets the owner of a file, not following a symbolic link.
	Chown(path string, uid, gid int) error
	// Sync writes to the disk what is in memory.
	Sync()
	// GrowRoot grows the root file system to the size of its disk.
	GrowRoot() error
	// Has says whether a program is there.
	Has(program string) bool
	// Run runs a program to its end; every process it started in its own
	// process group is killed when the timeout or ctx ends it.
	Run(ctx context.Context, c Command) error
}

// Command is a program to run.
type Command struct {
	Args []string
	// Env is added to a small standard environment.
	Env []string
	// Output takes standard output and error; nil puts their end into the error.
	Output *os.File
	// Timeout is the default's 5 minutes when it is 0.
	Timeout time.Duration
}

// Network is the whole configuration of the machine's links.
type Network struct {
	Links []Link
	// Gateway is the default router; not valid when there is none.
	Gateway netip.Addr
}

// Link is one network link, found by its MAC.
type Link struct {
	MAC     string // lower case
	Name    string // what it is to be called
	Address netip.Prefix
}
