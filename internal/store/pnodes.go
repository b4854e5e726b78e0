package store

import (
	"encoding/json"
	"fmt"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/pnode"
)

// Pnode is a machine that has enrolled.
type Pnode struct {
	Name       string
	Facts      pnode.Facts
	Drained    bool
	Settings   calendar.Settings // the provider's
	EnrolledAt time.Time
	LastSeen   time.Time
	CertSerial string // of the certificate it must show, hex
	// CertNext is of the certificate it was given to replace that one, "" if
	// it has shown it or never asked.
	CertNext string
	Version  int64 // set by the store: grows with every PutPnode
}

const pnodeColumns = "name, facts, drained, enrolled_at, last_seen, cert_serial, cert_next, settings, version"

// PutPnode adds or replaces a pnode and bumps its version.
func (t *Tx) PutPnode(v Pnode) error {
	facts, err := json.Marshal(v.Facts)
	if err != nil {
		return fmt.Errorf("encode facts of pnode %s: %w", v.Name, err)
	}
	settings, err := json.Marshal(v.Settings)
	if err != nil {
		return fmt.Errorf("encode settings of pnode %s: %w", v.Name, err)
	}
	_, err = t.exec(`INSERT INTO pnodes (`+pnodeColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1)
		ON CONFLICT (name) DO UPDATE SET facts = excluded.facts, drained = excluded.drained,
			enrolled_at = excluded.enrolled_at, last_seen = excluded.last_seen,
			cert_serial = excluded.cert_serial, cert_next = excluded.cert_next,
			settings = excluded.settings, version = pnodes.version + 1`,
		v.Name, string(facts), v.Drained, ms(v.EnrolledAt), ms(v.LastSeen), v.CertSerial, v.CertNext, string(settings))
	return err
}

// SeenPnode notes what a pnode reported and when, leaving its version.
func (t *Tx) SeenPnode(name string, facts pnode.Facts, at time.Time) error {
	raw, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("encode facts of pnode %s: %w", name, err)
	}
	n, err := t.exec("UPDATE pnodes SET facts = ?, last_seen = ? WHERE name = ?", string(raw), ms(at), name)
	if err == nil && n == 0 {
		return notFound("pnode", name)
	}
	return err
}

// Pnodes returns every pnode by name.
func (t *Tx) Pnodes() ([]Pnode, error) {
	return list(t, scanPnode, "SELECT "+pnodeColumns+" FROM pnodes ORDER BY name")
}

// Pnode returns one pnode or a fault.NotFound.
func (t *Tx) Pnode(name string) (Pnode, error) {
	return one(t, "pnode", name, scanPnode, "SELECT "+pnodeColumns+" FROM pnodes WHERE name = ?", name)
}

func scanPnode(r scanner) (v Pnode, err error) {
	var facts, settings string
	var enrolled, seen int64
	if err = r.Scan(&v.Name, &facts, &v.Drained, &enrolled, &seen, &v.CertSerial, &v.CertNext, &settings, &v.Version); err != nil {
		return v, err
	}
	v.EnrolledAt, v.LastSeen = fromMS(enrolled), fromMS(seen)
	if err = json.Unmarshal([]byte(facts), &v.Facts); err != nil {
		return v, fmt.Errorf("decode facts of pnode %s: %w", v.Name, err)
	}
	if err = json.Unmarshal([]byte(settings), &v.Settings); err != nil {
		return v, fmt.Errorf("decode settings of pnode %s: %w", v.Name, err)
	}
	return v, nil
}
