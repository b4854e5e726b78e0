// Package accounting adds up what clusters held, from their events alone: how
// many vCPU-seconds, GiB-seconds of memory and seconds of outside addresses,
// in exact integers, by tenant, cluster and UTC day. Pure.
//
// Instants are cut down to whole seconds, so that neighbouring spans add up to
// what they are together: the accounts of two days are those of both.
package accounting

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Entry is an event that tells what a cluster holds from then on.
type Entry struct {
	Tenant, ClusterID, Cluster string
	Holding                    cluster.Holding
}

// Used is how much was held for how long.
type Used struct {
	VCPUSeconds int64 `json:"vcpuSeconds"`
	// MiBSeconds is of memory, exact; GiBSeconds is the same divided by 1024.
	MiBSeconds     int64   `json:"mibSeconds"`
	GiBSeconds     float64 `json:"gibSeconds"`
	AddressSeconds int64   `json:"addressSeconds"` // of outside addresses
}

func (u *Used) add(a cluster.Amount, seconds int64) {
	u.VCPUSeconds += int64(a.CPUs) * seconds
	u.MiBSeconds += int64(a.MemoryMiB) * seconds
	u.AddressSeconds += int64(a.Addresses) * seconds
	u.GiBSeconds = float64(u.MiBSeconds) / 1024
}

func (u *Used) plus(o Used) {
	u.VCPUSeconds += o.VCPUSeconds
	u.MiBSeconds += o.MiBSeconds
	u.AddressSeconds += o.AddressSeconds
	u.GiBSeconds = float64(u.MiBSeconds) / 1024
}

// Account is the use of one tenant, cluster or day.
type Account struct {
	Day       string `json:"day,omitempty"` // UTC, as in 2026-01-31
	Tenant    string `json:"tenant,omitempty"`
	Cluster   string `json:"cluster,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
	// Window is what was held from the hand-over to the end, Prepare what was
	// held before it, from the beginning of the preparation on.
	Window  Used `json:"window"`
	Prepare Used `json:"prepare"`
}

// By says what has rows of its own, beside the tenants.
type By struct{ Cluster, Day bool }

// ParseBy reads "tenant", "cluster" and "day".
func ParseBy(words []string) (By, error) {
	var by By
	var l fault.List
	for _, w := range words {
		switch w {
		case "tenant":
		case "cluster":
			by.Cluster = true
		case "day":
			by.Day = true
		default:
			l.Add("by", fmt.Sprintf("%q is not known: write tenant, cluster or day", w))
		}
	}
	return by, l.Err(fault.Invalid, "the accounts cannot be shown")
}

// Accounts is the accounts of a window [From, To).
type Accounts struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Rows  []Account `json:"rows"`
	Total Account   `json:"total"`
}

// MaxRows is how many rows a report may have.
const MaxRows = 50_000

// Book adds entries up. Those of one cluster come one after the other, in the
// order in which they happened.
type Book struct {
	from, to int64
	by       By
	rows     map[Account]*Account // by what it is of
	last     Entry
}

// Open begins the accounts of [from, to), cut down to whole seconds. What has
// no end yet is held until to: it must not be in the future.
func Open(from, to time.Time, by By) *Book {
	return &Book{from: from.Unix(), to: to.Unix(), by: by, rows: map[Account]*Account{}}
}

// Add takes the next entry.
func (b *Book) Add(e Entry) error {
	until := b.to
	if e.ClusterID == b.last.ClusterID {
		until = e.Holding.Since.Unix()
	}
	err := b.close(until)
	b.last = e
	return err
}

// close counts what the last entry said, until an instant.
func (b *Book) close(until int64) error {
	from, to := max(b.last.Holding.Since.Unix(), b.from), min(until, b.to)
	h := b.last.Holding
	if h.Prepare == (cluster.Amount{}) && h.Window == (cluster.Amount{}) {
		return nil
	}
	for from < to {
		end := to
		if b.by.Day {
			end = min(to, from-from%day+day)
		}
		r, err := b.row(from)
		if err != nil {
			return err
		}
		r.Prepare.add(h.Prepare, end-from)
		r.Window.add(h.Window, end-from)
		from = end
	}
	return nil
}

// day is a UTC day in seconds; Unix time has no leap seconds.
const day = 24 * 3600

// row is where the use of the last entry's cluster at a second belongs.
func (b *Book) row(at int64) (*Account, error) {
	key := Account{Tenant: b.last.Tenant}
	if b.by.Cluster {
		key.Cluster, key.ClusterID = b.last.Cluster, b.last.ClusterID
	}
	if b.by.Day {
		key.Day = time.Unix(at, 0).UTC().Format(time.DateOnly)
	}
	r := b.rows[key]
	if r == nil {
		if len(b.rows) == MaxRows {
			return nil, fault.New(fault.Invalid, "the accounts cannot be shown", fault.Detail{Field: "from", Message: fmt.Sprintf(
				"there are more than %d rows: ask for less time, for one tenant, or not for each cluster or day", MaxRows)})
		}
		own := key
		r = &own
		b.rows[key] = r
	}
	return r, nil
}

// Accounts ends the accounts. Rows come by day, tenant and cluster.
func (b *Book) Report() (Accounts, error) {
	if err := b.close(b.to); err != nil {
		return Accounts{}, err
	}
	r := Accounts{From: time.Unix(b.from, 0).UTC(), To: time.Unix(b.to, 0).UTC(), Rows: []Account{}}
	for _, row := range slices.SortedFunc(maps.Values(b.rows), compareRows) {
		r.Rows = append(r.Rows, *row)
		r.Total.Window.plus(row.Window)
		r.Total.Prepare.plus(row.Prepare)
	}
	return r, nil
}

func compareRows(a, b *Account) int {
	return cmp.Or(strings.Compare(a.Day, b.Day), strings.Compare(a.Tenant, b.Tenant),
		strings.Compare(a.Cluster, b.Cluster), strings.Compare(a.ClusterID, b.ClusterID))
}
