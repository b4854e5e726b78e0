package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"quarry/internal/fault"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newCA(t testing.TB) *CA {
	t.Helper()
	ca, err := New(t0)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func TestEncodeParse(t *testing.T) {
	ca := newCA(t)
	raw, err := ca.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.CertificatePEM(), ca.CertificatePEM()) || !again.key.Equal(ca.key) {
		t.Error("another CA came back")
	}
	other, err := newCA(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	_, otherKey, _ := strings.Cut(string(other), "-----END CERTIFICATE-----\n")
	for name, bad := range map[string]string{
		"empty": "", "no key": string(ca.CertificatePEM()), "another's key": string(ca.CertificatePEM()) + otherKey,
	} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// clientOf enrols a pnode with ca and returns what it would show.
func clientOf(t *testing.T, ca *CA, name string, now time.Time) tls.Certificate {
	t.Helper()
	key, csr, err := NewRequest("it says something else")
	if err != nil {
		t.Fatal(err)
	}
	cert, serial, err := ca.SignCSR(csr, name, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if got := PnodeName(pair.Leaf); got != name {
		t.Errorf("certificate of %q, want %q", got, name)
	}
	if got := Serial(pair.Leaf); got != serial {
		t.Errorf("serial %s, want %s", got, serial)
	}
	return pair
}

// handshake returns what the server saw, and the errors of both sides.
func handshake(t *testing.T, server, client *tls.Config) (name string, err error) {
	t.Helper()
	// A pipe without a buffer would let both sides wait for the other to read.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan error, 1)
	go func() {
		c, err := tls.Dial("tcp", l.Addr().String(), client)
		if err == nil {
			_, err = c.Write([]byte("x"))
			err = errors.Join(err, c.CloseWrite())
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
		done <- err
	}()
	raw, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s := tls.Server(raw, server)
	_, err = io.ReadFull(s, make([]byte, 1))
	if certs := s.ConnectionState().PeerCertificates; err == nil && len(certs) > 0 {
		name = PnodeName(certs[0])
	}
	_ = s.Close()
	return name, errors.Join(err, <-done)
}

func TestHandshakes(t *testing.T) {
	ca, foreign := newCA(t), newCA(t)
	later := t0.Add(ClientLifetime + time.Hour)
	server := newCA(t) // a server certificate must not pass for a pnode's
	server.cert, server.key = ca.cert, ca.key
	asServer, err := server.ServerCertificate([]string{"p1"}, t0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		shown []tls.Certificate
		host  string
		trust *CA
		now   time.Time
		want  string
		fails bool
	}{
		{name: "a pnode", shown: []tls.Certificate{clientOf(t, ca, "p1", t0)}, host: "manager", trust: ca, now: t0, want: "p1"},
		{name: "by address", host: "198.18.0.2", trust: ca, now: t0},
		{name: "no certificate", host: "manager", trust: ca, now: t0},
		{name: "another name", host: "elsewhere", trust: ca, now: t0, fails: true},
		{name: "another site's manager", host: "manager", trust: foreign, now: t0, fails: true},
		{name: "another site's pnode", shown: []tls.Certificate{clientOf(t, foreign, "p1", t0)}, host: "manager", trust: ca, now: t0, fails: true},
		{name: "an expired pnode", shown: []tls.Certificate{clientOf(t, ca, "p1", t0)}, host: "manager", trust: ca, now: later, fails: true},
		{name: "a server as pnode", shown: []tls.Certificate{asServer}, host: "manager", trust: ca, now: t0, fails: true},
		{name: "the server renews itself", host: "manager", trust: ca, now: later},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := func() time.Time { return c.now }
			config := ca.ServerTLS([]string{"manager", "198.18.0.2"}, now)
			// It sends its certificate even when the server's hint names another CA.
			show := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(c.shown) == 0 {
					return &tls.Certificate{}, nil
				}
				return &c.shown[0], nil
			}
			got, err := handshake(t, config, &tls.Config{RootCAs: c.trust.Pool(), ServerName: c.host, GetClientCertificate: show, Time: now})
			if (err != nil) != c.fails || got != c.want {
				t.Errorf("pnode %q, error %v", got, err)
			}
		})
	}
}

func TestServerCertificateIsKept(t *testing.T) {
	now := t0
	config := newCA(t).ServerTLS([]string{"manager"}, func() time.Time { return now })
	get := func() *x509.Certificate {
		c, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf
	}
	first := get()
	now = t0.Add(ServerLifetime / 2)
	if !get().Equal(first) {
		t.Error("a new certificate at half its life")
	}
	now = t0.Add(ServerLifetime * 3 / 4)
	if get().Equal(first) {
		t.Error("the old certificate at three quarters of its life")
	}
}

func TestBadRequests(t *testing.T) {
	ca := newCA(t)
	_, good, err := NewRequest("p1")
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(good, []byte("M"), []byte("N"), 1)
	for name, bad := range map[string][]byte{
		"empty": nil, "garbage": []byte("garbage"), "a certificate": ca.CertificatePEM(),
		"damaged": damaged, "two": append(bytes.Clone(good), good...), "huge": bytes.Repeat([]byte("x"), MaxCSR+1),
	} {
		if _, _, err := ca.SignCSR(bad, "p1", t0); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSignCSR(f *testing.F) {
	ca := newCA(f)
	_, good, err := NewRequest("p1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		cert, _, err := ca.SignCSR(raw, "p1", t0)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("an unexpected error: %v", err)
			}
			return
		}
		der, err := decodeOne(cert, "CERTIFICATE")
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil || PnodeName(parsed) != "p1" || parsed.IsCA {
			t.Errorf("signed something else: %v", err)
		}
	})
}
