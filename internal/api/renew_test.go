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
	report := func(e agentapi.Enrolled) error {
		a, err := agentapi.New(s.address, e)
		must(t, err)
		defer a.HTTPClient().CloseIdleConnections()
		return a.Report(ctx, pnode.Report{})
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
	must(t, a.Report(ctx, pnode.Report{}))

	var kept agentapi.Enrolled
	must(t, a.Renew(ctx, func(e agentapi.Enrolled) error { kept = e; return nil }))
	must(t, report(first))
	wantKind(t, report(lost), fault.Unauthorized)
	must(t, a.Report(ctx, pnode.Report{}))
	wantKind(t, report(first), fault.Unauthorized)
	must(t, report(kept))
	a.HTTPClient().CloseIdleConnections()
}
