package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"quarry/internal/fault"
)

// Request is a whole cluster to place. It is complete: what it asks for does
// not depend on anything that is not in it, so that an alternative can be
// booked as it was offered.
type Request struct {
	ID     string `json:"id"`     // of the booking
	Tenant string `json:"tenant"` // whose it is
	Name   string `json:"name"`   // of the cluster

	// The window is [Start, End). Resources are held over
	// [Start − Prepare, End + Wipe), in whole seconds, rounded outwards.
	Start   time.Time     `json:"start"`
	End     time.Time     `json:"end"`
	Prepare time.Duration `json:"prepare"` // nanoseconds in JSON
	Wipe    time.Duration `json:"wipe"`
	// Nothing is held before NotBefore: a cluster that starts too soon for its
	// preparation begins with it there, and may be late.
	NotBefore time.Time `json:"notBefore,omitzero"`

	Groups []Group `json:"groups"`
	// Pools is how many units of each pool the cluster needs.
	Pools []Need `json:"pools,omitempty"`
	// Policy says which of the pnodes that fit are taken.
	Policy Policy `json:"policy,omitempty"`
	// BestEffort marks a cluster that gives its room up to others' bookings.
	BestEffort bool `json:"bestEffort,omitempty"`
	// Together asks for pnodes of one rack. Groups that require the uplink go
	// where the uplinks are.
	Together Together `json:"together,omitempty"`
}

// Group is a number of equal vnodes.
type Group struct {
	Appliance string `json:"appliance"`
	Count     int    `json:"count"`
	Size      Size   `json:"size"`
	// Names are the vnodes' names; without them they are "APPLIANCE-0" and so on.
	Names []string `json:"names,omitempty"`
	// Require and Prefer are labels of pnodes; of the preferred ones the first
	// weighs most.
	Require []string `json:"require,omitempty"`
	Prefer  []string `json:"prefer,omitempty"`
	// Apart keeps any two vnodes of the group off the same pnode.
	Apart bool `json:"apart,omitempty"`
}

// Need is a number of units of a pool.
type Need struct {
	Pool  string `json:"pool"`
	Count int    `json:"count"`
}

// Policy is how vnodes are laid out.
type Policy string

// The policies. Spread is meant when nothing is said.
const (
	// Spread gives each pnode one vnode before any gets a second, and takes
	// those with most memory free first. On sites of more than spreadOver
	// pnodes it chooses among as many that fit, from a place in the order that
	// the cluster's name decides, so that clusters spread over the site.
	Spread Policy = "spread"
	// Pack fills one pnode after the other in the order of the site, so that
	// as many as possible stay idle.
	Pack Policy = "pack"
)

// Together is how much a cluster wants to be in one rack.
type Together string

// The degrees.
const (
	Anywhere    Together = ""
	PreferRack  Together = "prefer"
	RequireRack Together = "require"
)

// Bounds of a request.
const (
	maxVnodes = 100_000
	maxPrefer = 4
	// longest bounds what is held at once: the grid has a bucket for each hour.
	longest = 5 * 366 * 24 * time.Hour
)

func (r Request) held() (from, to int64) {
	begin := r.Start.Add(-r.Prepare)
	if begin.Before(r.NotBefore) {
		begin = r.NotBefore
	}
	return floorSecond(begin), ceilSecond(r.End.Add(r.Wipe))
}

func floorSecond(t time.Time) int64 { return t.Unix() } // Unix rounds down

func ceilSecond(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

func second(s int64) time.Time { return time.Unix(s, 0).UTC() }

// vnodeName names vnode i of a group.
func (g Group) vnodeName(i int) string {
	if g.Names != nil {
		return g.Names[i]
	}
	return g.Appliance + "-" + strconv.Itoa(i)
}

func (g Group) needsUplink() bool { return slices.Contains(g.Require, Uplink) }

// total is how many vnodes are asked for.
func (r Request) total() int {
	n := 0
	for _, g := range r.Groups {
		n += g.Count
	}
	return n
}

// clone shares no slice that an operation changes with r.
func (r Request) clone() Request {
	r.Groups = slices.Clone(r.Groups)
	for i := range r.Groups {
		r.Groups[i].Names = slices.Clone(r.Groups[i].Names)
	}
	r.Pools = slices.Clone(r.Pools)
	return r
}

// at returns the request with its window moved to begin at start.
func (r Request) at(start time.Time) Request {
	r.End = start.Add(r.End.Sub(r.Start))
	r.Start = start
	return r
}

// Check lists everything that is wrong with a request by itself.
func (r Request) Check() error {
	var l fault.List
	if r.ID == "" {
		l.Add("id", "a booking needs an id")
	}
	r.checkWindow(&l)
	if len(r.Groups) == 0 {
		l.Add("groups", "there are no vnodes to place")
	}
	for i, g := range r.Groups {
		g.check(&l, fmt.Sprintf("groups[%d]", i))
	}
	r.checkNames(&l)
	for i, n := range r.Pools {
		if n.Pool == "" || n.Count < 0 {
			l.Add(fmt.Sprintf("pools[%d]", i), fmt.Sprintf("%d of pool %q cannot be held", n.Count, n.Pool))
		}
	}
	if r.Policy != "" && r.Policy != Spread && r.Policy != Pack {
		l.Add("policy", fmt.Sprintf("%q is neither %q nor %q", r.Policy, Spread, Pack))
	}
	if r.Together != Anywhere && r.Together != PreferRack && r.Together != RequireRack {
		l.Add("together", fmt.Sprintf("%q is neither empty, %q nor %q", r.Together, PreferRack, RequireRack))
	}
	return l.Err(fault.Invalid, "the request is not complete")
}

func (r Request) checkWindow(l *fault.List) {
	if !r.End.After(r.Start) {
		l.Add("end", fmt.Sprintf("the end %s is not after the start %s", r.End.Format(time.RFC3339), r.Start.Format(time.RFC3339)))
	}
	if !r.End.After(r.NotBefore) {
		l.Add("end", fmt.Sprintf("the end %s is not after %s, before which nothing is held", r.End.Format(time.RFC3339), r.NotBefore.Format(time.RFC3339)))
	}
	if r.Prepare < 0 || r.Wipe < 0 {
		l.Add("prepare", "times before the start and after the end cannot be negative")
	}
	if r.Start.Year() < 1970 || r.End.Year() > 9000 {
		l.Add("start", fmt.Sprintf("a window from %d to %d is out of range", r.Start.Year(), r.End.Year()))
	}
	if r.Prepare > longest || r.Wipe > longest || r.End.Sub(r.Start) > longest {
		l.Add("end", fmt.Sprintf("%s is too long: book up to 5 years at once", r.End.Sub(r.Start)))
	}
}

func (g Group) check(l *fault.List, field string) {
	if g.Count < 1 || g.Count > maxVnodes {
		l.Add(field+".count", fmt.Sprintf("%d is not between 1 and %d", g.Count, maxVnodes))
	}
	checkSize(l, field+".size", g.Size)
	if len(g.Prefer) > maxPrefer {
		l.Add(field+".prefer", fmt.Sprintf("%d preferences are more than %d", len(g.Prefer), maxPrefer))
	}
	if g.Names != nil && len(g.Names) != g.Count {
		l.Add(field+".names", fmt.Sprintf("%d names for %d vnodes", len(g.Names), g.Count))
	}
}

// checkNames refuses two vnodes of one name, without making up the names of
// groups that have none.
func (r Request) checkNames(l *fault.List) {
	taken := map[string]bool{}
	clash := func(i int, name string) {
		l.Add(fmt.Sprintf("groups[%d].names", i), fmt.Sprintf("two vnodes are called %q: name the vnodes of each group", name))
	}
	for i, g := range r.Groups {
		for _, name := range g.Names {
			if taken[name] {
				clash(i, name)
				return
			}
			taken[name] = true
		}
	}
	unnamed := map[string]bool{}
	for i, g := range r.Groups {
		if g.Names != nil {
			continue
		}
		if unnamed[g.Appliance] {
			clash(i, g.vnodeName(0))
			return
		}
		unnamed[g.Appliance] = true
		for name := range taken {
			if n, err := strconv.Atoi(strings.TrimPrefix(name, g.Appliance+"-")); err == nil && n >= 0 && n < g.Count && name == g.vnodeName(n) {
				clash(i, name)
				return
			}
		}
	}
}
