package accounting

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quarry/internal/cluster"
)

var t0 = time.Date(2026, 2, 27, 23, 59, 0, 0, time.UTC)

// moment is what a cluster is from an instant on, as the naive model keeps it.
type moment struct {
	at    int64 // Unix seconds
	state cluster.State
	nodes []cluster.Node
}

// life is a cluster that lives at random: it is prepared, handed over, grows,
// shrinks, is extended or cut short, fails, is cancelled, or ends; its entries
// are those that the manager would have written.
type life struct {
	t       *rapid.T
	c       cluster.Cluster
	now     time.Time
	n       int // vnodes so far
	moments []moment
	log     []cluster.Holding
}

func live(t *rapid.T, id int) *life {
	l := &life{t: t, now: t0.Add(time.Duration(rapid.IntRange(0, 90_000).Draw(t, "begins")) * time.Millisecond)}
	l.c = cluster.Cluster{
		ID: fmt.Sprintf("id%d", id), Name: rapid.SampledFrom([]string{"farm", "web"}).Draw(t, "name"),
		Tenant: rapid.SampledFrom([]string{"chem", "geo"}).Draw(t, "tenant"), State: cluster.Booked,
	}
	l.grow()
	l.c.Nodes[0].Addresses = []cluster.Address{{Network: cluster.OutsideNetwork, Address: "203.0.113.1"}}
	for range rapid.IntRange(0, 8).Draw(t, "turns") {
		l.now = l.now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "later")) * time.Millisecond)
		l.turn()
	}
	return l
}

func (l *life) grow() {
	for range rapid.IntRange(1, 3).Draw(l.t, "vnodes") {
		l.c.Nodes = append(l.c.Nodes, cluster.Node{
			Name: fmt.Sprint("n", l.n), CPUs: rapid.IntRange(1, 4).Draw(l.t, "cpus"), MemoryMiB: rapid.IntRange(256, 3000).Draw(l.t, "memory"),
			Joining: l.c.State == cluster.Active,
		})
		l.n++
	}
}

// turn is one thing that happens; seen is when the manager notices it.
func (l *life) turn() {
	at := l.now
	switch what := rapid.IntRange(0, 9).Draw(l.t, "what"); {
	case l.c.State == cluster.Booked && what < 9:
		l.c.State = cluster.Preparing
	case l.c.State == cluster.Booked || !l.c.State.Live():
		return
	case l.c.State == cluster.Preparing && what < 5:
		l.c.State, l.c.ActiveAt = cluster.Active, &at
		l.notice()
	case what < 5 && l.c.State == cluster.Active:
		l.resize(what)
	case what == 5: // extended or cut short: what is held now stays
		l.c.End = at.Add(time.Hour)
		return
	case what == 6 && l.c.State == cluster.Preparing:
		l.c.State, l.c.End = rapid.SampledFrom([]cluster.State{cluster.Failed, cluster.Cancelled}).Draw(l.t, "how"), at
	case what > 6 && l.c.State == cluster.Active:
		l.c.State, l.c.End = cluster.Ended, at
		l.notice()
	}
	l.moments = append(l.moments, moment{at.Unix(), l.c.State, l.c.Nodes})
	var last cluster.Holding
	if len(l.log) > 0 {
		last = l.log[len(l.log)-1]
	}
	if held, changed := l.c.Holds(last, l.now); changed {
		l.log = append(l.log, held)
	}
}

// resize lets vnodes come, arrive, be given back, or be gone.
func (l *life) resize(what int) {
	l.c.Nodes = slices.Clone(l.c.Nodes)
	last := &l.c.Nodes[len(l.c.Nodes)-1]
	switch {
	case what < 2:
		l.grow()
	case what == 2:
		for i := range l.c.Nodes {
			l.c.Nodes[i].Joining = false
		}
	case what == 3 && len(l.c.Nodes) > 1:
		last.Joining, last.Leaving = false, true
	case last.Leaving:
		l.c.Nodes = l.c.Nodes[:len(l.c.Nodes)-1]
	}
}

// notice lets the manager hear of it later than it was.
func (l *life) notice() {
	l.now = l.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(l.t, "noticed later")) * time.Millisecond)
}

// at is what the cluster is at a second.
func (l *life) at(second int64) (m moment) {
	for _, next := range l.moments {
		if next.at <= second {
			m = next
		}
	}
	return m
}

// The accounts are what a clerk would have counted who looked at every cluster
// at every second, whatever is asked for.
func TestAccountsAreWhatAClerkCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := t0.Add(time.Duration(rapid.IntRange(-10, 200).Draw(t, "from")) * time.Second)
		to := from.Add(time.Duration(rapid.IntRange(0, 400_000).Draw(t, "length")) * time.Millisecond)
		by := By{Cluster: rapid.Bool().Draw(t, "by cluster"), Day: rapid.Bool().Draw(t, "by day")}
		want := map[string]map[string]int64{}
		book := Open(from, to, by)
		for i := range rapid.IntRange(0, 4).Draw(t, "clusters") {
			l := live(t, i)
			for _, h := range l.log {
				if err := book.Add(Entry{l.c.Tenant, l.c.ID, l.c.Name, h}); err != nil {
					t.Fatal(err)
				}
			}
			for s := from.Unix(); s < to.Unix(); s++ {
				key := l.c.Tenant
				if by.Cluster {
					key += "/" + l.c.Name + l.c.ID
				}
				if by.Day {
					key = time.Unix(s, 0).UTC().Format("2006-01-02 ") + key
				}
				l.count(want, key, s)
			}
		}
		r, err := book.Report()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]map[string]int64{}
		var sum Used
		for _, row := range r.Rows {
			key := strings.TrimSpace(row.Day + " " + row.Tenant)
			if by.Cluster {
				key += "/" + row.Cluster + row.ClusterID
			}
			if got[key] != nil {
				t.Fatalf("%s has two rows", key)
			}
			got[key] = map[string]int64{
				"prepare cpus": row.Prepare.VCPUSeconds, "prepare memory": row.Prepare.MiBSeconds, "prepare addresses": row.Prepare.AddressSeconds,
				"window cpus": row.Window.VCPUSeconds, "window memory": row.Window.MiBSeconds, "window addresses": row.Window.AddressSeconds,
			}
			sum.plus(row.Window)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("accounts %v\nclerk    %v", got, want)
		}
		if sum != r.Total.Window {
			t.Fatalf("the rows come to %+v, the total is %+v", sum, r.Total.Window)
		}
	})
}

func (l *life) count(into map[string]map[string]int64, key string, second int64) {
	m := l.at(second)
	usual := map[cluster.State]string{cluster.Preparing: "prepare", cluster.Active: "window"}[m.state]
	for _, n := range m.nodes {
		column := usual
		switch {
		case usual == "" || n.Leaving:
			continue
		case n.Joining:
			column = "prepare"
		}
		if into[key] == nil {
			into[key] = map[string]int64{
				"prepare cpus": 0, "prepare memory": 0, "prepare addresses": 0, "window cpus": 0, "window memory": 0, "window addresses": 0,
			}
		}
		into[key][column+" cpus"] += int64(n.CPUs)
		into[key][column+" memory"] += int64(n.MemoryMiB)
		if n.Leg(cluster.OutsideNetwork).Address != "" {
			into[key][column+" addresses"]++
		}
	}
}

// Days add up to what they are together.
func TestDaysAddUp(t *testing.T) {
	h := cluster.Holding{Since: t0, Window: cluster.Amount{Vnodes: 1, CPUs: 3, MemoryMiB: 640, Addresses: 1}}
	book := Open(t0, t0.Add(49*time.Hour), By{Day: true})
	if err := book.Add(Entry{"chem", "1", "farm", h}); err != nil {
		t.Fatal(err)
	}
	r, err := book.Report()
	if err != nil {
		t.Fatal(err)
	}
	var days []string
	for _, row := range r.Rows {
		days = append(days, fmt.Sprintf("%s %d", row.Day, row.Window.AddressSeconds))
	}
	if want := "2026-02-27 60, 2026-02-28 86400, 2026-03-01 86400, 2026-03-02 3540"; strings.Join(days, ", ") != want {
		t.Errorf("got %v, want %s", days, want)
	}
	if u := r.Total.Window; u.AddressSeconds != 49*3600 || u.VCPUSeconds != 3*49*3600 || u.GiBSeconds != 0.625*49*3600 {
		t.Errorf("total %+v", u)
	}
}

// What lives at random passes the audit; one entry that is changed does not.
func TestAudit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := live(t, 1)
		if wrong := Audit(l.c, l.log); len(wrong) > 0 {
			t.Fatalf("%v in %+v", wrong, l.log)
		}
		if len(l.log) == 0 {
			return
		}
		broken := slices.Clone(l.log)
		i := rapid.IntRange(0, len(broken)-1).Draw(t, "broken")
		if i < len(broken)-1 && l.c.ActiveAt == nil {
			return // how long it was prepared is said by its events only
		}
		switch h := &broken[i]; {
		case i == len(broken)-1 && rapid.Bool().Draw(t, "lost"):
			broken = broken[:i]
		case h.Window != (cluster.Amount{}) && i == len(broken)-1:
			h.Window.CPUs++
		case h.Prepare != (cluster.Amount{}) && i == len(broken)-1:
			h.Prepare.MemoryMiB++
		case i > 0 && h.Window != (cluster.Amount{}) && broken[i-1].Window == (cluster.Amount{}):
			h.Since = h.Since.Add(-2 * time.Second)
		default:
			return
		}
		if wrong := Audit(l.c, broken); len(wrong) == 0 {
			t.Fatalf("nothing is wrong with %+v of %+v", broken, l.c)
		}
	})
}
