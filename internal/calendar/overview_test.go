package calendar

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// usage is what the naive model says of an instant: what is held, what is
// closed, and how many units of each pool.
func (n naive) usage(at time.Time) (held, closed vec, units []int) {
	for _, p := range n.site.Pnodes {
		used := n.usedAt(p.Name, at).vec()
		held = held.plus(used)
		if !p.usable() || closedAt(p, at) {
			closed = closed.plus(n.room(p).vec().minus(used).most(vec{}))
		}
	}
	for _, p := range n.site.Pools {
		count := 0
		for _, b := range n.plans {
			for _, u := range b.Units {
				if b.heldAt(at) && u.Pool == p.Name {
					count++
				}
			}
		}
		units = append(units, count)
	}
	return held, closed, units
}

// The use in each slot is the most that the naive model finds at any second
// of it, and each pnode lists exactly what stays there.
func TestOverviewShowsWhatIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawn{grain: 1}.filled(t)
		n := model(c)
		if rapid.Bool().Draw(t, "a pnode left") {
			n.site.Pnodes = n.site.Pnodes[1:]
		}
		from := rapid.IntRange(-5, 40).Draw(t, "from")
		l := Look{
			From: at(from), To: at(from + rapid.IntRange(1, 60).Draw(t, "length")), Now: at(0),
			Slots: rapid.IntRange(1, 70).Draw(t, "slots"), Limit: 1000, Page: 1,
		}
		o, err := Survey(n.site, c.Bookings(), l)
		if err != nil {
			t.Fatal(err)
		}
		for i, u := range o.Use {
			end := o.To
			if i+1 < len(o.Use) {
				end = o.Use[i+1].At
			}
			if !u.At.Before(end) {
				t.Fatalf("slot %d is from %s to %s", i, u.At, end)
			}
			var held, closed vec
			units := make([]int, len(n.site.Pools))
			for s := u.At; s.Before(end); s = s.Add(time.Second) {
				h, c, k := n.usage(s)
				held, closed = held.most(h), closed.most(c)
				for p := range k {
					units[p] = max(units[p], k[p])
				}
			}
			if u.Held != held.size() || u.Closed != closed.size() {
				t.Fatalf("slot %d holds %v and closes %v, want %v and %v", i, u.Held, u.Closed, held.size(), closed.size())
			}
			for p := range units {
				if o.Pools[p].Held[i] != units[p] {
					t.Fatalf("slot %d holds %d of %s, want %d", i, o.Pools[p].Held[i], o.Pools[p].Pool, units[p])
				}
			}
		}
		n.wantStays(t, o)
	})
}

func (n naive) wantStays(t *rapid.T, o Overview) {
	for _, p := range o.Pnodes {
		var got, want []string
		for _, s := range p.Stays {
			got = append(got, fmt.Sprint(s.Booking, s.Names, s.Vnodes, s.Size, s.From, s.To))
		}
		for _, b := range n.plans {
			if !b.From.Before(o.To) || !o.From.Before(b.To) {
				continue
			}
			var names []string
			var sum vec
			for i, size := range b.sizes() {
				if b.Vnodes[i].Pnode == p.Pnode {
					names, sum = append(names, b.Vnodes[i].Name), sum.plus(size.vec())
				}
			}
			if len(names) > 0 {
				want = append(want, fmt.Sprint(b.Request.Tenant+"/"+b.Request.Name, names, len(names), sum.size(), b.From, b.To))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("%s has %v, want %v", p.Pnode, got, want)
		}
	}
}

// What is outside a window need not be looked at.
func TestOverviewOfBookingsInTheWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		c := d.filled(t)
		look := Look{From: d.instant(t, "from", 0, 40), Now: at(0), Slots: 10, Limit: 100, Page: 1}
		look.To = look.From.Add(time.Duration(rapid.IntRange(1, 8*d.grain).Draw(t, "length")) * time.Second)
		all, err := Survey(c.Site(), c.Bookings(), look)
		if err != nil {
			t.Fatal(err)
		}
		some, err := Survey(c.Site(), c.BookingsIn(look.From, look.To), look)
		if err != nil || !reflect.DeepEqual(some, all) {
			t.Fatalf("%+v %v, of all bookings %+v", some, err, all)
		}
	})
}

// Whoever looks sees others' bookings as sizes only.
func TestOverviewTellsNothingOfOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := draw(t).filled(t)
		look := Look{From: at(-100_000), To: at(3_000_000), Now: at(0), Tenant: "x", Slots: 10, Limit: 100, Page: 1}
		o, err := Survey(c.Site(), c.Bookings(), look)
		if err != nil {
			t.Fatal(err)
		}
		own := map[string]bool{}
		for _, b := range c.Bookings() {
			own[b.Request.Name] = b.Request.Tenant == "x"
		}
		check := func(name string, mine bool, more ...string) {
			if mine != own[name] || !mine && (!strings.HasPrefix(name, "other-") || len(strings.Join(more, "")) > 0) {
				t.Fatalf("%q (own: %t) tells %q", name, mine, more)
			}
		}
		for _, b := range o.Bookings {
			check(b.Booking, b.Own, b.ID, b.State)
		}
		for _, p := range o.Pnodes {
			for _, s := range p.Stays {
				check(s.Booking, own[s.Booking], s.Names...)
			}
		}
	})
}

// Page after page shows every pnode and every booking once, and no page is
// larger than it was asked to be.
func TestOverviewComesInPages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := draw(t).filled(t)
		look := Look{From: at(-100_000), To: at(3_000_000), Now: at(0), Slots: 10, Limit: rapid.IntRange(1, 5).Draw(t, "limit"), Page: 1}
		seen := map[string]int{}
		for pages := 1; look.Page <= pages; look.Page++ {
			o, err := Survey(c.Site(), c.Bookings(), look)
			if err != nil {
				t.Fatal(err)
			}
			pages = o.Pages
			if len(o.Pnodes) > look.Limit || len(o.Bookings) > look.Limit {
				t.Fatalf("page %d has %d pnodes and %d bookings", look.Page, len(o.Pnodes), len(o.Bookings))
			}
			for _, p := range o.Pnodes {
				seen[p.Pnode]++
			}
			for _, b := range o.Bookings {
				seen[b.Booking]++
			}
		}
		for name, times := range seen {
			if times != 1 {
				t.Fatalf("%s is shown %d times", name, times)
			}
		}
		if want := len(c.Bookings()) + len(c.Site().Pnodes); len(seen) != want {
			t.Fatalf("%d are shown, want %d", len(seen), want)
		}
	})
}

func TestOverviewSortsAsPeopleCount(t *testing.T) {
	names := []string{"p10", "gw1", "p2", "p1", "rack-2", "rack-02", "p"}
	slices.SortFunc(names, compareNames)
	if got := strings.Join(names, " "); got != "gw1 p p1 p2 p10 rack-02 rack-2" {
		t.Error(got)
	}
}

func TestOverviewSaysWhatIsWrong(t *testing.T) {
	_, err := Survey(Site{}, nil, Look{From: at(10), To: at(0), Slots: 0, Limit: MaxLimit + 1, Page: 0})
	for _, want := range []string{"to: the end", "slots: 0", "limit: 1001", "page: 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("lacks %q: %v", want, err)
		}
	}
}
