package calendar

import (
	"fmt"
	"math"
	"strings"
)

// smaller tries what a pnode has at all, then three quarters, a half and so on
// of the size of the groups that fall short.
func (f *finder) smaller() {
	if req, text := f.capped(); text != "" && f.fits(req) {
		f.offer(Smaller, text+" at the time asked for", req)
		return
	}
	for _, eighths := range []int{6, 4, 2, 1} {
		req, text := f.shrunk(eighths)
		if text != "" && f.fits(req) {
			f.offer(Smaller, text+" at the time asked for", req)
			return
		}
	}
}

// Vnodes below this are of no use.
var smallest = vec{1, 256, 2048}

func (f *finder) shrunk(eighths int) (Request, string) {
	return f.resized(func(old vec, _ *Group) vec {
		for r := range old {
			old[r] = min(old[r], max(old[r]*int64(eighths)/8, smallest[r]))
		}
		return old
	})
}

// capped makes vnodes that are too big for every pnode as big as the pnode is
// that lacks least, when nobody else is there.
func (f *finder) capped() (Request, string) {
	return f.resized(func(old vec, group *Group) vec {
		best, least := old, int64(math.MaxInt64)
		for i, p := range f.c.pnodes {
			room := f.c.lanes.room[i]
			if p.Lost || p.Drained || !smallest.within(room) || !f.c.hasAll(group.Require, i) {
				continue
			}
			lack := missing(old, room)
			if lack == 0 {
				return old
			}
			if lack < least {
				best, least = vec{min(old[0], room[0]), min(old[1], room[1]), min(old[2], room[2])}, lack
			}
		}
		return best
	})
}

// resized gives the groups that fall short another size, and says which; "" for
// none.
func (f *finder) resized(to func(old vec, group *Group) vec) (Request, string) {
	req := f.req.clone()
	var parts []string
	for g := range req.Groups {
		group := &req.Groups[g]
		if f.got[g] >= group.Count && !f.beyond {
			continue
		}
		old := group.Size.vec()
		if size := to(old, group); size != old {
			group.Size = size.size()
			parts = append(parts, fmt.Sprintf("%s with %s each", group.Appliance, group.Size))
		}
	}
	return req, strings.Join(parts, " and ")
}
