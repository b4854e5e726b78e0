// Package pki is the manager's own certificate authority: it makes the
// manager's server certificate and the client certificates by which pnodes
// are known. Keys are ECDSA P-256. A pnode's key never leaves the pnode: only
// a signing request does. Time is an argument everywhere.
package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Lifetimes of certificates.
const (
	CALifetime     = 20 * 365 * 24 * time.Hour
	ServerLifetime = 365 * 24 * time.Hour
	ClientLifetime = 365 * 24 * time.Hour
)

// backdate allows for clocks that are a little behind the manager's.
const backdate = 5 * time.Minute

// CA is a certificate authority with its private key.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes a CA with a fresh key.
func New(now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		// Two sites' CAs must not be taken for each other: the name has the serial.
		Subject:   pkix.Name{CommonName: "Quarry site CA " + serial.Text(16)[:8]},
		NotBefore: now.Add(-backdate), NotAfter: now.Add(CALifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the CA's certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the CA's certificate: %w", err)
	}
	return &CA{cert: cert, key: key}, nil
}

// Encode returns certificate and private key as PEM: a secret.
func (c *CA) Encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil, fmt.Errorf("encode the CA's key: %w", err)
	}
	return append(c.CertificatePEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// Parse reads what Encode wrote.
func Parse(raw []byte) (*CA, error) {
	c := &CA{}
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read the CA's certificate: %w", err)
			}
			c.cert = cert
		case "PRIVATE KEY":
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return nil, fmt.Errorf("read the CA's key: %w", err)
			}
			c.key, _ = key.(*ecdsa.PrivateKey)
		}
	}
	if c.cert == nil || c.key == nil || !c.key.PublicKey.Equal(c.cert.PublicKey) {
		return nil, errors.New("read the CA: it needs a certificate and its ECDSA key")
	}
	return c, nil
}

// CertificatePEM returns the CA's certificate, which is public.
func (c *CA) CertificatePEM() []byte {
	return encodeCertificate(c.cert.Raw)
}

// Pool returns a pool that trusts this CA alone.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.cert)
	return pool
}

// sign completes a template and signs it for a public key.
func (c *CA) sign(template *x509.Certificate, public any, now time.Time, lifetime time.Duration) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = now.Add(-backdate), now.Add(lifetime)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	return x509.CreateCertificate(rand.Reader, template, c.cert, public, c.key)
}

// newSerial draws 127 random bits with the highest set, so that every serial
// has the same length.
func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, fmt.Errorf("draw a serial number: %w", err)
	}
	return n.SetBit(n, 126, 1), nil
}

func encodeCertificate(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// decodeOne returns the only PEM block of raw, which must have that type.
func decodeOne(raw []byte, blockType string) ([]byte, error) {
	block, rest := pem.Decode(raw)
	if block == nil || block.Type != blockType || len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("it is not one PEM block %q", blockType)
	}
	return block.Bytes, nil
}
