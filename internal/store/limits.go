package store

import (
	"encoding/json"
	"fmt"
	"time"

	"quarry/internal/fault"
	"quarry/internal/quota"
)

// PutLimits sets what a tenant may hold, or with "" the site's defaults.
func (t *Tx) PutLimits(tenant string, l quota.Limits) error {
	doc, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode the limits of %q: %w", tenant, err)
	}
	_, err = t.exec("INSERT INTO limits (tenant, doc) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET doc = excluded.doc",
		tenant, string(doc))
	return err
}

// Limits returns what was set for a tenant, or with "" the site's defaults;
// nothing set is no error.
func (t *Tx) Limits(tenant string) (quota.Limits, error) {
	l, err := one(t, "limits of", tenant, scanLimits, "SELECT doc FROM limits WHERE tenant = ?", tenant)
	if fault.KindOf(err) == fault.NotFound {
		return quota.Limits{}, nil
	}
	return l, err
}

// AllLimits returns what was set, by tenant, the site's defaults under "".
func (t *Tx) AllLimits() (map[string]quota.Limits, error) {
	type row struct{ tenant, doc string }
	rows, err := list(t, func(r scanner) (v row, err error) {
		err = r.Scan(&v.tenant, &v.doc)
		return v, err
	}, "SELECT tenant, doc FROM limits")
	all := map[string]quota.Limits{}
	for _, v := range rows {
		var l quota.Limits
		if err := json.Unmarshal([]byte(v.doc), &l); err != nil {
			return nil, fmt.Errorf("decode the limits of %q: %w", v.tenant, err)
		}
		all[v.tenant] = l
	}
	return all, err
}

func scanLimits(r scanner) (l quota.Limits, err error) {
	var doc string
	if err = r.Scan(&doc); err != nil {
		return l, err
	}
	if err = json.Unmarshal([]byte(doc), &l); err != nil {
		return l, fmt.Errorf("decode limits: %w", err)
	}
	return l, nil
}

// PastClaims returns what a tenant's clusters that are over count of node-hours:
// those whose window ended after since.
func (t *Tx) PastClaims(tenant string, since time.Time) ([]quota.Claim, error) {
	return list(t, func(r scanner) (c quota.Claim, err error) {
		var start, end int64
		err = r.Scan(&c.ID, &c.Name, &start, &end, &c.BestEffort, &c.Nodes)
		c.Start, c.End = fromMS(start), fromMS(end)
		return c, err
	}, `SELECT id, name, start_at, end_at, coalesce(json_extract(doc, '$.spec.bestEffort'), 0),
			(SELECT count(*) FROM vnodes WHERE cluster_id = clusters.id)
		FROM clusters WHERE tenant = ? AND live = 0 AND end_at > ? AND end_at > start_at ORDER BY end_at, id`, tenant, ms(since))
}
