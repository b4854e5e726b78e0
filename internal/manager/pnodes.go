package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quarry/internal/calendar"
	"quarry/internal/cluster"
	"quarry/internal/fault"
	"quarry/internal/pnode"
	"quarry/internal/store"
)

// PnodeInfo is a pnode as the provider sees it.
type PnodeInfo struct {
	Name       string      `json:"name"`
	State      string      `json:"state"` // "ready", "drained", "lost", "new"
	Facts      pnode.Facts `json:"facts"`
	EnrolledAt time.Time   `json:"enrolledAt"`
	LastSeen   time.Time   `json:"lastSeen"`
	Version    int64       `json:"version"`
	// Settings are the provider's; Offers is what it gives away by them.
	Settings calendar.Settings `json:"settings"`
	Offers   calendar.Size     `json:"offers"`
	// Vnodes are "tenant/cluster/vnode" of what is placed here now.
	Vnodes []string `json:"vnodes"`
	// ClockAheadSeconds is how far its clock is ahead of the site's time, when
	// that is more than messages take.
	ClockAheadSeconds float64  `json:"clockAheadSeconds,omitempty"`
	Errors            []string `json:"errors,omitempty"`
}

// clockOff is by how much a pnode's clock may be off before that is told.
const clockOff = 5 * time.Second

// EnrolmentToken lets one pnode enrol once. Token is told this one time.
type EnrolmentToken struct {
	Token     string    `json:"token"`
	Pnode     string    `json:"pnode"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// lost reports whether a pnode has been silent for too long since the manager
// began. A clock that was set silences nobody.
func (m *Manager) lost(pnode string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.clock.Elapsed()-m.reports[pnode].heard > lostAfter
}

// Pnodes lists every pnode.
func (m *Manager) Pnodes(ctx context.Context, p Principal) (list []PnodeInfo, err error) {
	if err := provider(p); err != nil {
		return nil, err
	}
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Pnodes()
		if err != nil {
			return err
		}
		live, err := tx.Clusters(store.ClusterFilter{Live: true})
		for _, row := range rows {
			list = append(list, m.pnodeInfo(row, live))
		}
		return err
	})
	return list, err
}

// Pnode returns one pnode.
func (m *Manager) Pnode(ctx context.Context, p Principal, name string) (info PnodeInfo, err error) {
	if err := provider(p); err != nil {
		return PnodeInfo{}, err
	}
	err = m.Store.View(ctx, func(tx *store.Tx) error {
		row, err := tx.Pnode(name)
		if err != nil {
			return err
		}
		info, err = m.pnodeIn(tx, row)
		return err
	})
	return info, err
}

func (m *Manager) pnodeIn(tx *store.Tx, row store.Pnode) (PnodeInfo, error) {
	live, err := tx.Clusters(store.ClusterFilter{Live: true, Pnode: row.Name})
	return m.pnodeInfo(row, live), err
}

func (m *Manager) pnodeInfo(row store.Pnode, live []cluster.Cluster) PnodeInfo {
	info := PnodeInfo{
		Name: row.Name, State: "ready", Facts: row.Facts, EnrolledAt: row.EnrolledAt,
		LastSeen: row.LastSeen, Version: row.Version, Vnodes: []string{}, Settings: row.Settings,
	}
	seen := m.calendarPnode(row)
	info.Offers = seen.Overcommit.Of(seen.Capacity)
	m.mu.Lock()
	r, reported := m.reports[row.Name]
	m.mu.Unlock()
	if reported {
		info.LastSeen, info.Errors = r.at.UTC(), r.Errors
	}
	if ahead, _ := m.clock.WitnessAhead(row.Name); ahead.Abs() > clockOff {
		info.ClockAheadSeconds = ahead.Round(time.Second).Seconds()
	}
	switch {
	case row.Facts.Accelerator == "":
		info.State = "new" // it has not measured itself yet
	case m.lost(row.Name):
		info.State = "lost"
	case row.Drained:
		info.State = "drained"
	}
	for _, c := range live {
		for _, n := range c.Nodes {
			if n.Pnode == row.Name {
				info.Vnodes = append(info.Vnodes, c.Tenant+"/"+c.Name+"/"+n.Name)
			}
		}
	}
	return info
}

// DrainPnode keeps new vnodes away from a pnode, or lets them come again.
// What runs there stays until its end.
func (m *Manager) DrainPnode(ctx context.Context, p Principal, name string, drain bool, ifMatch int64) (PnodeInfo, error) {
	return m.changePnode(ctx, p, name, ifMatch, func(tx *store.Tx, row *store.Pnode) error {
		if row.Drained == drain {
			return nil
		}
		row.Drained = drain
		return tx.PutPnode(*row)
	})
}

// PnodeToken makes a token with which the pnode of that name enrols, once,
// within ttl.
func (m *Manager) PnodeToken(ctx context.Context, p Principal, name string, ttl time.Duration) (EnrolmentToken, error) {
	if err := provider(p); err != nil {
		return EnrolmentToken{}, err
	}
	var l fault.List
	if !cluster.ValidName(name) {
		l.Add("name", fmt.Sprintf("%q is not a DNS label", name))
	}
	if ttl <= 0 || ttl > 24*time.Hour {
		l.Add("ttl", fmt.Sprintf("%s is not between 1s and 24h", ttl))
	}
	if err := l.Err(fault.Invalid, "the enrolment token cannot be made"); err != nil {
		return EnrolmentToken{}, err
	}
	secret := enrolmentPrefix + randomText(32)
	at := m.Now().Add(ttl)
	made := EnrolmentToken{Token: secret, Pnode: name, ExpiresAt: at}
	err := m.Store.Update(ctx, func(tx *store.Tx) error {
		if err := tx.InsertEnrolment(store.Enrolment{Hash: hashSecret(secret), Pnode: name, ExpiresAt: at}); err != nil {
			return err
		}
		return p.answered(tx, made)
	})
	return made, err
}

// Enroll trades an enrolment token for a certificate of the pnode it was made
// for. The refusal does not tell why; the log does.
func (m *Manager) Enroll(ctx context.Context, token, name string, csr []byte) (certificate, authority []byte, err error) {
	now := m.Now()
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		e, err := tx.UseEnrolment(hashSecret(token), now)
		if err == nil && e.Pnode != name {
			err = errWrongPnode
		}
		if err != nil {
			return err
		}
		cert, serial, err := m.CA.SignCSR(csr, name, now)
		if err != nil {
			return fault.New(fault.Invalid, "the pnode cannot be enrolled", fault.Detail{Field: "csr", Message: err.Error()})
		}
		certificate = cert
		row, err := tx.Pnode(name)
		if fault.KindOf(err) == fault.NotFound {
			row, err = store.Pnode{Name: name}, nil
		}
		if err != nil {
			return err
		}
		row.EnrolledAt, row.LastSeen, row.CertSerial, row.CertNext = now, now, serial, ""
		return tx.PutPnode(row)
	})
	switch {
	case errors.Is(err, store.ErrEnrolmentUnknown), errors.Is(err, store.ErrEnrolmentExpired),
		errors.Is(err, store.ErrEnrolmentUsed), errors.Is(err, errWrongPnode):
		m.Log.WarnContext(ctx, "enrolment refused", "pnode", name, "reason", err)
		return nil, nil, fault.New(fault.Unauthorized, "not enrolled", fault.Detail{
			Field: "token", Message: "the enrolment token is unknown, expired, used or another pnode's: make a new one with quarry node token",
		})
	case err != nil:
		return nil, nil, err
	}
	m.Log.InfoContext(ctx, "pnode enrolled", "pnode", name)
	return certificate, m.CA.CertificatePEM(), nil
}

var errWrongPnode = errors.New("enrolment token of another pnode")
