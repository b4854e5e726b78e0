package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"quarry/internal/cluster"
	"quarry/internal/fault"
)

// Live reports whether a cluster still holds its name and its resources: it
// does until the manager noted that it is over, EndedAt, whatever its state.
func Live(c cluster.Cluster) bool { return c.EndedAt == nil }

// InsertCluster adds a cluster with version 1. A live cluster of the same
// name and tenant is a fault.Conflict.
func (t *Tx) InsertCluster(c cluster.Cluster) error {
	c.Version = 1
	doc, err := clusterDoc(c)
	if err != nil {
		return err
	}
	_, err = t.exec(`INSERT INTO clusters (id, tenant, name, state, live, version, created_at,
			start_at, end_at, prepare_at, vlan, outside_address, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		c.ID, c.Tenant, c.Name, c.State, Live(c), c.Version, ms(c.CreatedAt),
		ms(c.Start), ms(c.End), ms(c.PrepareAt), c.VLAN, c.Gateway.OutsideAddress, doc)
	if err != nil {
		return taken(err, "cluster", c.Name)
	}
	return t.putNodes(c)
}

// PutCluster replaces a cluster if its version is still expected, and returns
// the new version; another version is a fault.Conflict. ID, tenant and name
// never change.
func (t *Tx) PutCluster(c cluster.Cluster, expected int64) (int64, error) {
	c.Version = expected + 1
	doc, err := clusterDoc(c)
	if err != nil {
		return 0, err
	}
	n, err := t.exec(`UPDATE clusters SET state = ?, live = ?, version = ?, start_at = ?, end_at = ?,
			prepare_at = ?, vlan = ?, outside_address = ?, doc = ?
		WHERE id = ? AND version = ? AND tenant = ? AND name = ?`,
		c.State, Live(c), c.Version, ms(c.Start), ms(c.End),
		ms(c.PrepareAt), c.VLAN, c.Gateway.OutsideAddress, doc, c.ID, expected, c.Tenant, c.Name)
	if err != nil {
		return 0, taken(err, "cluster", c.Name)
	}
	if n == 0 {
		return 0, t.whyNotPut(c, expected)
	}
	if _, err := t.exec("DELETE FROM vnodes WHERE cluster_id = ?", c.ID); err != nil {
		return 0, err
	}
	return c.Version, t.putNodes(c)
}

func (t *Tx) whyNotPut(c cluster.Cluster, expected int64) error {
	now, err := t.ClusterByID(c.ID)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "the cluster changed", fault.Detail{Field: "version", Message: fmt.Sprintf(
		"cluster %q has version %d and not %d: read it again and repeat the change", c.Name, now.Version, expected)})
}

// clusterDoc encodes all of a cluster but its nodes, with times in UTC.
func clusterDoc(c cluster.Cluster) (string, error) {
	c.Nodes = nil
	c.CreatedAt, c.Start, c.End, c.PrepareAt = c.CreatedAt.UTC(), c.Start.UTC(), c.End.UTC(), c.PrepareAt.UTC()
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode cluster %s: %w", c.ID, err)
	}
	return string(raw), nil
}

func (t *Tx) putNodes(c cluster.Cluster) error {
	for i, n := range c.Nodes {
		raw, err := json.Marshal(n)
		if err != nil {
			return fmt.Errorf("encode vnode %s of cluster %s: %w", n.Name, c.ID, err)
		}
		_, err = t.exec(`INSERT INTO vnodes (cluster_id, idx, name, appliance, pnode, state, cpus, memory_mib, disk_mib, doc)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.ID, i, n.Name, n.Appliance, n.Pnode, n.State, n.CPUs, n.MemoryMiB, n.DiskMiB, string(raw))
		if err != nil {
			return taken(err, "vnode", n.Name)
		}
	}
	return nil
}

// Cluster returns a tenant's live cluster of that name or, failing that, the
// newest one that had it, or a fault.NotFound.
func (t *Tx) Cluster(tenant, name string) (cluster.Cluster, error) {
	return t.oneCluster(name, `id = (SELECT id FROM clusters WHERE tenant = ? AND name = ?
		ORDER BY live DESC, created_at DESC, rowid DESC LIMIT 1)`, tenant, name)
}

// ClusterByID returns one cluster or a fault.NotFound.
func (t *Tx) ClusterByID(id string) (cluster.Cluster, error) {
	return t.oneCluster(id, "id = ?", id)
}

func (t *Tx) oneCluster(id, where string, args ...any) (cluster.Cluster, error) {
	all, err := t.clusters(where, args...)
	if err != nil {
		return cluster.Cluster{}, err
	}
	if len(all) == 0 {
		return cluster.Cluster{}, notFound("cluster", id)
	}
	return all[0], nil
}

// ClusterFilter says which clusters; zero fields do not restrict.
type ClusterFilter struct {
	Tenant string
	States []cluster.State
	Live   bool   // only those that hold resources
	Pnode  string // only those with a vnode there
	// From and To leave only those that may hold something in [From, To).
	From, To time.Time
}

// Clusters returns clusters, the oldest first.
func (t *Tx) Clusters(f ClusterFilter) ([]cluster.Cluster, error) {
	where, args := []string{"1 = 1"}, []any(nil)
	if f.Tenant != "" {
		where, args = append(where, "tenant = ?"), append(args, f.Tenant)
	}
	if len(f.States) > 0 {
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(f.States)), ", ")
		where = append(where, "state IN ("+marks+")")
		for _, s := range f.States {
			args = append(args, s)
		}
	}
	if f.Live {
		where = append(where, "live = 1")
	}
	if f.Pnode != "" {
		where, args = append(where, "id IN (SELECT cluster_id FROM vnodes WHERE pnode = ?)"), append(args, f.Pnode)
	}
	if !f.To.IsZero() {
		where, args = append(where, "(live = 1 OR end_at > ?) AND prepare_at < ?"), append(args, ms(f.From), ms(f.To))
	}
	return t.clusters(strings.Join(where, " AND "), args...)
}

func (t *Tx) clusters(where string, args ...any) ([]cluster.Cluster, error) {
	all, err := list(t, scanCluster, "SELECT id, version, doc FROM clusters WHERE "+where+" ORDER BY created_at, rowid", args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	byID := make(map[string]*cluster.Cluster, len(all))
	for i := range all {
		byID[all[i].ID] = &all[i]
	}
	type row struct {
		id   string
		node cluster.Node
	}
	nodes, err := list(t, func(r scanner) (v row, err error) {
		var doc string
		if err = r.Scan(&v.id, &doc); err != nil {
			return v, err
		}
		return v, json.Unmarshal([]byte(doc), &v.node)
	}, "SELECT cluster_id, doc FROM vnodes WHERE cluster_id IN (SELECT id FROM clusters WHERE "+where+") ORDER BY cluster_id, idx", args...)
	if err != nil {
		return nil, fmt.Errorf("read vnodes: %w", err)
	}
	for _, n := range nodes {
		c := byID[n.id]
		c.Nodes = append(c.Nodes, n.node)
	}
	return all, nil
}

func scanCluster(r scanner) (c cluster.Cluster, err error) {
	var id, doc string
	var version int64
	if err = r.Scan(&id, &version, &doc); err != nil {
		return c, err
	}
	if err = json.Unmarshal([]byte(doc), &c); err != nil {
		return c, fmt.Errorf("decode cluster %s: %w", id, err)
	}
	c.Version = version
	return c, nil
}

// PutClusterSecrets keeps a cluster's secrets (keys, roll secrets) as JSON.
func (t *Tx) PutClusterSecrets(id string, doc []byte) error {
	_, err := t.exec(`INSERT INTO cluster_secrets (cluster_id, doc) VALUES (?, ?)
		ON CONFLICT (cluster_id) DO UPDATE SET doc = excluded.doc`, id, doc)
	return taken(err, "secrets of cluster", id)
}

// ClusterSecrets returns what was kept, or a fault.NotFound.
func (t *Tx) ClusterSecrets(id string) ([]byte, error) {
	var doc []byte
	err := t.sql.QueryRowContext(t.ctx, "SELECT doc FROM cluster_secrets WHERE cluster_id = ?", id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("secrets of cluster", id)
	}
	return doc, err
}

// DeleteClusterSecrets forgets a cluster's secrets; none is no error.
func (t *Tx) DeleteClusterSecrets(id string) error {
	_, err := t.exec("DELETE FROM cluster_secrets WHERE cluster_id = ?", id)
	return err
}
