package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Refusal says why a request cannot be booked and what could be instead.
// Book and the others return it with the request alone; Explain fills it in.
type Refusal struct {
	Request Request `json:"request"`
	// Stay are the vnodes of a started cluster, which do not move.
	Stay []Vnode `json:"stay,omitempty"`
	// Certain is set when a group or a pool falls short by itself, so that no
	// placement at all exists in that window.
	Certain bool `json:"certain"`
	// Reasons has one entry for each group and pool that falls short.
	Reasons []Reason `json:"reasons,omitempty"`
	// Alternatives can be booked as they are.
	Alternatives []Alternative `json:"alternatives,omitempty"`
}

func (r *Refusal) Error() string {
	if len(r.Reasons) == 0 {
		return "there is no room for " + r.Request.Name
	}
	lines := make([]string, len(r.Reasons))
	for i, why := range r.Reasons {
		lines[i] = why.Message
	}
	return strings.Join(lines, "; ")
}

// Reason is why one group of vnodes, or a pool, falls short.
type Reason struct {
	Appliance string `json:"appliance,omitempty"`
	Pool      string `json:"pool,omitempty"`
	Asked     int    `json:"asked"`
	Found     int    `json:"found"`
	Message   string `json:"message"`
	// Causes count the pnodes that cannot take one more, by what they lack.
	Causes []Cause `json:"causes,omitempty"`
	// Nearest are the pnodes that lack least.
	Nearest []Shortage `json:"nearest,omitempty"`
	// By are the clusters that hold the pool's units.
	By []Holder `json:"by,omitempty"`
}

// Cause is how many pnodes lack something.
type Cause struct {
	What   string `json:"what"` // "cpus", "memory", "disk", "drained", "lost", "maintenance", a label, "rack", "apart"
	Pnodes int    `json:"pnodes"`
}

// Shortage is what one pnode lacks, and who holds it.
type Shortage struct {
	Pnode string   `json:"pnode"`
	Lacks []string `json:"lacks"`
	Needs Size     `json:"needs"`
	Free  Size     `json:"free"` // beside the rest of this cluster
	// Until is when what is held today lets go of enough; zero if the pnode is
	// too small anyhow.
	Until time.Time `json:"until,omitzero"`
	By    []Holder  `json:"by,omitempty"`
}

// Holder is who holds something: one's own clusters by name, others' without.
type Holder struct {
	Name  string    `json:"name,omitempty"`
	Size  Size      `json:"size,omitzero"`
	Until time.Time `json:"until"`
}

func (h Holder) String() string {
	name := "another tenant's cluster"
	if h.Name != "" {
		name = "your cluster " + h.Name
	}
	return fmt.Sprintf("%s until %s", name, stamp(h.Until))
}

// Bounds of what a refusal tells.
const (
	mostNearest = 5
	mostHolders = 5
)

// Explain says why a request cannot be booked now, and what could be. It
// returns nil when it can be booked by now. Alternatives start at now or later.
func (c *Calendar) Explain(req Request, now, horizon time.Time) *Refusal {
	return c.ExplainWithin(Unlimited{}, req, now, horizon)
}

// ExplainWithin is Explain for a tenant who may not hold everything: a request
// that has room may be beyond the limit, then there are no Reasons, and no
// alternative is.
func (c *Calendar) ExplainWithin(limit Limit, req Request, now, horizon time.Time) *Refusal {
	t := c.attempt(&req)
	t.view = newView(len(c.pnodes), t.from, t.to)
	defer t.done()
	roomy, allowed := t.run(), allows(limit, req)
	if roomy && allowed {
		return nil
	}
	f := newFinder(c, t, limit, now, horizon)
	f.beyond = !allowed
	r := &Refusal{Request: req, Alternatives: f.look()}
	if !roomy {
		r.Certain, r.Reasons = f.certain, c.reasons(t)
	}
	return r
}

// Reasons is Explain without alternatives, for who asks only why.
func (c *Calendar) Reasons(req Request) *Refusal {
	t := c.attempt(&req)
	t.view = newView(len(c.pnodes), t.from, t.to)
	defer t.done()
	if t.run() {
		return nil
	}
	return &Refusal{Request: req, Certain: t.certain(), Reasons: c.reasons(t)}
}

// certain reports whether what failed would fail in any placement.
func (t *trial) certain() bool {
	for _, need := range t.req.Pools {
		if p := t.c.pool(need.Pool); need.Count > 0 && (p < 0 || len(t.units[p]) < need.Count) {
			return true
		}
	}
	return t.hopeless(nil)
}

// reasons says what a trial that failed fell short of.
func (c *Calendar) reasons(t *trial) []Reason {
	var list []Reason
	for g, group := range t.req.Groups {
		if t.got[g] < group.Count {
			list = append(list, c.groupReason(t, g))
		}
	}
	for _, need := range t.req.Pools {
		if r, short := c.poolReason(t, need); short {
			list = append(list, r)
		}
	}
	return list
}

func (c *Calendar) groupReason(t *trial, g int) Reason {
	group := &t.req.Groups[g]
	r := Reason{Appliance: group.Appliance, Asked: group.Count, Found: t.got[g]}
	causes := map[string]int{}
	var near []int
	for i := range c.pnodes {
		what := c.cause(t, g, i)
		if what == "" {
			continue
		}
		causes[what]++
		if what == resourceNames[cpus] || what == resourceNames[memory] || what == resourceNames[disk] {
			near = append(near, i)
		}
	}
	for what, n := range causes {
		r.Causes = append(r.Causes, Cause{What: what, Pnodes: n})
	}
	slices.SortFunc(r.Causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Pnodes, a.Pnodes), strings.Compare(a.What, b.What))
	})
	r.Nearest = c.nearest(t, group.Size.vec(), near)
	r.Message = r.groupMessage(group)
	return r
}

// cause says why a pnode does not take one more vnode of a group, "" if it
// does.
func (c *Calendar) cause(t *trial, g, i int) string {
	group, p := &t.req.Groups[g], &c.pnodes[i]
	switch {
	case p.Lost:
		return "lost"
	case p.Drained:
		return "drained"
	}
	for _, l := range group.Require {
		if !c.hasAll([]string{l}, i) {
			return l
		}
	}
	free := t.free(i)
	if free.plus(t.seen.used(i)) == nothing {
		return "maintenance"
	}
	if lacks := group.Size.vec().lacking(free); len(lacks) > 0 {
		return lacks[0]
	}
	if group.Apart && t.seen.has(i, g) {
		return "apart"
	}
	if t.req.Together == RequireRack {
		return "rack"
	}
	return ""
}

// hasAll reports whether a pnode has every one of some labels.
func (c *Calendar) hasAll(labels []string, i int) bool {
	return !slices.ContainsFunc(labels, func(l string) bool { return c.labels[l] == nil || !c.labels[l].has(i) })
}

func (r Reason) groupMessage(group *Group) string {
	var why []string
	for _, cause := range r.Causes {
		why = append(why, fmt.Sprintf("%d %s", cause.Pnodes, causeText(cause)))
	}
	text := fmt.Sprintf("%d of %d %s fit (%s each)", r.Found, r.Asked, group.Appliance, group.Size)
	if len(why) == 0 {
		return text + ": there is no pnode"
	}
	text += "; pnodes: " + strings.Join(why, ", ")
	if len(r.Nearest) == 0 {
		return text
	}
	near := max(0, slices.IndexFunc(r.Nearest, func(s Shortage) bool { return len(s.By) > 0 })) // better one who lets go
	return text + "; " + r.Nearest[near].String()
}

func causeText(cause Cause) string {
	switch cause.What {
	case "lost":
		return "do not answer"
	case "drained":
		return "are drained"
	case "maintenance":
		return "are in maintenance"
	case "apart":
		return "have one already (they are kept apart)"
	case "rack":
		return "are not in one rack with enough room"
	case resourceNames[cpus], resourceNames[memory], resourceNames[disk]:
		return "have too little of " + cause.What
	}
	return "lack " + cause.What
}
