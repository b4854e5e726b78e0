package agent

import (
	"context"
	"time"

	"quarry/internal/api/agentapi"
)

// renewEvery is how often a certificate is looked at: its days are counted by
// the wall clock, which a timer does not follow while a machine sleeps.
const renewEvery = time.Hour

// renewCertificate keeps the pnode's certificate from running out.
func (a *agent) renewCertificate(ctx context.Context) {
	for {
		if !time.Now().Before(a.manager.RenewAt()) {
			err := a.manager.Renew(ctx, a.keepCertificate)
			a.trouble("certificate", err)
			if err == nil {
				a.log.InfoContext(ctx, "certificate renewed", "due_again", a.manager.RenewAt())
			}
		}
		if !sleep(ctx, renewEvery) {
			return
		}
	}
}

func (a *agent) keepCertificate(e agentapi.Enrolled) error {
	held, err := readEnrolment(a.files.dir)
	if err != nil {
		return err
	}
	held.Key, held.Certificate, held.CA = e.Key, e.Certificate, e.CA
	return a.files.write(enrolmentFile, held)
}
