package manager

import (
	"context"

	"quarry/internal/fault"
	"quarry/internal/store"
)

// AuthenticatePnode tells whether a client certificate is the current one of
// its pnode, or the one that the pnode was given to replace it: the first use
// of that ends the old one.
func (m *Manager) AuthenticatePnode(ctx context.Context, name, serial string) (Principal, error) {
	var row store.Pnode
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) {
		row, err = tx.Pnode(name)
		return err
	})
	if err == nil && row.CertNext == serial && serial != "" {
		row, err = m.promoteCertificate(ctx, name, serial)
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Principal{}, err
	}
	if err != nil || row.CertSerial != serial {
		m.Log.WarnContext(ctx, "pnode certificate refused", "pnode", name, "serial", serial)
		return Principal{}, fault.New(fault.Unauthorized, "not authenticated",
			fault.Detail{Message: "this certificate is not the current one of its pnode: enrol it again"})
	}
	return Principal{Role: RolePnode, Pnode: name}, nil
}

func (m *Manager) promoteCertificate(ctx context.Context, name, serial string) (row store.Pnode, err error) {
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		row, err = tx.Pnode(name)
		if err != nil || row.CertNext != serial {
			return err
		}
		row.CertSerial, row.CertNext = serial, ""
		return tx.PutPnode(row)
	})
	return row, err
}

// RenewCertificate signs a new certificate for the pnode that asks. The one it
// asked with stays good until the new one is used.
func (m *Manager) RenewCertificate(ctx context.Context, p Principal, csr []byte) (certificate []byte, err error) {
	if p.Role != RolePnode {
		return nil, fault.New(fault.Forbidden, "only a pnode renews its certificate")
	}
	err = m.Store.Update(ctx, func(tx *store.Tx) error {
		row, err := tx.Pnode(p.Pnode)
		if err != nil {
			return err
		}
		certificate, row.CertNext, err = m.CA.SignCSR(csr, p.Pnode, m.Now())
		if err != nil {
			return err
		}
		return tx.PutPnode(row)
	})
	if err != nil {
		return nil, err
	}
	m.Log.InfoContext(ctx, "pnode certificate renewed", "pnode", p.Pnode)
	return certificate, nil
}
