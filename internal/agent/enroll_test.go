package agent

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"quarry/internal/api/agentapi"
	"quarry/internal/fault"
	"quarry/internal/pki"
)

// testManager enrols whoever has the token "good", once.
func testManager(t *testing.T) (url string, ca []byte) {
	authority, err := pki.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	used := false
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ask agentapi.EnrolRequest
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || r.URL.Path != "/v1/enroll" || ask.Token != "good" || used {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		used = true
		cert, _, err := authority.SignCSR([]byte(ask.CSR), ask.Name, time.Now())
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(agentapi.EnrolAnswer{Certificate: string(cert), CA: string(authority.CertificatePEM())}) //nolint:errcheck // a test's server
	}))
	certificate, err := authority.ServerCertificate([]string{"127.0.0.1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, authority.CertificatePEM()
}

func TestEnroll(t *testing.T) {
	url, ca := testManager(t)
	dir := filepath.Join(t.TempDir(), "agent")
	cfg := EnrollConfig{Dir: dir, Server: url, Token: "bad", CA: ca, Name: "p1"}
	if _, err := readEnrolment(dir); fault.KindOf(err) != fault.NotFound {
		t.Errorf("before: %v", err)
	}
	if err := Enroll(t.Context(), cfg); err == nil {
		t.Error("a bad token was good enough")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a refused enrolment left something")
	}
	cfg.Token = "good"
	if err := Enroll(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	e, err := readEnrolment(dir)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(e.Certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || pki.PnodeName(cert) != "p1" {
		t.Errorf("enrolled as %q, %v", pki.PnodeName(cert), err)
	}
	if info, err := os.Stat(filepath.Join(dir, enrolmentFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key can be read: %v, %v", info.Mode(), err)
	}

	if err := Enroll(t.Context(), cfg); err != nil { // the token is used up: nothing must have been asked
		t.Errorf("again: %v", err)
	}
	cfg.Name = "p2"
	if err := Enroll(t.Context(), cfg); fault.KindOf(err) != fault.Conflict {
		t.Errorf("under another name: %v", err)
	}
	cfg.Force = true
	if err := Enroll(t.Context(), cfg); err == nil {
		t.Error("forced with a used token")
	}
	if e, err := readEnrolment(dir); err != nil || e.Name != "p1" {
		t.Errorf("a refused enrolment changed the old one: %v, %v", e.Name, err)
	}
	if _, closeAll, err := wire(Config{Dir: dir, Server: url}.withDefaults(), e); err != nil {
		t.Errorf("the enrolment cannot be used: %v", err)
	} else {
		closeAll()
	}
}

func TestEnrollNamesEveryFault(t *testing.T) {
	err := Enroll(t.Context(), EnrollConfig{Dir: t.TempDir(), Name: "P 1"})
	e, ok := err.(*fault.Error) //nolint:errorlint // it is made here
	if !ok || e.Kind != fault.Invalid || len(e.Details) != 3 {
		t.Errorf("%v", err)
	}
}

func TestOneAgentAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); fault.KindOf(err) != fault.Conflict {
		t.Errorf("second: %v", err)
	}
	first.Close()
	second, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}

func FuzzEnrolment(f *testing.F) {
	f.Add([]byte(`{"server":"https://m","name":"p1","key":"eA=="}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, enrolmentFile), raw, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := readEnrolment(dir)
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v", err)
		}
		_, err = agentapi.New(e.Server, agentapi.Enrolled{Key: e.Key, Certificate: e.Certificate, CA: e.CA})
		if err == nil {
			t.Error("rubbish is a good enrolment")
		}
	})
}
