package calendar

import (
	"fmt"
	"slices"
	"strings"
)

// ExplainStay says why a booking cannot become what a refusal asks for while
// the refusal's Stay stay where they are, or returns nil when it can by now. It
// offers no alternatives. The calendar changes while it looks and is as before
// when it returns.
func (c *Calendar) ExplainStay(r *Refusal) *Refusal {
	old, err := c.find(r.Request.ID)
	if err != nil {
		return nil
	}
	c.take(old)
	defer c.put(old)
	req := r.Request.clone()
	t := c.attempt(&req)
	t.keep, t.stay = old.units, c.staying(req, r.Stay)
	t.view = newView(len(c.pnodes), t.from, t.to)
	defer t.done()
	placed := t.run()
	out := &Refusal{Request: req, Stay: r.Stay, Certain: true, Reasons: c.cramped(t)}
	if len(out.Reasons) == 0 && placed {
		return nil
	}
	if len(out.Reasons) == 0 {
		out.Certain, out.Reasons = t.certain(), c.reasons(t)
	}
	return out
}

// cramped tells of the pnodes that cannot keep what stays on them.
func (c *Calendar) cramped(t *trial) []Reason {
	need, names := map[int]vec{}, map[int][]string{}
	i := 0
	for _, g := range t.req.Groups {
		for n := range g.Count {
			if p := int(t.stay[i]); p >= 0 {
				need[p] = need[p].plus(g.Size.vec())
				names[p] = append(names[p], g.vnodeName(n))
			}
			i++
		}
	}
	var list []Reason
	for p := range c.pnodes {
		free := t.others(p)
		if names[p] == nil || need[p].within(free) {
			continue
		}
		s := Shortage{
			Pnode: c.pnodes[p].Name, Lacks: need[p].lacking(free), Needs: need[p].size(), Free: free.most(vec{}).size(),
			Until: second(c.freeFrom(p, t.from, t.to, need[p])),
			By:    c.holders(t.req.Tenant, t.from, t.to, func(e *entry) vec { return e.sizeOn(p) }),
		}
		list = append(list, Reason{
			Asked: len(names[p]), Nearest: []Shortage{s}, Causes: []Cause{{What: s.Lacks[0], Pnodes: 1}},
			Message: fmt.Sprintf("%s stay on pnode %s, which lacks %s for them: %s",
				strings.Join(names[p], ", "), s.Pnode, strings.Join(s.Lacks, " and "), s.holdersText()),
		})
	}
	return slices.Clip(list)
}

func (s Shortage) holdersText() string {
	var by []string
	for _, h := range s.By {
		by = append(by, h.String())
	}
	if len(by) == 0 {
		return "it is in maintenance then"
	}
	return strings.Join(by, ", ") + " needs it"
}
