package store

import (
	"path/filepath"
	"testing"

	"quarry/internal/estimate"
)

// A database of the first release, with rows, opens as one of this release.
func TestMigrateFromTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := openDB(path, "immediate", 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO pnodes VALUES ('p1', '{"cpus": 8}', 1, 1000, 2000, 'abc', 7)`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO preparations (profile, pnode, stage, seconds, at) VALUES ('sha256:1', '', 'build', 60, 1000), ('sha256:1', '', 'prepare', 40, 2000)`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	view(t, openAt(t, path), func(tx *Tx) error {
		got, err := tx.Pnode("p1")
		if err != nil || got.Facts.CPUs != 8 || !got.Drained || got.CertSerial != "abc" || got.CertNext != "" || got.Settings.Rack != "" || got.Version != 7 {
			t.Errorf("%+v, %v", got, err)
		}
		list, err := tx.Measurements()
		if err != nil || len(list) != 2 || list[0].Stage != estimate.Build || list[1].Stage != estimate.Up || list[1].Seconds != 40 {
			t.Errorf("measurements %+v, %v", list, err)
		}
		return nil
	})
}
