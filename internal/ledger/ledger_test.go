package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/fault"
	"quarry/internal/store"
)

var (
	now  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	site = calendar.Site{Pnodes: []calendar.Pnode{
		{Name: "p1", Capacity: calendar.Size{CPUs: 4, MemoryMiB: 4096, DiskMiB: 40960}},
		{Name: "p2", Capacity: calendar.Size{CPUs: 4, MemoryMiB: 4096, DiskMiB: 40960}},
	}}
)

func request(id string, count int) calendar.Request {
	return calendar.Request{
		ID: id, Name: id, Tenant: "demo", Start: now.Add(time.Hour), End: now.Add(2 * time.Hour),
		Groups: []calendar.Group{{Appliance: "compute", Count: count, Size: calendar.Size{CPUs: 1, MemoryMiB: 1024, DiskMiB: 4096}}},
	}
}

func open(t *testing.T) (*store.Store, *Ledger) {
	t.Helper()
	st, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st, reopen(t, st, now)
}

func reopen(t *testing.T, st *store.Store, at time.Time) (l *Ledger) {
	t.Helper()
	err := st.Update(t.Context(), func(tx *store.Tx) (err error) {
		l, err = Open(tx, site, at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func all(l *Ledger) (list []calendar.Booking) {
	l.Ask(func(c *calendar.Calendar) { list = c.Bookings() })
	return list
}

// Whatever was acknowledged is there after a restart, and nothing else.
func TestReadBack(t *testing.T) {
	st, l := open(t)
	do := func(want fault.Kind, f func(*store.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), f); fault.KindOf(err) != want || want == "" && err != nil {
			t.Fatalf("%v, want %q", err, want)
		}
		if again := reopen(t, st, now); !reflect.DeepEqual(all(again), all(l)) {
			t.Fatalf("read back %+v, was %+v", all(again), all(l))
		}
	}
	book := func(id string, count int) func(*store.Tx) error {
		return func(tx *store.Tx) error {
			_, err := l.Book(tx, now, request(id, count))
			return err
		}
	}
	do("", book("a", 3))
	do("", book("b", 5))
	do(fault.Conflict, book("b", 1))
	var refusal *calendar.Refusal
	if err := st.Update(t.Context(), book("c", 1)); !errors.As(err, &refusal) {
		t.Fatalf("over capacity: %v", err)
	}
	do("", func(tx *store.Tx) error {
		return l.Change(tx, now, "a", func(c *calendar.Calendar) error {
			_, err := c.Shrink("a", "compute-1")
			return err
		})
	})
	do("", book("c", 1))
	do("", func(tx *store.Tx) error { return l.Remove(tx, now, "b") })
	do("", func(tx *store.Tx) error { return l.Remove(tx, now, "b") })
	if got := all(l); len(got) != 2 || len(got[0].Vnodes) != 2 {
		t.Fatalf("%+v", got)
	}
}

// A transaction that fails after the calendar decided changes nothing, in
// whatever company it was committed.
func TestFailedTransactionIsUndone(t *testing.T) {
	st, l := open(t)
	if err := st.Update(t.Context(), func(tx *store.Tx) error {
		_, err := l.Book(tx, now, request("first", 2))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	var work sync.WaitGroup
	for i := range 40 {
		work.Go(func() {
			id := fmt.Sprint("c", i)
			err := st.Update(t.Context(), func(tx *store.Tx) error {
				if _, err := l.Book(tx, now, request(id, 1)); err != nil {
					return err
				}
				if err := l.Change(tx, now, "first", func(c *calendar.Calendar) error {
					_, err := c.Extend("first", now.Add(3*time.Hour))
					return err
				}); err != nil {
					return err
				}
				return broken
			})
			if !errors.Is(err, broken) {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	work.Wait()
	if got := all(l); len(got) != 1 || !got[0].Request.End.Equal(now.Add(2*time.Hour)) {
		t.Fatalf("%+v", got)
	}
	if again := reopen(t, st, now); !reflect.DeepEqual(all(again), all(l)) {
		t.Fatalf("read back %+v, was %+v", all(again), all(l))
	}
}

func TestExpiredHoldsAreForgotten(t *testing.T) {
	st, l := open(t)
	if err := st.Update(t.Context(), func(tx *store.Tx) error {
		return l.Change(tx, now, "held", func(c *calendar.Calendar) error {
			_, err := c.Hold(request("held", 8), now, now.Add(time.Minute))
			return err
		})
	}); err != nil {
		t.Fatal(err)
	}
	if got := all(reopen(t, st, now.Add(59*time.Second))); len(got) != 1 || got[0].Expires.IsZero() {
		t.Fatalf("%+v", got)
	}
	if err := st.Update(t.Context(), func(tx *store.Tx) error {
		_, err := l.Book(tx, now.Add(time.Minute), request("next", 8))
		return err
	}); err != nil {
		t.Fatalf("an expired hold stands in the way: %v", err)
	}
	if got := all(reopen(t, st, now)); len(got) != 1 || got[0].Request.ID != "next" {
		t.Fatalf("%+v", got)
	}
}
