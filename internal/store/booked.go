package store

import "time"

// BookedIDs returns the IDs of up to limit clusters that were booked before to
// and not over at from, in the order in which they were booked, those after the
// one that is named; "" begins.
func (t *Tx) BookedIDs(from, to time.Time, after string, limit int) ([]string, error) {
	return list(t, func(r scanner) (id string, err error) { return id, r.Scan(&id) },
		`SELECT id FROM clusters WHERE created_at < ? AND (live = 1 OR end_at > ?)
			AND (? = '' OR (created_at, rowid) > (SELECT created_at, rowid FROM clusters WHERE id = ?))
		ORDER BY created_at, rowid LIMIT ?`, ms(to), ms(from), after, after, limit)
}
