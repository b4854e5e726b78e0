package store

import (
	"encoding/json"
	"slices"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
)

// PastBookings returns what clusters that are over held at any time of
// [from, to): of more than limit those that ended last.
func (t *Tx) PastBookings(from, to time.Time, limit int) ([]calendar.Booking, error) {
	all, err := list(t, scanPast, `SELECT id, tenant, name, prepare_at, start_at, end_at,
			max(end_at, coalesce(unixepoch(json_extract(doc, '$.endedAt')), 0) * 1000)
		FROM clusters WHERE live = 0 AND end_at > prepare_at AND prepare_at < ?
			AND max(end_at, coalesce(unixepoch(json_extract(doc, '$.endedAt')), 0) * 1000) > ?
		ORDER BY end_at DESC, id LIMIT ?`, ms(to), ms(from), limit)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if err := t.pastVnodes(&all[i]); err != nil {
			return nil, err
		}
	}
	slices.Reverse(all)
	return all, nil
}

func scanPast(r scanner) (p calendar.Booking, err error) {
	var from, start, end, to int64
	req := &p.Request
	if err = r.Scan(&req.ID, &req.Tenant, &req.Name, &from, &start, &end, &to); err != nil {
		return p, err
	}
	p.From, p.To = fromMS(from), fromMS(to)
	req.Start, req.End = fromMS(min(start, end)), fromMS(end)
	return p, nil
}

func (t *Tx) pastVnodes(p *calendar.Booking) error {
	type row struct {
		calendar.Vnode
		appliance string
		size      calendar.Size
	}
	rows, err := list(t, func(r scanner) (v row, err error) {
		return v, r.Scan(&v.Name, &v.Pnode, &v.appliance, &v.size.CPUs, &v.size.MemoryMiB, &v.size.DiskMiB)
	}, "SELECT name, pnode, appliance, cpus, memory_mib, disk_mib FROM vnodes WHERE cluster_id = ? ORDER BY idx", p.Request.ID)
	for _, v := range rows {
		p.Vnodes = append(p.Vnodes, v.Vnode)
		p.Request.Groups = append(p.Request.Groups, calendar.Group{Appliance: v.appliance, Count: 1, Size: v.size, Names: []string{v.Name}})
	}
	return err
}

// States returns the states of some clusters, by ID.
func (t *Tx) States(ids []string) (map[string]cluster.State, error) {
	wanted, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	states := map[string]cluster.State{}
	_, err = list(t, func(r scanner) (struct{}, error) {
		var id string
		var state cluster.State
		err := r.Scan(&id, &state)
		states[id] = state
		return struct{}{}, err
	}, "SELECT id, state FROM clusters WHERE id IN (SELECT value FROM json_each(?))", string(wanted))
	return states, err
}
