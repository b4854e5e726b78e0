package estimate

import (
	"fmt"
	"time"
)

// Stage is what took its time.
type Stage string

// The stages.
const (
	Build Stage = "build" // making one image, on the manager
	Fetch Stage = "fetch" // bringing an image to a pnode that lacks it
	Up    Stage = "up"    // from an image at hand until all boot scripts ran
	Join  Stage = "join"  // from all vnodes being up until the vnode is ready
	Wipe  Stage = "wipe"  // from the end until nothing of a cluster is left on a pnode
)

// guesses are for a site that measured nothing yet: a slow machine.
var guesses = map[Stage]time.Duration{
	Build: time.Minute, Fetch: 0, Up: 75 * time.Second, Join: 25 * time.Second, Wipe: time.Minute,
}

// Key says what was measured, or is asked for. Fields that do not matter in a
// stage are empty.
type Key struct {
	Stage Stage
	// Tenant is whose own rolls the profile is made of, "" for published ones.
	Tenant  string
	Profile string // "compute of base@1.0 condor@23.9"
	Size    string // "1 CPU, 512 MiB"
	Pnode   string
	// Crowd is how many vnodes of the cluster are on the pnode.
	Crowd int
}

// Size names a vnode's size.
func Size(cpus, memoryMiB int) string { return fmt.Sprintf("%d CPUs, %d MiB", cpus, memoryMiB) }

// Sample is one measurement: the slowest vnode of a profile and size on a
// pnode in one preparation. Those that were prepared beside it are no
// measurements of their own, since they waited for the same machine.
type Sample struct {
	Key
	Seconds float64
	At      time.Time
}

// Took is the sample's time.
func (s Sample) Took() time.Duration { return time.Duration(s.Seconds * float64(time.Second)) }

// level is how much measurements of a group have in common, from the most.
type level int

const (
	sameCrowd level = iota
	samePnode
	sameSize
	sameProfile
	anything
	levels
)

// at returns the key of the group of a level.
func (k Key) at(l level) Key {
	if l == sameCrowd {
		k.Crowd = crowdClass(k.Crowd)
		return k
	}
	k.Crowd = 0
	if l >= sameSize {
		k.Pnode = ""
	}
	if l >= sameProfile {
		k.Size = ""
	}
	if l >= anything {
		k.Profile, k.Tenant = "", ""
	}
	return k
}

// crowdClass is the power of two that n is not more than.
func crowdClass(n int) int {
	class := 1
	for class < n {
		class *= 2
	}
	return class
}

// describe names the group of a level.
func (k Key) describe(l level) string {
	what := map[Stage]string{Build: "builds", Fetch: "fetches", Wipe: "wipes"}[k.Stage]
	if what == "" {
		what = "preparations"
	}
	if l == anything {
		return what + " of any profile"
	}
	text := what + " of " + k.Profile
	if l <= sameSize && k.Size != "" {
		text += " (" + k.Size + ")"
	}
	if l <= samePnode && k.Pnode != "" {
		text += " on " + k.Pnode
	}
	if class := crowdClass(k.Crowd); l == sameCrowd && class > 1 {
		text += fmt.Sprintf(", up to %d vnodes at once", class)
	}
	return text
}
