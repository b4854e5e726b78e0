package image

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestFlightsShareOneRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights
		var runs atomic.Int32
		release := make(chan struct{})
		work := func(_ context.Context, progress Progress) error {
			runs.Add(1)
			progress("half", 50)
			<-release
			progress("half", 30) // never told: it would go back
			return errors.New("done")
		}
		var told atomic.Int32
		for range 3 {
			go func() {
				err := fs.do(t.Context(), "a", func(string, int) { told.Add(1) }, work)
				if err == nil || err.Error() != "done" {
					t.Errorf("got %v", err)
				}
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		if runs.Load() != 1 || told.Load() != 3 {
			t.Errorf("%d runs, %d told, want 1 and 3", runs.Load(), told.Load())
		}
	})
}

func TestFlightsStopWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fs flights
		var live, runs atomic.Int32
		work := func(ctx context.Context, _ Progress) error {
			if live.Add(1) > 1 {
				t.Error("two runs of one key overlap")
			}
			defer live.Add(-1)
			if runs.Add(1) > 1 {
				return nil
			}
			<-ctx.Done()
			time.Sleep(time.Second) // cleaning up takes its time
			return ctx.Err()
		}
		first, cancel := context.WithCancel(t.Context())
		second, cancel2 := context.WithCancel(t.Context())
		for _, ctx := range []context.Context{first, second} {
			go func() {
				if err := fs.do(ctx, "a", nil, work); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		if live.Load() != 1 {
			t.Error("the run stopped while somebody waited")
		}
		cancel2()
		synctest.Wait()
		// A newcomer gets a run of its own, after the old one is over.
		if err := fs.do(t.Context(), "a", nil, work); err != nil || runs.Load() != 2 {
			t.Errorf("got %v after %d runs", err, runs.Load())
		}
	})
}
