package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"quarry/internal/fault"
)

func TestOpenIsIdempotentAndPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quarry.db")
	s := openAt(t, path)
	tenants(t, s, "demo")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(*Tx) error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("update after close: %v", err)
	}
	s = openAt(t, path)
	view(t, s, func(tx *Tx) error {
		_, err := tx.Tenant("demo")
		return err
	})
	for _, suffix := range []string{"", "-wal", "-shm"} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", st.Name(), st.Mode())
		}
	}
}

func TestPragmas(t *testing.T) {
	s := open(t)
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000"}
	for name, v := range want {
		var got string
		if err := s.write.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != v {
			t.Errorf("%s = %s, want %s", name, got, v)
		}
	}
	view(t, s, func(tx *Tx) error {
		if err := tx.InsertTenant(Tenant{Name: "x", CreatedAt: t0}); err == nil {
			t.Error("a view could write")
		}
		return nil
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "quarry.db")
	s := openAt(t, path)
	update(t, s, func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
		return err
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), path); err == nil {
		t.Error("opened a schema from the future", s.Close())
	}
}

func TestUpdateIsAllOrNothing(t *testing.T) {
	s := open(t)
	boom := errors.New("boom")
	if err := s.Update(t.Context(), func(tx *Tx) error {
		return errors.Join(tx.InsertTenant(Tenant{Name: "a", CreatedAt: t0}), boom)
	}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	func() {
		defer func() { same(t, recover(), "ouch") }()
		_ = s.Update(t.Context(), func(tx *Tx) error {
			_ = tx.InsertTenant(Tenant{Name: "b", CreatedAt: t0})
			panic("ouch")
		})
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Update(ctx, func(tx *Tx) error {
		return tx.InsertTenant(Tenant{Name: "c", CreatedAt: t0})
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	view(t, s, func(tx *Tx) error {
		all, err := tx.Tenants()
		same(t, len(all), 0)
		return err
	})
}

// Updates that share a commit must not share a fate.
func TestUpdatesTogether(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			err := s.Update(t.Context(), func(tx *Tx) error {
				if err := tx.InsertTenant(Tenant{Name: fmt.Sprintf("t%03d", i), CreatedAt: t0}); err != nil {
					return err
				}
				if i%3 == 0 {
					return fault.New(fault.Refused, "no")
				}
				return nil
			})
			if (err != nil) != (i%3 == 0) {
				t.Errorf("update %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	view(t, s, func(tx *Tx) error {
		all, err := tx.Tenants()
		same(t, len(all), 133)
		return err
	})
}

func TestChanged(t *testing.T) {
	s := open(t)
	c := s.Changed()
	if err := s.Update(t.Context(), func(*Tx) error { return errors.New("no") }); err == nil {
		t.Fatal("no error")
	}
	select {
	case <-c:
		t.Fatal("a failed update is a change")
	default:
	}
	tenants(t, s, "a")
	select {
	case <-c:
	default:
		t.Fatal("no change was told")
	}
}
