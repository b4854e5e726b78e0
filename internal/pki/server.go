package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"sync"
	"time"
)

// ServerCertificate makes a key and a certificate for the manager under the
// given host names and IP addresses.
func (c *CA) ServerCertificate(hosts []string, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make the server's key: %w", err)
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "Quarry manager"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := c.sign(template, key.Public(), now, ServerLifetime)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign the server's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign the server's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// ServerTLS returns the manager's TLS configuration. It makes a new server
// certificate whenever a third of the old one's life is left. Clients may
// show a certificate; one that this CA did not sign fails the handshake.
func (c *CA) ServerTLS(hosts []string, now func() time.Time) *tls.Config {
	var mu sync.Mutex
	var current *tls.Certificate
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientAuth: tls.VerifyClientCertIfGiven,
		ClientCAs:  c.Pool(),
		Time:       now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			at := now()
			if current != nil && at.Before(current.Leaf.NotAfter.Add(-ServerLifetime/3)) {
				return current, nil
			}
			made, err := c.ServerCertificate(hosts, at)
			if err != nil {
				return nil, err
			}
			current = &made
			return current, nil
		},
	}
}
