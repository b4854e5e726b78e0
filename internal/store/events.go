package store

import "quarry/internal/cluster"

// AppendEvent records an event of a cluster and returns its Seq, which grows
// over the whole site in the order of the commits.
func (t *Tx) AppendEvent(tenant, clusterID string, e cluster.Event) (int64, error) {
	res, err := t.sql.ExecContext(t.ctx, `INSERT INTO events (at, tenant, cluster_id, cluster, node, type, message)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, ms(e.Time), tenant, clusterID, e.Cluster, e.Node, e.Type, e.Message)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// EventFilter says which events; zero fields do not restrict.
type EventFilter struct {
	ClusterID string
	Tenant    string
	After     int64 // only those with a greater Seq
	Limit     int
}

// Events returns events in the order of their Seq.
func (t *Tx) Events(f EventFilter) ([]cluster.Event, error) {
	query, args := "SELECT seq, at, cluster, node, type, message FROM events WHERE seq > ?", []any{f.After}
	if f.ClusterID != "" {
		query, args = query+" AND cluster_id = ?", append(args, f.ClusterID)
	}
	if f.Tenant != "" {
		query, args = query+" AND tenant = ?", append(args, f.Tenant)
	}
	query += " ORDER BY seq"
	if f.Limit > 0 {
		query, args = query+" LIMIT ?", append(args, f.Limit)
	}
	return list(t, func(r scanner) (e cluster.Event, err error) {
		var at int64
		err = r.Scan(&e.Seq, &at, &e.Cluster, &e.Node, &e.Type, &e.Message)
		e.Time = fromMS(at)
		return e, err
	}, query, args...)
}
