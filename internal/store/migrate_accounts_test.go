package store

import (
	"path/filepath"
	"testing"
	"time"

	"quarry/internal/accounting"
	"quarry/internal/cluster"
)

// Events of older releases get to say what their clusters held.
func TestMigrateAccounts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := openDB(path, "immediate", 1)
	if err != nil {
		t.Fatal(err)
	}
	p, err := provider(db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"INSERT INTO tenants VALUES ('chem', 0)",
		"INSERT INTO clusters VALUES ('c1', 'chem', 'farm', 'ended', 0, 1, 0, 20000, 90500, 10000, 100, '203.0.113.1', '{}')",
		"INSERT INTO vnodes VALUES ('c1', 0, 'gateway', 'gateway', 'gw1', 'gone', 1, 640, 1, '{}'), ('c1', 1, 'compute-0', 'compute', 'p1', 'gone', 2, 1024, 1, '{}')",
		`INSERT INTO events (at, tenant, cluster_id, cluster, node, type, message) VALUES (5000, 'chem', 'c1', 'farm', '', 'booked', ''),
			(10250, 'chem', 'c1', 'farm', '', 'preparing', ''), (20000, 'chem', 'c1', 'farm', '', 'active', ''),
			(99000, 'chem', 'c1', 'farm', '', 'ending', ''), (99900, 'chem', 'c1', 'farm', '', 'ended', '')`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	view(t, openAt(t, path), func(tx *Tx) error {
		var got []accounting.Entry
		err := tx.EachHolding("", time.UnixMilli(0), time.UnixMilli(200_000), func(e accounting.Entry) error {
			got = append(got, e)
			return nil
		})
		if err != nil {
			return err
		}
		all := cluster.Amount{Vnodes: 2, CPUs: 3, MemoryMiB: 1664, Addresses: 1}
		want := []cluster.Holding{
			{Since: time.UnixMilli(10_250).UTC(), Prepare: all}, {Since: time.UnixMilli(20_000).UTC(), Window: all}, {Since: time.UnixMilli(90_500).UTC()},
		}
		for i := range want {
			same(t, got[i], accounting.Entry{Tenant: "chem", ClusterID: "c1", Cluster: "farm", Holding: want[i]})
		}
		last, err := tx.LastHolding("c1")
		same(t, last, want[2])
		if len(got) != 3 {
			t.Errorf("%d events say what is held, want 3", len(got))
		}
		return err
	})
}
