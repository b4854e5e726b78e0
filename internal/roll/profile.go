// Package roll holds rolls: applications as packages, files, services and
// scripts on the nodes of a graph. Walking the graph from an appliance gives
// its profile. Pure: rolls are read through an fs.FS.
//
// Guarantees: a roll either loads whole or every mistake in it is told with
// file and line; a walk of the same rolls with the same attributes gives the
// same profile; conditions can neither see the clock nor run code; a Catalog,
// a Roll and a Selection are never changed after they are made. The format is
// described in rolls/README.md.
package roll

import "time"

// Profile is what walking the graph from an appliance gives: everything that
// makes a plain machine that kind of node, in order.
type Profile struct {
	Appliance string `json:"appliance"`
	// Rolls are "name@version" of every roll that took part, sorted.
	Rolls    []string  `json:"rolls"`
	Order    []string  `json:"order"` // node names, "roll/node"
	Packages []Package `json:"packages"`
	Files    []File    `json:"files"`
	Services []Service `json:"services"`
	// Install scripts run while the image is made, Boot scripts at a vnode's
	// first boot, Cluster scripts once all vnodes of the cluster are up, Checks
	// decide its health.
	Install []Script `json:"install"`
	Boot    []Script `json:"boot"`
	Cluster []Script `json:"cluster,omitempty"`
	Checks  []Script `json:"checks"`
}

// Source says which line of which roll brought something.
type Source struct {
	Roll string `json:"roll"`
	File string `json:"file"` // within the roll
	Line int    `json:"line"`
}

// Package is a package of the OS release.
type Package struct {
	Name string `json:"name"`
	From Source `json:"from"`
}

// File is put into the image as it is or, when Template is set, rendered for
// each vnode at its first boot (text/template; missing keys are errors).
type File struct {
	Path     string `json:"path"`
	Mode     string `json:"mode"`  // octal, "0644"
	Owner    string `json:"owner"` // "user:group"
	Content  string `json:"content"`
	Template bool   `json:"template"`
	// Reload is the unit that is reloaded, or else restarted, when the file
	// changes while it runs, "" for none.
	Reload string `json:"reload,omitempty"`
	// Tenant is whose own roll brought it, "" for a published one.
	Tenant string `json:"tenant,omitempty"`
	From   Source `json:"from"`
}

// Service is a systemd unit and what is wanted of it.
type Service struct {
	Unit string `json:"unit"`
	// State is "enabled" (starts at boot), "started" (started by the guest
	// once the boot scripts are done), "disabled" or "masked".
	State string `json:"state"`
	From  Source `json:"from"`
}

// Script is a program with its #! line.
type Script struct {
	Name    string        `json:"name"` // "roll/node/script"
	Body    string        `json:"body"`
	Timeout time.Duration `json:"timeout,omitempty"`
	// Tenant is whose own roll brought it, "" for a published one.
	Tenant string `json:"tenant,omitempty"`
	From   Source `json:"from"`
}
