package agentapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"quarry/internal/pki"
)

// RenewAt is when the certificate is due to be renewed: a third of its life is
// left then.
func (c *Client) RenewAt() time.Time {
	leaf := c.now.Load().leaf
	return leaf.NotAfter.Add(-leaf.NotAfter.Sub(leaf.NotBefore) / 3)
}

// Renew gets a new certificate for a new key, and asks with it once keep has
// stored it. The old one is good until then.
func (c *Client) Renew(ctx context.Context, keep func(Enrolled) error) error {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	old := c.now.Load()
	key, csr, err := pki.NewRequest(pki.PnodeName(old.leaf))
	if err != nil {
		return err
	}
	where := old.link.Address("agent", "v1", "certificate").String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(csr))
	if err != nil {
		return fmt.Errorf("ask for a certificate: %w", err)
	}
	resp, err := old.link.Exchange(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	certificate, err := io.ReadAll(io.LimitReader(resp.Body, pki.MaxCSR))
	if err != nil {
		return fmt.Errorf("read the new certificate: %w", err)
	}
	next := Enrolled{Key: key, Certificate: certificate, CA: old.enrolled.CA}
	if err := check(next); err != nil {
		return err
	}
	if err := keep(next); err != nil {
		return err
	}
	return c.identify(next)
}
