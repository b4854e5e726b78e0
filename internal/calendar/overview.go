package calendar

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"quarry/internal/fault"
)

// Look is what somebody wants to see of a calendar.
type Look struct {
	// The window is [From, To), in whole seconds, at most a year.
	From, To time.Time
	Now      time.Time
	// Tenant is who looks: others' bookings have no name and no tenant then.
	// With "" everything is shown, as TENANT/NAME.
	Tenant string
	// Slots is into how many equal slots the use over time is cut.
	Slots int
	// Limit is how many pnodes, and how many bookings, are on a page; Page
	// counts from 1.
	Limit, Page int
}

// Bounds of a Look.
const (
	MaxSlots    = 1000
	MaxLimit    = 1000
	LongestLook = 366 * 24 * time.Hour
)

// maxStays bounds what is listed of one pnode.
const maxStays = 50

// Overview is a site over a window of time: what is held of it, by whom, and
// for what. Its size is bounded by the Look: Use covers all of the site, and
// Pnodes and Bookings are one page of all there are.
type Overview struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Now  time.Time `json:"now"`
	// Capacity is what all pnodes have together, after overcommitment.
	Capacity Size `json:"capacity"`
	// Use is the use of the site in equal slots of the window.
	Use   []Use     `json:"use"`
	Pools []PoolUse `json:"pools"`
	// Page of Pages, each of so many pnodes and bookings.
	Page         int               `json:"page"`
	Pages        int               `json:"pages"`
	PnodeCount   int               `json:"pnodeCount"`
	BookingCount int               `json:"bookingCount"`
	Pnodes       []PnodeOverview   `json:"pnodes"`
	Bookings     []BookingOverview `json:"bookings"`
}

// Use is the most that is held, and the most that is closed, at any second
// between At and the next slot. Closed is what is not held and cannot be: on
// pnodes that are drained, lost or in maintenance.
type Use struct {
	At     time.Time `json:"at"`
	Held   Size      `json:"held"`
	Closed Size      `json:"closed,omitzero"`
}

// PoolUse is the most units of a pool that are held in each slot of the use.
type PoolUse struct {
	Pool string `json:"pool"`
	Of   int    `json:"of"`
	Held []int  `json:"held"`
}

// Phases are the instants of a booking: it prepares over [From, Start), has its
// window over [Start, End) and is wiped over [End, To).
type Phases struct {
	From  time.Time `json:"from"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	To    time.Time `json:"to"`
}

// PnodeOverview is one pnode and what stays there in the window.
type PnodeOverview struct {
	Pnode string `json:"pnode"`
	// Capacity is after overcommitment.
	Capacity    Size     `json:"capacity"`
	Uplink      bool     `json:"uplink,omitempty"`
	Rack        string   `json:"rack,omitempty"`
	Drained     bool     `json:"drained,omitempty"`
	Lost        bool     `json:"lost,omitempty"`
	Maintenance []Window `json:"maintenance,omitempty"`
	// Stays are the earliest; More is how many others there are.
	Stays []Stay `json:"stays"`
	More  int    `json:"more,omitempty"`
}

// Stay is what one booking has on one pnode.
type Stay struct {
	Booking string   `json:"booking"`
	Vnodes  int      `json:"vnodes"`
	Names   []string `json:"names,omitempty"` // of the vnodes, of one's own bookings
	Size    Size     `json:"size"`            // of all of them together
	Phases
}

// BookingOverview is one booking.
type BookingOverview struct {
	// Booking is its name, the provider sees it as TENANT/NAME; of somebody
	// else's it is a mark that stays the same and tells nothing.
	Booking string `json:"booking"`
	Own     bool   `json:"own"` // visible by name
	// ID and State are of the cluster, of one's own bookings.
	ID    string `json:"id,omitempty"`
	State string `json:"state,omitempty"`
	// Expires is when a hold ends that nobody confirmed.
	Expires time.Time `json:"expires,omitzero"`
	Vnodes  int       `json:"vnodes"`
	Pnodes  int       `json:"pnodes"` // on how many they are
	Size    Size      `json:"size"`   // of all vnodes together
	Phases
}

// Check lists everything that is wrong with a Look by itself.
func (l Look) Check() error {
	var list fault.List
	switch length := l.To.Sub(l.From); {
	case length < time.Second:
		list.Add("to", fmt.Sprintf("the end %s is not after the start %s", l.To.Format(time.RFC3339), l.From.Format(time.RFC3339)))
	case length > LongestLook:
		list.Add("to", fmt.Sprintf("%s is too long a window: ask for up to %d days at once", length, LongestLook/(24*time.Hour)))
	}
	if l.From.Year() < 1970 || l.To.Year() > 9000 {
		list.Add("from", fmt.Sprintf("a window from %d to %d is out of range", l.From.Year(), l.To.Year()))
	}
	for _, n := range []struct {
		field    string
		got, top int
	}{{"slots", l.Slots, MaxSlots}, {"limit", l.Limit, MaxLimit}, {"page", l.Page, 1 << 30}} {
		if n.got < 1 || n.got > n.top {
			list.Add(n.field, fmt.Sprintf("%d is not between 1 and %d", n.got, n.top))
		}
	}
	return list.Err(fault.Invalid, "the calendar cannot be shown")
}

// Survey shows a site and its bookings, of which those outside the window, or
// on pnodes that the site does not have, do not count.
func Survey(site Site, bookings []Booking, l Look) (Overview, error) {
	if err := l.Check(); err != nil {
		return Overview{}, err
	}
	s := surveyor{site: site, look: l, from: floorSecond(l.From), to: ceilSecond(l.To)}
	s.begin(bookings)
	o := Overview{
		From: second(s.from), To: second(s.to), Now: l.Now.UTC(), Page: l.Page,
		PnodeCount: len(s.pnodes), BookingCount: len(s.bookings),
		Pnodes: []PnodeOverview{}, Bookings: []BookingOverview{}, Pools: []PoolUse{},
	}
	o.Pages = max(1, (max(o.PnodeCount, o.BookingCount)+l.Limit-1)/l.Limit)
	for _, room := range s.room {
		o.Capacity = o.Capacity.vec().plus(room).size()
	}
	s.use(&o)
	for _, b := range page(s.bookings, l) {
		o.Bookings = append(o.Bookings, s.booking(b))
	}
	s.rows(&o)
	return o, nil
}

func page[T any](list []T, l Look) []T {
	begin := min(len(list), (l.Page-1)*l.Limit)
	return list[begin:min(len(list), begin+l.Limit)]
}

type surveyor struct {
	site     Site
	look     Look
	from, to int64
	pnodes   []Pnode
	room     []vec
	bookings []*surveyed
}

// surveyed is a booking with what it holds looked up.
type surveyed struct {
	*Booking
	from, to int64
	pnodes   []int32 // by vnode, -1 for one that the site does not have
}

// begin puts pnodes and bookings in order: pnodes by their names, bookings by
// what is held first.
func (s *surveyor) begin(bookings []Booking) {
	s.pnodes = slices.SortedFunc(slices.Values(s.site.Pnodes), func(a, b Pnode) int {
		return cmp.Or(strings.Compare(a.Rack, b.Rack), compareNames(a.Name, b.Name))
	})
	index := make(map[string]int32, len(s.pnodes))
	for i, p := range s.pnodes {
		index[p.Name] = int32(i)
		s.room = append(s.room, s.site.room(p))
	}
	for i := range bookings {
		b := surveyed{Booking: &bookings[i], from: floorSecond(bookings[i].From), to: ceilSecond(bookings[i].To)}
		if b.from >= s.to || b.to <= s.from {
			continue
		}
		b.pnodes = make([]int32, len(b.Vnodes))
		for v, vnode := range b.Vnodes {
			at, ok := index[vnode.Pnode]
			if !ok {
				at = -1
			}
			b.pnodes[v] = at
		}
		s.bookings = append(s.bookings, &b)
	}
	slices.SortFunc(s.bookings, func(a, b *surveyed) int {
		return cmp.Or(a.From.Compare(b.From), strings.Compare(a.Request.ID, b.Request.ID))
	})
}

// compareNames puts p2 before p10.
func compareNames(a, b string) int {
	head := func(s string) (string, string) {
		i := len(s)
		for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
			i--
		}
		return s[:i], strings.TrimLeft(s[i:], "0")
	}
	ah, an := head(a)
	bh, bn := head(b)
	return cmp.Or(strings.Compare(ah, bh), cmp.Compare(len(an), len(bn)), strings.Compare(an, bn), strings.Compare(a, b))
}

// each calls f for each vnode that is on a pnode of the site, by its place among
// all vnodes.
func (b *surveyed) each(f func(vnode int, size vec, pnode int)) {
	i := 0
	for g := range b.Request.Groups {
		size := b.Request.Groups[g].Size.vec()
		for range b.Request.Groups[g].Count {
			if i >= len(b.pnodes) {
				return
			}
			if b.pnodes[i] >= 0 {
				f(i, size, int(b.pnodes[i]))
			}
			i++
		}
	}
}

// own reports whether who looks may see whose it is.
func (s *surveyor) own(b *surveyed) bool {
	return s.look.Tenant == "" || s.look.Tenant == b.Request.Tenant
}

func (s *surveyor) name(b *surveyed) string {
	switch {
	case s.look.Tenant == "":
		return b.Request.Tenant + "/" + b.Request.Name
	case s.own(b):
		return b.Request.Name
	}
	return mark(b.Request.ID)
}

// mark is what somebody else's booking is called. IDs are random and told to
// nobody else, so that it leads nowhere.
func mark(id string) string {
	sum := sha256.Sum256([]byte("mark of booking " + id))
	return "other-" + hex.EncodeToString(sum[:4])
}

func phases(b *surveyed) Phases {
	return Phases{From: b.From.UTC(), Start: b.Request.Start.UTC(), End: b.Request.End.UTC(), To: b.To.UTC()}
}

func (s *surveyor) booking(b *surveyed) BookingOverview {
	o := BookingOverview{Booking: s.name(b), Own: s.own(b), Expires: b.Expires, Phases: phases(b)}
	if o.Own {
		o.ID = b.Request.ID
	}
	on := map[int]bool{}
	var size vec
	b.each(func(_ int, v vec, pnode int) {
		o.Vnodes++
		on[pnode] = true
		size = size.plus(v)
	})
	o.Pnodes, o.Size = len(on), size.size()
	return o
}

// rows lists the pnodes of the page with what stays there.
func (s *surveyor) rows(o *Overview) {
	first := (s.look.Page - 1) * s.look.Limit
	for i, p := range page(s.pnodes, s.look) {
		r := PnodeOverview{
			Pnode: p.Name, Capacity: s.room[first+i].size(), Uplink: p.Uplink, Rack: p.Rack, Drained: p.Drained, Lost: p.Lost, Stays: []Stay{},
		}
		for _, w := range p.Maintenance {
			if floorSecond(w.From) < s.to && ceilSecond(w.To) > s.from {
				r.Maintenance = append(r.Maintenance, Window{From: w.From.UTC(), To: w.To.UTC()})
			}
		}
		o.Pnodes = append(o.Pnodes, r)
	}
	for _, b := range s.bookings {
		s.stays(o.Pnodes, first, b)
	}
}

// stays adds what a booking has on the pnodes of a page, of which the first one
// is pnode first of all.
func (s *surveyor) stays(rows []PnodeOverview, first int, b *surveyed) {
	here := map[int]*Stay{}
	own := s.own(b)
	b.each(func(vnode int, v vec, pnode int) {
		r := pnode - first
		if r < 0 || r >= len(rows) {
			return
		}
		st, seen := here[r]
		if !seen {
			if st = rows[r].stay(); st != nil {
				*st = Stay{Booking: s.name(b), Phases: phases(b)}
			}
			here[r] = st
		}
		if st == nil {
			return
		}
		st.Vnodes++
		st.Size = st.Size.vec().plus(v).size()
		if own {
			st.Names = append(st.Names, b.Vnodes[vnode].Name)
		}
	})
}

// stay makes room for one more stay, or counts it only and returns nil.
func (p *PnodeOverview) stay() *Stay {
	if len(p.Stays) == maxStays {
		p.More++
		return nil
	}
	p.Stays = append(p.Stays, Stay{})
	return &p.Stays[len(p.Stays)-1]
}
