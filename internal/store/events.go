package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"quarry/internal/accounting"
	"quarry/internal/cluster"
)

// AppendEvent records an event of a cluster and returns its Seq, which grows
// over the whole site in the order of the commits.
func (t *Tx) AppendEvent(tenant, clusterID string, e cluster.Event) (int64, error) {
	held, err := encodeHolding(e.Holds)
	if err != nil {
		return 0, err
	}
	detail, err := encodeDetail(e.Detail)
	if err != nil {
		return 0, err
	}
	res, err := t.sql.ExecContext(t.ctx, `INSERT INTO events (at, tenant, cluster_id, cluster, node, type, message, holds, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, ms(e.Time), tenant, clusterID, e.Cluster, e.Node, e.Type, e.Message, held, detail)
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
	query, args := "SELECT seq, at, cluster, node, type, message, holds, detail FROM events WHERE seq > ?", []any{f.After}
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
		var held, detail string
		if err = r.Scan(&e.Seq, &at, &e.Cluster, &e.Node, &e.Type, &e.Message, &held, &detail); err != nil {
			return e, err
		}
		e.Time = fromMS(at)
		if e.Holds, err = decodeHolding(held); err != nil || detail == "" {
			return e, err
		}
		e.Detail = &cluster.EventDetail{}
		if err := json.Unmarshal([]byte(detail), e.Detail); err != nil {
			return e, fmt.Errorf("decode the detail of event %d: %w", e.Seq, err)
		}
		return e, nil
	}, query, args...)
}

func encodeHolding(h *cluster.Holding) (string, error) {
	if h == nil {
		return "", nil
	}
	raw, err := json.Marshal(h)
	if err != nil {
		return "", fmt.Errorf("encode what is held: %w", err)
	}
	return string(raw), nil
}

func encodeDetail(d *cluster.EventDetail) (string, error) {
	if d == nil {
		return "", nil
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("encode the detail of an event: %w", err)
	}
	return string(raw), nil
}

func decodeHolding(doc string) (*cluster.Holding, error) {
	if doc == "" {
		return nil, nil
	}
	var h cluster.Holding
	if err := json.Unmarshal([]byte(doc), &h); err != nil {
		return nil, fmt.Errorf("decode what is held: %w", err)
	}
	return &h, nil
}

// LastHolding returns what the newest event says that a cluster holds, nothing
// where none says so.
func (t *Tx) LastHolding(clusterID string) (cluster.Holding, error) {
	var doc string
	err := t.sql.QueryRowContext(t.ctx, "SELECT holds FROM events WHERE cluster_id = ? AND holds <> '' ORDER BY seq DESC LIMIT 1", clusterID).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return cluster.Holding{}, nil
	}
	if err != nil {
		return cluster.Holding{}, err
	}
	h, err := decodeHolding(doc)
	if err != nil {
		return cluster.Holding{}, err
	}
	return *h, nil
}

// EachHolding calls f for each event that tells what a cluster holds, cluster by
// cluster in the order of the events, of the clusters that may hold something
// in [from, to); with a tenant, of that tenant's.
func (t *Tx) EachHolding(tenant string, from, to time.Time, f func(accounting.Entry) error) (err error) {
	rows, err := t.sql.QueryContext(t.ctx, `SELECT e.tenant, e.cluster_id, e.cluster, e.holds FROM clusters c
		JOIN events e ON e.cluster_id = c.id AND e.holds <> ''
		WHERE (c.live = 1 OR c.end_at > ?) AND c.prepare_at < ? AND (? = '' OR c.tenant = ?)
		ORDER BY e.cluster_id, e.seq`, ms(from), ms(to), tenant, tenant)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e accounting.Entry
		var doc string
		if err := rows.Scan(&e.Tenant, &e.ClusterID, &e.Cluster, &doc); err != nil {
			return err
		}
		h, err := decodeHolding(doc)
		if err != nil {
			return err
		}
		e.Holding = *h
		if err := f(e); err != nil {
			return err
		}
	}
	return rows.Err()
}
