package cluster

import "time"

// EventDetail is what an event says, for programs. Events of older releases have none.
type EventDetail struct {
	// Operation is what was done to the cluster: "book", "hold", "confirm",
	// "release", "extend", "shorten", "move", "grow", "shrink", "cancel", "end",
	// or by the manager alone "expire" (a hold that nobody confirmed), "yield",
	// "reclaim" (nobody used it) and "fail".
	Operation string `json:"operation,omitempty"`
	// Start and End are the window after it, where that changed; Until is when
	// a hold is given up.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Appliance is of which vnodes there are Count more; Nodes are those that
	// came or went.
	Appliance string   `json:"appliance,omitempty"`
	Count     int      `json:"count,omitempty"`
	Nodes     []string `json:"nodes,omitempty"`
	// Silent is a pnode that does not answer, Heard one that does.
	Silent string `json:"silent,omitempty"`
	Heard  string `json:"heard,omitempty"`
}
