package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

func TestRolls(t *testing.T) {
	s := open(t)
	mk := func(tenant, name, version string) Roll {
		return Roll{Tenant: tenant, Name: name, Version: version, Digest: "d-" + tenant + name + version, Bytes: 3, CreatedAt: t0, TokenID: "t1"}
	}
	all := []Roll{mk("", "condor", "1"), mk("", "condor", "2"), mk("a", "mine", "1"), mk("b", "mine", "1")}
	update(t, s, func(tx *Tx) (err error) {
		for _, v := range all {
			err = errors.Join(err, tx.InsertRoll(v, []byte("abc")))
		}
		return err
	})
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.InsertRoll(all[2], []byte("x")) }), fault.Conflict)
	view(t, s, func(tx *Tx) error {
		for tenant, want := range map[string][]Roll{"": all[:2], "a": all[:3], "b": {all[0], all[1], all[3]}, "c": all[:2]} {
			got, err := tx.Rolls(tenant)
			same(t, got, want)
			if err != nil {
				return err
			}
		}
		got, err := tx.RollArchive("a", "mine", "1")
		same(t, string(got), "abc")
		_, missing := tx.RollArchive("c", "mine", "1")
		wantKind(t, missing, fault.NotFound)
		return err
	})
	gone := all[2]
	update(t, s, func(tx *Tx) error { return tx.DeleteRoll(gone, t0.Add(time.Hour)) })
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.DeleteRoll(gone, t0) }), fault.NotFound)
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.InsertRoll(gone, []byte("x")) }), fault.Conflict)
	view(t, s, func(tx *Tx) error {
		_, missing := tx.RollArchive("a", "mine", "1")
		wantKind(t, missing, fault.NotFound)
		n, bytes, err := tx.RollUsage("a")
		if n != 1 || bytes != 0 {
			t.Errorf("a keeps %d versions of %d bytes", n, bytes)
		}
		got, err2 := tx.Roll("a", "mine", "1")
		if got.DeletedAt == nil || got.Digest != gone.Digest {
			t.Errorf("deleted: %+v", got)
		}
		return errors.Join(err, err2)
	})
	other := gone
	other.Digest = "another"
	wantKind(t, s.Update(t.Context(), func(tx *Tx) error { return tx.ReviveRoll(other, nil) }), fault.NotFound)
	gone.Bytes = 4
	update(t, s, func(tx *Tx) error { return tx.ReviveRoll(gone, []byte("abcd")) })
	view(t, s, func(tx *Tx) error {
		got, err := tx.Roll("a", "mine", "1")
		same(t, got, gone)
		return err
	})
}

// A store of every earlier schema, with rows in it, becomes one of today's.
func TestMigrations(t *testing.T) {
	today := filepath.Join(t.TempDir(), "today.db")
	s := openAt(t, today)
	p, err := provider(s.write)
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range p.ListSources() {
		path := filepath.Join(t.TempDir(), "quarry.db")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := openDB(path, "immediate", 1)
		if err != nil {
			t.Fatal(err)
		}
		old, err := provider(db)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := old.UpTo(t.Context(), source.Version); err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "INSERT INTO tenants (name, created_at) VALUES ('a', 1)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		s := openAt(t, path)
		update(t, s, func(tx *Tx) error { return tx.InsertCluster(farm("c1", "a", "farm", cluster.Booked)) })
		view(t, s, func(tx *Tx) error {
			_, err := tx.Cluster("a", "farm")
			_, err2 := tx.Rolls("a")
			return errors.Join(err, err2)
		})
		if err := check(t.Context(), path); err != nil {
			t.Errorf("from schema %d: %v", source.Version, err)
		}
	}
}
