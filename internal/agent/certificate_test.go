package agent

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestCertificateIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old := enrolment{Server: "https://manager:7443", Name: "p1", Certificate: []byte("old")}
		if err := (files{dir: w.dir}).write(enrolmentFile, old); err != nil {
			t.Fatal(err)
		}
		w.renewAt = time.Now().Add(3 * 24 * time.Hour)
		p := w.start()
		defer p.stop()
		held := func() string {
			e, err := readEnrolment(w.dir)
			if err != nil || e.Name != "p1" || e.Server != old.Server {
				t.Errorf("enrolled as %q at %q: %v", e.Name, e.Server, err)
			}
			return string(e.Certificate)
		}
		time.Sleep(3*24*time.Hour - time.Minute)
		synctest.Wait()
		if got := held(); got != "old" {
			t.Errorf("the certificate is %q before it is due", got)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if got := held(); got != "new" {
			t.Errorf("the certificate is %q after it was due", got)
		}
	})
}
