package store

import "quarry/internal/estimate"

// allMeasurements bounds how many measurements there are, whatever they are
// of: profiles and pnodes come and go.
const allMeasurements = 100_000

// InsertMeasurement adds one measurement and forgets the oldest of its stage,
// profile, size and pnode beyond estimate.Keep.
func (t *Tx) InsertMeasurement(s estimate.Sample) error {
	_, err := t.exec("INSERT INTO measurements (stage, tenant, profile, size, pnode, crowd, seconds, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		string(s.Stage), s.Tenant, s.Profile, s.Size, s.Pnode, s.Crowd, s.Seconds, ms(s.At))
	if err != nil {
		return err
	}
	const same = "stage = ? AND tenant = ? AND profile = ? AND size = ? AND pnode = ?"
	key := []any{string(s.Stage), s.Tenant, s.Profile, s.Size, s.Pnode}
	_, err = t.exec("DELETE FROM measurements WHERE "+same+" AND id <= (SELECT id FROM measurements WHERE "+same+
		" ORDER BY id DESC LIMIT 1 OFFSET ?)", append(append(key, key...), estimate.Keep)...)
	if err != nil {
		return err
	}
	_, err = t.exec("DELETE FROM measurements WHERE id <= (SELECT max(id) FROM measurements) - ?", allMeasurements)
	return err
}

// Measurements returns all measurements, the oldest first.
func (t *Tx) Measurements() ([]estimate.Sample, error) {
	return list(t, func(r scanner) (s estimate.Sample, err error) {
		var at int64
		err = r.Scan(&s.Stage, &s.Tenant, &s.Profile, &s.Size, &s.Pnode, &s.Crowd, &s.Seconds, &at)
		s.At = fromMS(at)
		return s, err
	}, "SELECT stage, tenant, profile, size, pnode, crowd, seconds, at FROM measurements ORDER BY id")
}
