// Package bench measures parts of Quarry on the machine it runs on, with the
// code that the manager runs.
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/ledger"
	"quarry/internal/store"
)

// Calendar says what to measure of the calendar.
type Calendar struct {
	Pnodes  int
	Clients int // that book at the same time
	// Durable commits every admission to a store on the disk under Dir.
	Durable bool
	Dir     string
	// Admissions and Questions are how many are measured of each.
	Admissions int
	Questions  int
}

// CalendarResult is what was measured with so many bookings held.
type CalendarResult struct {
	Held           int     `json:"held"`
	AdmitPerSecond float64 `json:"admitPerSecond"`
	AdmitP99       float64 `json:"admitP99ms"`
	EarliestP99    float64 `json:"earliestP99ms"`
	RefuseP99      float64 `json:"refuseP99ms"`
	RSS            float64 `json:"rssMB"`
	// OpenSeconds is how long reading it all from the store took.
	OpenSeconds float64 `json:"openSeconds"`
}

const (
	bigNodes     = 1000
	bigLength    = 10 * time.Hour
	horizon      = 60 * 24 * time.Hour
	alternatives = 3
)

// desk is a calendar under measurement: with a store, or in memory only.
type desk struct {
	store  *store.Store // nil in memory
	ledger *ledger.Ledger
	now    time.Time
}

// Run measures with held bookings held.
func (b Calendar) Run(ctx context.Context, held int) (r CalendarResult, err error) {
	r.Held = held
	dir, err := os.MkdirTemp(b.Dir, "quarry-bench-")
	if err != nil {
		return r, fmt.Errorf("make a folder for the store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &desk{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	if d.store, err = store.Open(ctx, filepath.Join(dir, "store.db")); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, d.store.Close()) }()
	if err := d.open(ctx, b.Pnodes); err != nil {
		return r, err
	}
	if err := d.fill(ctx, b.workload("held", 1, held, d.now), held); err != nil {
		return r, err
	}
	began := time.Now()
	if err := d.open(ctx, b.Pnodes); err != nil {
		return r, err
	}
	r.OpenSeconds = time.Since(began).Seconds()
	if err := b.admit(ctx, d, &r); err != nil {
		return r, err
	}
	if r.EarliestP99, err = b.earliest(d, held); err != nil {
		return r, err
	}
	if r.RefuseP99, err = b.refuse(d, held); err != nil {
		return r, err
	}
	r.RSS, err = residentMB()
	return r, err
}

// open reads the calendar from the store, as a manager does at its start.
func (d *desk) open(ctx context.Context, pnodes int) error {
	d.ledger = nil
	debug.FreeOSMemory()
	return d.store.Update(ctx, func(tx *store.Tx) (err error) {
		d.ledger, err = ledger.Open(tx, site(pnodes), d.now)
		return err
	})
}

// fill books until so many are held.
func (d *desk) fill(ctx context.Context, w *workload, held int) error {
	for n := 0; n < held; {
		err := d.store.Update(ctx, func(tx *store.Tx) error {
			for range 100 {
				_, err := d.ledger.Book(tx, d.now, w.booking())
				if _, refused := errors.AsType[*calendar.Refusal](err); refused {
					continue
				}
				if err != nil {
					return err
				}
				if n++; n == held {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// admit books with all clients at once, each waiting until its booking is
// durable, and cancels what it booked afterwards.
func (b Calendar) admit(ctx context.Context, d *desk, r *CalendarResult) error {
	var left atomic.Int64
	left.Store(int64(b.Admissions))
	times := make([][]time.Duration, b.Clients)
	booked := make([][]string, b.Clients)
	failed := make([]error, b.Clients)
	var work sync.WaitGroup
	began := time.Now()
	for i := range b.Clients {
		work.Go(func() {
			w := b.workload(fmt.Sprintf("new%d", i), uint64(100+i), r.Held, d.now)
			for left.Add(-1) >= 0 && failed[i] == nil {
				took, id, err := b.one(ctx, d, w)
				times[i], booked[i], failed[i] = append(times[i], took), append(booked[i], id), err
			}
		})
	}
	work.Wait()
	elapsed := time.Since(began)
	if err := errors.Join(failed...); err != nil {
		return err
	}
	r.AdmitPerSecond = float64(b.Admissions) / elapsed.Seconds()
	r.AdmitP99 = p99(slices.Concat(times...))
	return d.cancel(ctx, slices.Concat(booked...))
}

// one books until something is admitted, and says how long that took.
func (b Calendar) one(ctx context.Context, d *desk, w *workload) (time.Duration, string, error) {
	for {
		req := w.booking()
		began := time.Now()
		err := d.book(ctx, b.Durable, req)
		if _, refused := errors.AsType[*calendar.Refusal](err); refused {
			continue
		}
		return time.Since(began), req.ID, err
	}
}

func (d *desk) book(ctx context.Context, durable bool, req calendar.Request) error {
	if durable {
		return d.store.Update(ctx, func(tx *store.Tx) error {
			_, err := d.ledger.Book(tx, d.now, req)
			return err
		})
	}
	return d.ledger.Try(func(c *calendar.Calendar) error {
		_, err := c.Book(req)
		return err
	})
}

func (d *desk) cancel(ctx context.Context, ids []string) error {
	return d.store.Update(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			if err := d.ledger.Remove(tx, d.now, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func p99(times []time.Duration) float64 {
	slices.Sort(times)
	return times[(len(times)-1)*99/100].Seconds() * 1000
}

// residentMB is the memory of this process, as the kernel counts it.
func residentMB() (float64, error) {
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) / 1000, err
		}
	}
	return 0, errors.New("the kernel does not tell VmRSS")
}
