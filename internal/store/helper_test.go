package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "a folder?", "quarry#1.db"))
}

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func update(t *testing.T, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s *Store, fn func(*Tx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if fault.KindOf(err) != kind {
		t.Errorf("got error %v, want one of kind %q", err, kind)
	}
}

func same(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("got (+) and want (-) differ:\n%s", d)
	}
}

func farm(id, tenant, name string, state cluster.State) cluster.Cluster {
	return cluster.Cluster{
		ID: id, Tenant: tenant, Name: name, State: state, Version: 1,
		Spec:      cluster.Spec{Name: name, Rolls: []string{"condor"}, Parameters: map[string]string{"condor.slots": "2"}},
		CreatedAt: t0, Start: t0.Add(10 * time.Minute), End: t0.Add(time.Hour), PrepareAt: t0.Add(5 * time.Minute),
		VLAN: 100, Gateway: cluster.GatewayInfo{OutsideAddress: "203.0.113.10"},
		Nodes: []cluster.Node{
			{
				Name: "gateway", Appliance: "gateway", Pnode: "gw1", State: cluster.NodePending, CPUs: 1, MemoryMiB: 640, DiskMiB: 4096,
				Addresses: []cluster.Address{{Network: "private", Address: "10.1.0.1", MAC: "52:54:00:00:00:01"}},
			},
			{Name: "compute-0", Appliance: "compute", Pnode: "p1", State: cluster.NodePending, CPUs: 1, MemoryMiB: 640, DiskMiB: 4096},
		},
	}
}

func tenants(t *testing.T, s *Store, names ...string) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		for _, n := range names {
			if err := tx.InsertTenant(Tenant{Name: n, CreatedAt: t0}); err != nil {
				return err
			}
		}
		return nil
	})
}
