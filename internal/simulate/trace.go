package simulate

import (
	"slices"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/manager"
	"quarry/internal/quota"
)

// Version is that of the traces that are read and written.
const Version = 1

// Trace is what happened at a site, or might: who asked for what, and when.
type Trace struct {
	Name    string
	Entries []Entry // by their instants
	// LeftOut counts what was not taken over from another format, by why.
	LeftOut map[string]int
	// Site is what the trace itself says of its site, nil for nothing.
	Site *Site
}

// Do is what an entry does.
type Do string

// What entries do.
const (
	Book    Do = "book"    // Spec is asked for
	Cancel  Do = "cancel"  // a cluster that has not started is given up
	End     Do = "end"     // a cluster's window is closed early
	Lose    Do = "lose"    // a pnode falls silent
	Recover Do = "recover" // it is heard again
	Drain   Do = "drain"   // it takes nothing new
	Undrain Do = "undrain" // it takes new vnodes again
	// Maintain gives a pnode a window from Start to End in which it holds nothing.
	Maintain Do = "maintain"
	Limit    Do = "limit" // what a tenant may hold is changed; without one the site's defaults
	Idle     Do = "idle"  // nobody uses a cluster any more
	Use      Do = "use"   // somebody does again
	// What else can be asked of a cluster, by manager.Operation.
	Extend  Do = Do(manager.Extend)
	Shorten Do = Do(manager.Shorten)
	Move    Do = Do(manager.Move)
	Grow    Do = Do(manager.Grow)
	Shrink  Do = Do(manager.Shrink)
	Confirm Do = Do(manager.Confirm)
	Release Do = Do(manager.Release)
)

// Entry is one thing that happens.
type Entry struct {
	At time.Time `json:"at"`
	Do Do        `json:"do"`
	// Tenant asks; Cluster is the name of what is asked of one that is there.
	Tenant  string `json:"tenant,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	// Spec is what Book asks for, as in the API.
	Spec *cluster.Spec `json:"spec,omitempty"`
	// For is the spec's duration, as in "2h30m".
	For Duration `json:"for,omitempty"`
	// Runs is how long after its hand-over the tenant ends the cluster; 0 lets
	// it run to its end.
	Runs Duration `json:"runs,omitempty"`
	// Took is what was measured, instead of what the site's times are drawn from.
	Took *Took `json:"took,omitempty"`
	// Hold is how long what Book asks for is held, unless Confirm follows; 0
	// books it at once.
	Hold Duration `json:"hold,omitempty"`
	// Made says that the images were there when it was booked.
	Made bool `json:"made,omitempty"`
	// Start, End and By are of Extend, Shorten and Move, Appliance, Count and
	// Nodes of Grow and Shrink, each as in manager.Change.
	Start     time.Time `json:"start,omitzero"`
	End       time.Time `json:"end,omitzero"`
	By        Duration  `json:"by,omitempty"`
	Appliance string    `json:"appliance,omitempty"`
	Count     int       `json:"count,omitempty"`
	Nodes     []string  `json:"nodes,omitempty"`
	Pnode     string    `json:"pnode,omitempty"`
	// Limits are what Limit changes.
	Limits *quota.LimitsChange `json:"limits,omitempty"`
}

// change is what is asked of a cluster that is there.
func (e *Entry) change() manager.Change {
	return manager.Change{
		Operation: manager.Operation(e.Do), Start: e.Start, End: e.End, By: time.Duration(e.By),
		Appliance: e.Appliance, Count: e.Count, Nodes: e.Nodes,
	}
}

// Took is how long the parts of a cluster's life took; 0 for unknown.
type Took struct {
	Build   Duration `json:"build,omitempty"`   // making each image
	Prepare Duration `json:"prepare,omitempty"` // from images at hand to ready
	Wipe    Duration `json:"wipe,omitempty"`
}

// sort puts the entries in the order in which they happen; those of one
// instant stay as they are.
func (t *Trace) sort() {
	slices.SortStableFunc(t.Entries, func(a, b Entry) int { return a.At.Compare(b.At) })
}

// Duration is a time.Duration that reads and writes as "1h30m".
type Duration time.Duration

// MarshalText writes it as "1h30m0s".
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads "1h30m", not negative.
func (d *Duration) UnmarshalText(text []byte) error {
	got, err := time.ParseDuration(string(text))
	if err != nil || got < 0 {
		return errDuration(text)
	}
	*d = Duration(got)
	return nil
}

// String, Set and Type make it the value of a flag.
func (d Duration) String() string { return time.Duration(d).String() }

// Set reads a flag.
func (d *Duration) Set(text string) error { return d.UnmarshalText([]byte(text)) }

// Type names the kind of flag.
func (d *Duration) Type() string { return "duration" }
