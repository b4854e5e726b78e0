// Package agent runs on a pnode, as root, and makes its machine equal to the
// newest pnode.Desired it was sent.
//
// Guarantees. The desired state is on disk before anything is done about it;
// an older one is refused. What is due at an instant happens at that instant,
// with or without a manager. Every step compares what is with what is wanted,
// so a crash at any line is followed by the same comparison: guests that run
// are adopted and never started twice. A vnode that is broken, or a hypervisor
// that hangs, blocks neither the switch nor any other vnode. What is on the
// disk, the hypervisor or the switch and in no desired state is ended like a
// cluster whose time is over. An agent that holds no desired state touches
// nothing.
package agent

import (
	"log/slog"
	"path/filepath"
	"time"
)

// Defaults of a Config.
const (
	DefaultDir   = "/var/lib/quarry/agent"
	DefaultGrace = 10 * time.Second

	DefaultImageBytes = 20 << 30
)

// Config is how an agent is run. Zero fields mean the defaults.
type Config struct {
	// Dir holds the certificate, the newest desired state, images and vnodes.
	Dir string
	// Server is the manager's URL, "https://manager:7443". Empty: the one
	// that the agent enrolled with.
	Server string
	// Version is reported with the facts.
	Version string
	Log     *slog.Logger

	// Grace is how long guests get to shut down before they are removed.
	Grace time.Duration
	// BootDeadline is how long a guest may be silent after its start. Zero:
	// 2 minutes with KVM, 6 under software emulation.
	BootDeadline time.Duration
	// StepDeadline is how long a guest may be silent while it prepares itself.
	StepDeadline time.Duration
	// Silence is how long a ready guest may be silent and still count as ready.
	Silence time.Duration
	// Starts bounds how many guests are being started at the same time.
	Starts int

	// ImageBytes is how much room images may take before those that nothing
	// here needs are removed, the least recently used first.
	ImageBytes int64

	// OfferCPUs, OfferMemoryMiB and OfferDiskMiB are the most the machine
	// offers, for providers who keep a part for themselves. Zero: all of it.
	OfferCPUs, OfferMemoryMiB, OfferDiskMiB int
}

func (c Config) withDefaults() Config {
	if c.Dir == "" {
		c.Dir = DefaultDir
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Grace == 0 {
		c.Grace = DefaultGrace
	}
	if c.ImageBytes == 0 {
		c.ImageBytes = DefaultImageBytes
	}
	if c.StepDeadline == 0 {
		c.StepDeadline = 20 * time.Minute
	}
	if c.Silence == 0 {
		c.Silence = 2 * time.Minute
	}
	if c.Starts == 0 {
		c.Starts = 4
	}
	return c
}

// path is that of a file in the agent's folder.
func (c Config) path(name string) string { return filepath.Join(c.Dir, name) }
