package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// amount is CPUs, MiB of memory and MiB of disk.
type amount [3]int64

var amounts = [3]string{"CPUs", "MiB of memory", "MiB of disk"}

type pnode struct {
	room        amount // what it gives away
	uplink      bool
	maintenance []window
}

// cluster is one that holds something: its row, and its vnodes'.
type cluster struct {
	tenant, name string
	prepare      int64 // Unix seconds, as all times
	start, end   int64
	vlan         string
	address      string
	asked        int // vnodes in its specification
	bestEffort   bool
	plights      []string // what it says of its pnodes, where they cannot keep it
	vnodes       []vnode
}

func (c cluster) String() string { return c.tenant + "/" + c.name }

type vnode struct {
	name, appliance, pnode string
	size                   amount
}

// booking is what the calendar wrote down for a cluster.
type booking struct {
	Request struct {
		Tenant string    `json:"tenant"`
		Name   string    `json:"name"`
		Start  time.Time `json:"start"`
		End    time.Time `json:"end"`
		Groups []struct {
			Count int `json:"count"`
			Size  struct {
				CPUs      int64 `json:"cpus"`
				MemoryMiB int64 `json:"memoryMiB"`
				DiskMiB   int64 `json:"diskMiB"`
			} `json:"size"`
		} `json:"groups"`
	} `json:"request"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Vnodes []struct {
		Name  string `json:"name"`
		Pnode string `json:"pnode"`
	} `json:"vnodes"`
	Units []struct {
		Pool string `json:"pool"`
		Unit string `json:"unit"`
	} `json:"units"`
	Expires time.Time `json:"expires"`
}

// backup is all that matters of one.
type backup struct {
	pnodes   map[string]pnode
	clusters map[string]cluster // by ID; those that hold something
	bookings map[string]booking // by ID
	past     map[string]cluster // by ID; those whose window is over
	site     ratios
	limits   map[string]limits // by tenant; the site's under ""
}

func readBackup(ctx context.Context, path string) (b *backup, err error) {
	if _, err := os.Stat(path); err != nil { // the driver would make it
		return nil, err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: "mode=ro&immutable=1"}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	b = &backup{
		pnodes: map[string]pnode{}, clusters: map[string]cluster{}, bookings: map[string]booking{},
		past: map[string]cluster{}, limits: map[string]limits{},
	}
	for _, read := range []func(context.Context, *sql.DB) error{b.readSite, b.readPnodes, b.readClusters, b.readVnodes, b.readBookings, b.readLimits} {
		if err := read(ctx, db); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return b, nil
}

// each calls row for every row of a query.
func each(ctx context.Context, db *sql.DB, query string, row func(*sql.Rows) error) (err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (b *backup) readClusters(ctx context.Context, db *sql.DB) error {
	const query = "SELECT id, tenant, name, live, prepare_at, start_at, end_at, CAST(vlan AS TEXT), outside_address, doc FROM clusters"
	return each(ctx, db, query, func(rows *sql.Rows) error {
		var c cluster
		var id, raw string
		var live bool
		if err := rows.Scan(&id, &c.tenant, &c.name, &live, &c.prepare, &c.start, &c.end, &c.vlan, &c.address, &raw); err != nil {
			return err
		}
		c.prepare, c.start, c.end = c.prepare/1000, c.start/1000, (c.end+999)/1000
		var doc struct {
			Spec struct {
				Nodes []struct {
					Count int `json:"count"`
				} `json:"nodes"`
				BestEffort bool `json:"bestEffort"`
			} `json:"spec"`
			Conditions []struct {
				Type    string `json:"type"`
				Status  string `json:"status"`
				Message string `json:"message"`
			} `json:"conditions"`
		}
		if err := json.Unmarshal([]byte(raw), &doc); err != nil {
			return fmt.Errorf("cluster %s: %w", c, err)
		}
		for _, g := range doc.Spec.Nodes {
			c.asked += g.Count
		}
		c.bestEffort = doc.Spec.BestEffort
		for _, s := range doc.Conditions {
			if s.Status == "False" && (s.Type == "OnTime" || s.Type == "Placed") {
				c.plights = append(c.plights, s.Message)
			}
		}
		if live {
			b.clusters[id] = c
		} else {
			b.past[id] = c
		}
		return nil
	})
}

func (b *backup) readVnodes(ctx context.Context, db *sql.DB) error {
	const query = "SELECT cluster_id, name, appliance, pnode, cpus, memory_mib, disk_mib FROM vnodes ORDER BY cluster_id, idx"
	return each(ctx, db, query, func(rows *sql.Rows) error {
		var id string
		var v vnode
		if err := rows.Scan(&id, &v.name, &v.appliance, &v.pnode, &v.size[0], &v.size[1], &v.size[2]); err != nil {
			return err
		}
		for _, list := range []map[string]cluster{b.clusters, b.past} {
			if c, is := list[id]; is {
				c.vnodes = append(c.vnodes, v)
				list[id] = c
			}
		}
		return nil
	})
}

func (b *backup) readBookings(ctx context.Context, db *sql.DB) error {
	return each(ctx, db, "SELECT id, doc FROM bookings", func(rows *sql.Rows) error {
		var id, raw string
		if err := rows.Scan(&id, &raw); err != nil {
			return err
		}
		var bk booking
		if err := json.Unmarshal([]byte(raw), &bk); err != nil {
			return fmt.Errorf("booking %s: %w", id, err)
		}
		b.bookings[id] = bk
		return nil
	})
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
