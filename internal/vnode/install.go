package vnode

import "time"

// InstallPort is the name of the virtio-serial port of a throwaway machine: it
// says there, as JSON lines of InstallReport, how far it is.
const InstallPort = "org.quarry.install"

// InstallJob is what a throwaway machine does to the tree of an image.
type InstallJob struct {
	Steps []InstallStep `json:"steps"` // in order, each in the tree
	Env   []string      `json:"env"`
	// Out is the device that the tree is written to in the end, as a tar.
	Out string `json:"out"`
}

// InstallStep is one program: a script, or a command of the tree.
type InstallStep struct {
	Name    string        `json:"name"`
	Body    string        `json:"body,omitempty"`
	Command []string      `json:"command,omitempty"`
	Timeout time.Duration `json:"timeout"`
}

// InstallReport is one line of what a throwaway machine says. What it says is
// not to be trusted: it may be a tenant's words.
type InstallReport struct {
	Step int `json:"step"` // that is running, or failed
	// Failed says why the step failed, Output what it said last.
	Failed string `json:"failed,omitempty"`
	Output string `json:"output,omitempty"`
	// Error is what went wrong outside of the steps.
	Error string `json:"error,omitempty"`
	// Done is set once the tree is on its device.
	Done bool `json:"done,omitempty"`
}
