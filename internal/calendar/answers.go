package calendar

import "time"

// Room is what a site has free at every second of a window.
type Room struct {
	From   time.Time   `json:"from"`
	To     time.Time   `json:"to"`
	Pnodes []PnodeRoom `json:"pnodes"` // usable ones, in the order of the site
	Pools  []PoolRoom  `json:"pools,omitempty"`
}

// PnodeRoom is what one pnode has free.
type PnodeRoom struct {
	Pnode  string `json:"pnode"`
	Uplink bool   `json:"uplink,omitempty"`
	Free   Size   `json:"free"`
}

// PoolRoom is how many units of a pool are free.
type PoolRoom struct {
	Pool string `json:"pool"`
	Free int    `json:"free"`
	Of   int    `json:"of"`
}

// Free lists what is free at every second of [from, to).
func (c *Calendar) Free(from, to time.Time) Room {
	r := Room{From: from.UTC(), To: to.UTC(), Pnodes: []PnodeRoom{}}
	a, b := floorSecond(from), ceilSecond(to)
	for i, p := range c.pnodes {
		if !p.usable() {
			continue
		}
		free := c.lanes.free(i, a, b)
		if free == nothing {
			continue
		}
		r.Pnodes = append(r.Pnodes, PnodeRoom{Pnode: p.Name, Uplink: p.Uplink, Free: free.most(vec{}).size()})
	}
	for _, p := range c.pools {
		r.Pools = append(r.Pools, PoolRoom{Pool: p.Name, Free: len(p.find(a, b, len(p.Units), nil)), Of: len(p.Units)})
	}
	return r
}

// HowMany returns how many vnodes of each group, asked for alone, fit in the
// request's window.
func (c *Calendar) HowMany(req Request) ([]int, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	counts := make([]int, len(req.Groups))
	req = req.clone()
	t := c.attempt(&req)
	for g := range req.Groups {
		req.Groups[g].Count = maxVnodes
		counts[g] = int(min(t.alone(g, nil), maxVnodes))
	}
	return counts, nil
}
