package api

import (
	"errors"
	"testing"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/fault"
	"quarry/internal/pki"
	"quarry/internal/pnode"
)

// A pnode that renews its certificate is known by the old one until it uses
// the new one, and by no third.
func TestRenewCertificate(t *testing.T) {
	s := newSite(t)
	s.run()
	ctx, first := t.Context(), s.enrol("p1")
	reportBy := func(e agentapi.Enrolled) error {
		a, err := agentapi.New(s.address, e)
		must(t, err)
		defer a.HTTPClient().CloseIdleConnections()
		return report(ctx, a, pnode.Report{})
	}
	a, err := agentapi.New(s.address, first)
	must(t, err)
	if left := time.Until(a.RenewAt()); left < pki.ClientLifetime/2 || left > pki.ClientLifetime*3/4 {
		t.Errorf("renewed %s from now", left)
	}

	lost := agentapi.Enrolled{}
	err = a.Renew(ctx, func(e agentapi.Enrolled) error { lost = e; return errors.New("disk full") })
	if err == nil {
		t.Error("renewed although the new certificate was not kept")
	}
	must(t, report(ctx, a, pnode.Report{}))

	var kept agentapi.Enrolled
	must(t, a.Renew(ctx, func(e agentapi.Enrolled) error { kept = e; return nil }))
	must(t, reportBy(first))
	wantKind(t, reportBy(lost), fault.Unauthorized)
	must(t, report(ctx, a, pnode.Report{}))
	wantKind(t, reportBy(first), fault.Unauthorized)
	must(t, reportBy(kept))
	a.HTTPClient().CloseIdleConnections()
}
